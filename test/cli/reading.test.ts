// Goal: verify, inspect and stat tell the truth about a log in any state and change nothing. Method: logs that are
// missing, empty, open elsewhere, being written, and damaged.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { openWal } from '../../src/wal.js';
import {
  type InspectDocument,
  makeFolder,
  type RecoverDocument,
  readAcks,
  removeFolders,
  runCommand,
  runJson,
  runProcess,
  startCommand,
} from '../support/command-line.js';
import { readTrace, SerialReplay, tracePath } from '../support/traces.js';

afterEach(removeFolders);

const READING = ['inspect', 'verify', 'stat'] as const;
const INPUTS = [
  '--base',
  tracePath('torn-tail-4k', 'base.db.gz'),
  '--wal',
  tracePath('torn-tail-4k', 'trace.db-wal.gz'),
];

/** A log that nothing was checkpointed from. */
async function makeLog(): Promise<string> {
  const db = join(makeFolder(), 'a.db');
  await runJson(['replay', ...INPUTS, '--db', db, '--copies', '2', '--writers', '2', '--no-checkpoint']);
  return db;
}

/** Names, sizes, times and contents of everything in the folder of a database, but for spare files being made. */
function snapshot(db: string): unknown[] {
  const folder = join(db, '..');
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => !name.includes('spare-'));
  return names.sort().map((name) => {
    const stat = statSync(join(folder, name));
    if (!stat.isFile()) return [name];
    return [
      [
        name,
        stat.size,
        stat.mtimeMs,
        createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex'),
      ],
    ];
  });
}

describe('an empty log', () => {
  test.each([...READING, 'recover'] as const)('%s of a missing one ends well and makes nothing', async (command) => {
    const db = join(makeFolder(), 'a.db');
    const result = await runJson<InspectDocument>([command, db]);
    expect(result).toMatchObject({ firstSeq: 0, lastSeq: 0, tail: 'clean' });
    if (command === 'inspect') expect(result).toMatchObject({ files: [], segments: [] });
    expect((await runProcess([command, db])).status).toBe(0);
    expect(readdirSync(join(db, '..'))).toEqual([]);
  });

  test.each([...READING, 'recover'] as const)('%s of one whose only file has no header ends well', async (command) => {
    const db = join(makeFolder(), 'a.db');
    mkdirSync(`${db}-wal`);
    writeFileSync(join(`${db}-wal`, '0000000000000001.wal'), new Uint8Array(65_536));
    writeFileSync(db, '');
    expect(await runJson([command, db])).toMatchObject({ firstSeq: 0, lastSeq: 0, tail: 'clean' });
  });
});

test('inspect lists every transaction of every copy once, with its pages', async () => {
  const { trace } = await readTrace('torn-tail-4k');
  const db = await makeLog();
  const { segments, files, tail } = await runJson<InspectDocument>(['inspect', db]);
  expect(tail).toBe('clean');
  expect(files.length).toBeGreaterThan(1);
  const epochs = segments.filter(({ kind }) => kind === 'epoch');
  expect(epochs.map(({ epoch }) => epoch)).toEqual(epochs.map((_, index) => index + 1));
  for (const { firstSeq, endSeq, frames, certificate } of epochs) {
    expect(certificate).toMatchObject({ frameCount: frames.length, voids: [] });
    expect(frames.map(({ seq }) => seq)).toEqual(
      Array.from({ length: endSeq - firstSeq }, (_, index) => firstSeq + index),
    );
  }
  const frames = epochs.flatMap((segment) => segment.frames);
  expect(frames).toHaveLength(2 * trace.counts.transactions);
  for (const { txnId, pages } of frames) {
    const [first, end] = [trace.entryStarts[txnId - 1], trace.entryStarts[txnId]];
    expect(pages).toEqual([...trace.pageNumbers.subarray(first, end)]);
  }
  const grown = frames.filter(({ space, dbSizePages }) => space === 1 && dbSizePages !== null);
  expect(grown.map(({ dbSizePages }) => dbSizePages)).toEqual([301, 302, 303].slice(-grown.length));
});

