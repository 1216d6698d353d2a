// Exported segments and lock files: files that stand alone, and that come back from who knows where. Every flipped bit of
// an exported segment is refused, a hostile one with right checksums too or read for what it is; no text in a lock file
// does more than keep the log locked.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seeded } from '../../src/base/random.js';
import { writeCheckpointRecord } from '../../src/log/checkpoint-record.js';
import { logFileName } from '../../src/log/names.js';
import { exportSegment, readSegmentFile } from '../../src/recovery/segment-file.js';
import { acquireLock } from '../../src/storage/lock.js';
import { MemoryDirectory } from '../../src/storage/memory-directory.js';
import { NodeDirectory } from '../../src/storage/node-directory.js';
import { type Corpus, describeLog, makeByteCorpus } from '../support/byte-corpus.js';
import { hostileLogs, makeHostile } from '../support/hostile-log.js';
import { LogAnatomy } from '../support/log-anatomy.js';
import { codeOf, copyDirectory, readFile, transcript } from '../support/log-builder.js';
import { inTemporaryDirectory } from '../support/temporary-path.js';
import { testSeed } from '../support/workload-check.js';

/** Of the structures all bits are flipped, of everything else one in so many bytes. */
const FLIP_EVERY_BYTES = 96;
const HOSTILE_FILES = 250;

/** The epoch with the jumbo and the void as an exported file, and as a log of its own. */
async function exported(path: string): Promise<{ file: string; corpus: Corpus; lines: string[] }> {
  const { directory, map, scan } = await makeByteCorpus(true);
  const db = join(path, 'db');
  copyDirectory(directory, new NodeDirectory(`${db}-wal`));
  const { epoch, file } = map.find(({ kind, offset, end }) => kind === 'frame' && end - offset > 4096)!;
  const exportedPath = await exportSegment(db, epoch);
  const target = transcript();
  const report = await readSegmentFile(exportedPath, target);
  expect(report).toMatchObject({ epoch, voids: 1, commitsApplied: 3 });
  const folder = new NodeDirectory(path);
  const alone = new MemoryDirectory({ pretendSync: true });
  alone.create({ sync: false });
  const { fileNumber } = scan.chain.files.find((part) => part.file.name === file)!.file;
  alone.open(logFileName(fileNumber), 'create').write([readFile(folder, exportedPath.slice(path.length + 1))], 0);
  const covered = { throughSeq: report.firstSeq - 1, throughEpoch: epoch - 1, syncedThrough: epoch, generation: 1 };
  const { logId, incarnation } = report;
  writeCheckpointRecord(alone, { ...covered, logId, incarnation, wallClockMs: 1 }, { sync: false });
  return { file: exportedPath, corpus: await describeLog(alone), lines: target.lines };
}

test('every flipped bit of an exported segment is refused, where it is', async () => {
  await inTemporaryDirectory(async (path) => {
    const { file, corpus } = await exported(path);
    const random = seeded(testSeed('exported segments'));
    const units = corpus.map.filter(({ kind }) => kind !== 'checkpoint');
    const bytes = readFile(new NodeDirectory(path), file.slice(path.length + 1));
    const flip = async (at: number, bit: number, offset: number): Promise<void> => {
      bytes[at]! ^= 1 << bit;
      writeFileSync(file, bytes);
      const target = transcript();
      await expect(readSegmentFile(file, target), `bit ${bit} of ${at}`).rejects.toMatchObject({
        code: 'ERR_WAL_CORRUPT',
        details: { offset },
      });
      expect(target.lines).toEqual([]);
      bytes[at]! ^= 1 << bit;
    };
    for (const { offset, end } of units) {
      for (let at = offset; at < end; at += at - offset < 8 ? 1 : FLIP_EVERY_BYTES) {
        await flip(at, Math.floor(random() * 8), offset);
      }
    }
    writeFileSync(file, bytes);
    await readSegmentFile(file);
  });
});

test('an exported segment that is cut, or longer than it says, is refused', async () => {
  await inTemporaryDirectory(async (path) => {
    const { file } = await exported(path);
    const bytes = readFile(new NodeDirectory(path), file.slice(path.length + 1));
    for (let length = 0; length < bytes.length; length += 512) {
      writeFileSync(file, bytes.subarray(0, length));
      expect(await codeOf(readSegmentFile(file)), `${length} bytes`).toBe('ERR_WAL_CORRUPT');
    }
    writeFileSync(file, Buffer.concat([bytes, Buffer.alloc(1)]));
    expect(await codeOf(readSegmentFile(file))).toBe('ERR_WAL_CORRUPT');
  });
});

test('a hostile exported segment with right checksums is refused, or read for what it is (F31)', async () => {
  await inTemporaryDirectory(async (path) => {
    const { file, corpus } = await exported(path);
    const anatomy = new LogAnatomy(corpus.directory, corpus.map);
    const outcomes: Record<string, number> = {};
    const read = async (hostile: Parameters<typeof makeHostile>[0]): Promise<void> => {
      const made = makeHostile(hostile, corpus, anatomy);
      const [name] = made.list().filter((one) => one.endsWith('.wal'));
      if (name === undefined) return;
      writeFileSync(file, readFile(made, name));
      const outcome = await codeOf(readSegmentFile(file, { commit: (one) => void [...one.records()] }));
      const label = typeof outcome === 'string' ? outcome : 'read';
      if (typeof outcome !== 'string') expect(outcome).toHaveProperty('commitsApplied');
      expect(['ERR_WAL_CORRUPT', 'ERR_WAL_VERSION', 'read']).toContain(label);
      outcomes[label] = (outcomes[label] ?? 0) + 1;
    };
    const seed = testSeed('hostile exported segments');
    await fc.assert(fc.asyncProperty(hostileLogs(1), read), { seed, numRuns: HOSTILE_FILES });
    console.log(`hostile exported segments: ${JSON.stringify(outcomes)}`);
    expect(Object.keys(outcomes).sort()).toEqual(['ERR_WAL_CORRUPT', 'ERR_WAL_VERSION', 'read']);
  });
});

test('whatever stands in a lock file, taking the lock succeeds or says who holds it', async () => {
  await inTemporaryDirectory(async (path) => {
    const holder = (change: object): string => JSON.stringify({ pid: 1, host: 'h', startedAtMs: 1, ...change });
    const texts = ['', '{', 'null', '[]', '0', '"x"', '{}', '\0'.repeat(5000), '{"pid":'.repeat(2000), '\ud800'];
    for (const pid of [0, -1, 1, 2 ** 31, 2 ** 53, 1.5, '1', null]) texts.push(holder({ pid }));
    texts.push(holder({ host: 7 }), holder({ startedAtMs: 'x' }), holder({ processStart: {} }));
    for (const kind of ['native', 'pid-file'] as const) {
      for (const [index, text] of texts.entries()) {
        const name = `lock-${kind}-${index}`;
        writeFileSync(join(path, name), text);
        writeFileSync(join(path, `${name}.pid`), text);
        const taken = await codeOf((async () => acquireLock(path, name, { kind }).release())());
        expect([undefined, 'ERR_WAL_LOCKED'], `${kind}: ${text.slice(0, 60)}`).toContain(taken);
      }
    }
  });
});