test('reading takes no lock and changes nothing, and recovery respects the lock', async () => {
  const db = await makeLog();
  const wal = await openWal(db, { fsync: 'off', logFileBytes: 2 ** 20 });
  try {
    const before = snapshot(db);
    for (const command of READING) expect((await runCommand([command, db])).status).toBe(0);
    expect((await runCommand(['recover', db, '--dry-run'])).status).toBe(0);
    const { status, stderr, stdout } = await runProcess(['recover', db]);
    expect([status, stdout]).toEqual([3, '']);
    expect(stderr).toMatch(/^lanewal: .*\(ERR_WAL_LOCKED\)\n$/);
    expect(snapshot(db)).toEqual(before);
  } finally {
    await wal.close();
  }
});

test('beside a running writer, and while it recycles its files, reading finds no damage', async () => {
  const db = join(makeFolder(), 'a.db');
  const acks = `${db}.acks`;
  const { ended } = startCommand([
    'replay',
    ...INPUTS,
    '--db',
    db,
    '--copies',
    '12',
    '--writers',
    '2',
    '--ack-file',
    acks,
  ]);
  while ((readAcks(acks, 12)[0] ?? 0) === 0) await sleep(2);
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  while (!isOver) {
    for (const command of READING) {
      const { status, stderr, stdout } = await runCommand([command, db, '--json']);
      expect([command, status, stderr]).toEqual([command, 0, '']);
      expect(JSON.parse(stdout)).toHaveProperty('tail');
    }
  }
  expect((await ended).status).toBe(0);
});

describe('a damaged log', () => {
  /** Damages the third epoch; returns its number and the sequences before it. */
  async function damage(db: string): Promise<{ epoch: number; firstSeq: number }> {
    const { segments } = await runJson<InspectDocument>(['inspect', db]);
    const segment = segments.filter(({ kind }) => kind === 'epoch')[2];
    if (segment === undefined) throw new Error('the log is too short for this test');
    const path = join(`${db}-wal`, segment.file);
    const bytes = readFileSync(path);
    const at = segment.offset + Math.floor(segment.bytes / 2);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 0x40, at);
    writeFileSync(path, bytes);
    return segment;
  }

  test('is refused by recovery with the list, and nothing is changed', async () => {
    const db = await makeLog();
    const { epoch } = await damage(db);
    const before = [readFileSync(db), readFileSync(`${db}.2`)];
    const report = await runJson<RecoverDocument>(['recover', db], {}, 1);
    expect(report).toMatchObject({ tail: 'damaged', commitsApplied: 0, damage: [expect.objectContaining({ epoch })] });
    expect([readFileSync(db), readFileSync(`${db}.2`)]).toEqual(before);
    for (const command of READING) expect((await runProcess([command, db])).status).toBe(1);
    const verified = await runJson<{ problems: unknown[]; isSound: boolean }>(['verify', db], {}, 1);
    expect(verified).toMatchObject({ isSound: false, problems: [expect.objectContaining({ epoch })] });
  });

  test('gives its proven prefix when asked to stop there', async () => {
    const { trace, base } = await readTrace('torn-tail-4k');
    const db = await makeLog();
    const { firstSeq } = await damage(db);
    const { segments } = await runJson<InspectDocument>(['inspect', db], {}, 1);
    const report = await runJson<RecoverDocument>(['recover', db, '--stop-at-damage'], {}, 1);
    expect(report).toMatchObject({ tail: 'damaged', lastSeq: firstSeq - 1, commitsApplied: firstSeq - 1 });
    expect(report.notRecovered.length).toBeGreaterThan(0);
    for (const space of [0, 1]) {
      const replay = new SerialReplay(trace, base);
      const frames = segments.flatMap((segment) => segment.frames);
      for (const frame of frames.filter((each) => each.space === space)) replay.apply(frame.txnId - 1);
      expect(report.sha256[space]).toBe(replay.sha256());
    }
  });

  test('gives what is whole behind the damage when asked to salvage', async () => {
    const db = await makeLog();
    const { firstSeq } = await damage(db);
    const report = await runJson<RecoverDocument>(['recover', db, '--salvage'], {}, 1);
    expect(report.tail).toBe('damaged');
    expect(report.commitsApplied).toBeGreaterThan(firstSeq - 1);
    expect(report.notRecovered.length).toBeGreaterThan(0);
  });
});
