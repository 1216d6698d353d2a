// Goal: from a backup and an archive on the file system the store as it was after any commit is made, as a store of its
// own, and nothing else is changed. Method: a model keeps the bytes of the page file behind each commit of a random
// workload; every target is recovered and compared; the new store is opened and goes on.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { crc32c } from '../../../src/base/checksum.js';
import {
  type CheckpointRecord,
  readCheckpointSlots,
  writeCheckpointRecord,
} from '../../../src/log/checkpoint-record.js';
import { recoverWal } from '../../../src/recover.js';
import type { ReplayCommit } from '../../../src/recovery/replay.js';
import { NodeDirectory } from '../../../src/storage/node-directory.js';
import { openWal } from '../../../src/wal.js';
import { makeBaseAndArchive } from '../../support/base-and-archive.js';
import { makeFolder, removeFolders } from '../../support/command-line.js';
import { codeOf, image, PAGE_BYTES } from '../../support/log-builder.js';

afterEach(removeFolders);

const SEED = Number(process.env.WAL_TEST_SEED ?? 20_261_121);

/** Names and contents of everything in a folder. */
function snapshot(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile() && !name.endsWith('/lock'))
    .sort()
    .map(
      (name) =>
        `${name} ${createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex')}`,
    );
}

test(`R1, R10: every commit from the base on can be gone back to, byte for byte (seed ${SEED})`, async () => {
  const folder = makeFolder();
  const { base, lost, archive, baseSeq, lastSeq, states, timesMs } = makeBaseAndArchive(folder, SEED);
  const before = snapshot(folder);
  const results = makeFolder();
  for (let throughSeq = baseSeq; throughSeq <= lastSeq; throughSeq += 1) {
    const into = { pageFiles: [join(results, `${throughSeq}.db`)] };
    const report = await recoverWal(base, { archive: [archive, `${lost}-wal`], throughSeq, into });
    expect(report).toMatchObject({ lastSeq: throughSeq, checkpointUsed: baseSeq });
    expect(readFileSync(into.pageFiles[0] as string).equals(states[throughSeq] as Uint8Array), `${throughSeq}`).toBe(
      true,
    );
    const timed = { pageFiles: [join(results, `${throughSeq}-timed.db`)] };
    const throughTimeMs = (timesMs[throughSeq] as number) + 999;
    if (throughSeq === lastSeq) continue;
    await recoverWal(base, { archive: [archive], throughTimeMs, into: timed });
    expect(readFileSync(timed.pageFiles[0] as string).equals(states[throughSeq] as Uint8Array)).toBe(true);
  }
  expect(snapshot(folder)).toEqual(before);
}, 30_000);

test('the result is a store of its own: it opens behind its last commit, and with another log id', async () => {
  const { base, archive, states } = makeBaseAndArchive(makeFolder(), SEED);
  const db = join(makeFolder(), 'new.db');
  await recoverWal(base, { archive, throughSeq: 14, into: { pageFiles: [db] } });
  expect(readdirSync(`${db}-wal`).sort()).toEqual(['0000000000000001.wal', 'checkpoint-1']);
  const settings = { logFileBytes: 65_536 };
  const wal = await openWal(db, settings);
  expect(wal.recovery).toMatchObject({ lastSeq: 14, tail: 'clean', checkpointUsed: 14 });
  expect(wal.settings.pageSize).toBe(PAGE_BYTES);
  const commit = wal.connect().append({ pages: [{ pageNumber: 1, image: image(77) }] });
  expect(commit.seq).toBe(15);
  await wal.close();
  expect(await recoverWal(db)).toMatchObject({ commitsApplied: 1, lastSeq: 15 });
  const expected = new Uint8Array(states[14] as Uint8Array);
  expected.set(image(77), 0);
  expect(readFileSync(db).equals(expected)).toBe(true);
  // The archive is that of the old log.
  const again = recoverWal(db, { archive, into: { pageFiles: [`${db}.again`] } });
  expect(await codeOf(again)).toBe('ERR_WAL_WRONG_STORE');
});

test('a page file that is not the one its record tells of is refused as a base', async () => {
  const again = makeBaseAndArchive(makeFolder(), SEED);
  const { baseSeq, states } = again;
  const into = (name: string) => ({ pageFiles: [join(makeFolder(), name)] });
  writeFileSync(again.base, states[baseSeq - 1] as Uint8Array);
  const state = states[baseSeq] as Uint8Array;
  const store = { sizePages: state.length / PAGE_BYTES, page1Crc: crc32c(state.subarray(0, PAGE_BYTES)) };
  const directory = new NodeDirectory(`${again.base}-wal`);
  const record = readCheckpointSlots(directory).newest as CheckpointRecord;
  writeCheckpointRecord(directory, { ...record, store }, { sync: false });
  const recovery = (): Promise<unknown> => recoverWal(again.base, { archive: again.archive, into: into('b.db') });
  expect(await codeOf(recovery())).toBe('ERR_WAL_WRONG_STORE');
  writeFileSync(again.base, state);
  expect(await codeOf(recovery())).toMatchObject({ checkpointUsed: baseSeq });
});

test('the record of the result tells of its page file', async () => {
  const { base, archive, states } = makeBaseAndArchive(makeFolder(), SEED);
  const db = join(makeFolder(), 'new.db');
  await recoverWal(base, { archive, throughSeq: 14, into: { pageFiles: [db] } });
  const state = states[14] as Uint8Array;
  const { newest } = readCheckpointSlots(new NodeDirectory(`${db}-wal`));
  const page1Crc = crc32c(state.subarray(0, PAGE_BYTES));
  expect(newest).toMatchObject({ throughSeq: 14, store: { sizePages: state.length / PAGE_BYTES, page1Crc } });
});

test('without a base the archive is replayed from the first commit on', async () => {
  const folder = makeFolder();
  const { archive, states } = makeBaseAndArchive(folder, SEED);
  const db = join(folder, 'new.db');
  await recoverWal(join(folder, 'none.db'), { archive, throughSeq: 5, into: { pageFiles: [db] } });
  expect(readFileSync(db).equals(states[5] as Uint8Array)).toBe(true);
});

test('a map and a callback are given what is above the base', async () => {
  const { base, archive, baseSeq } = makeBaseAndArchive(makeFolder(), SEED);
  const seqs: number[] = [];
  await recoverWal(base, { archive, throughSeq: 12, into: (commit: ReplayCommit) => void seqs.push(commit.seq) });
  expect(seqs).toEqual([baseSeq + 1, baseSeq + 2, baseSeq + 3]);
  const pages = new Map<number, Uint8Array>();
  expect(await recoverWal(base, { archive, throughSeq: 12, into: pages })).toMatchObject({ commitsApplied: 3 });
  expect(pages.size).toBeGreaterThan(0);
});

describe('nothing is made', () => {
  test('when a target or its log is there already', async () => {
    const { base, archive } = makeBaseAndArchive(makeFolder(), SEED);
    const folder = makeFolder();
    writeFileSync(join(folder, 'a.db'), '');
    mkdirSync(join(folder, 'b.db-wal'));
    for (const name of ['a.db', 'b.db']) {
      const recovery = recoverWal(base, { archive, into: { pageFiles: [join(folder, name)] } });
      expect(await codeOf(recovery)).toBe('ERR_WAL_EXISTS');
    }
    expect(readdirSync(folder).sort()).toEqual(['a.db', 'b.db-wal']);
    expect(readFileSync(join(folder, 'a.db'))).toHaveLength(0);
  });

  test.each([
    ['before the base', { throughSeq: 3 }, 'ERR_WAL_INVALID_ARGUMENT'],
    ['behind the end', { throughSeq: 99 }, 'ERR_WAL_INVALID_ARGUMENT'],
    ['a sequence and a time', { throughSeq: 12, throughTimeMs: 5 }, 'ERR_WAL_INVALID_ARGUMENT'],
    ['no sequence', { throughSeq: 1.5 }, 'ERR_WAL_INVALID_ARGUMENT'],
    ['no time', { throughTimeMs: -1 }, 'ERR_WAL_INVALID_ARGUMENT'],
    ['a base of its own', { throughSeq: 12, afterSeq: 4 }, 'ERR_WAL_INVALID_ARGUMENT'],
    ['salvage', { throughSeq: 12, onDamage: 'salvage' }, 'ERR_WAL_INVALID_ARGUMENT'],
    ['a missing archive', { archive: '/nowhere/at/all' }, 'ERR_WAL_NOT_FOUND'],
    ['nothing to recover from', { archive: [] }, 'ERR_WAL_NOT_FOUND'],
  ] as const)('for %s', async (_, options, code) => {
    const { base, archive } = makeBaseAndArchive(makeFolder(), SEED);
    const folder = makeFolder();
    const into = { pageFiles: [join(folder, 'a.db')] };
    expect(await codeOf(recoverWal(base, { archive, into, ...options }))).toBe(code);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('when nobody says where to', async () => {
    const { base, archive } = makeBaseAndArchive(makeFolder(), SEED);
    expect(await codeOf(recoverWal(base, { archive, throughSeq: 12 }))).toBe('ERR_WAL_INVALID_ARGUMENT');
  });

  test('by a dry run, which finds out whether it can be done', async () => {
    const { base, archive } = makeBaseAndArchive(makeFolder(), SEED);
    const folder = makeFolder();
    const into = { pageFiles: [join(folder, 'a.db')] };
    expect(await recoverWal(base, { archive, into, throughSeq: 12, dryRun: true })).toMatchObject({ lastSeq: 12 });
    expect(readdirSync(folder)).toEqual([]);
  });

  test('of a base whose own log goes further than the target: its page file may, too', async () => {
    const { base, lost, archive, lastSeq, states } = makeBaseAndArchive(makeFolder(), SEED);
    const folder = makeFolder();
    const into = { pageFiles: [join(folder, 'a.db')] };
    for (const name of readdirSync(`${lost}-wal`)) renameSync(join(`${lost}-wal`, name), join(`${base}-wal`, name));
    const refused = recoverWal(base, { archive, into, throughSeq: lastSeq - 1 });
    expect(await codeOf(refused)).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(readdirSync(folder)).toEqual([]);
    // Up to the end it does not matter how far it was.
    await recoverWal(base, { archive, into });
    expect(readFileSync(into.pageFiles[0] as string).equals(states[lastSeq] as Uint8Array)).toBe(true);
  });

  test('when the page file of the base is not there', async () => {
    const { base, archive } = makeBaseAndArchive(makeFolder(), SEED);
    renameSync(base, `${base}.away`);
    const db = join(makeFolder(), 'a.db');
    expect(await codeOf(recoverWal(base, { archive, into: { pageFiles: [db] } }))).toBe('ERR_WAL_NOT_FOUND');
    expect(existsSync(`${db}.new`)).toBe(false);
  });

  test('when the commits go wrong on the way: what a page file lacks is no page of the log', async () => {
    const { base, archive } = makeBaseAndArchive(makeFolder(), SEED);
    // Part of a page, far behind whatever the log writes.
    writeFileSync(base, new Uint8Array(100 * PAGE_BYTES + 5));
    const folder = makeFolder();
    const recovery = recoverWal(base, { archive, throughSeq: 10, into: { pageFiles: [join(folder, 'a.db')] } });
    expect(await codeOf(recovery)).toBe('ERR_WAL_WRONG_STORE');
    expect(readdirSync(folder)).toEqual([]);
  });
});

test('what a recovery that was killed left unfinished is made anew', async () => {
  const { base, archive, states } = makeBaseAndArchive(makeFolder(), SEED);
  const db = join(makeFolder(), 'a.db');
  writeFileSync(`${db}.new`, new Uint8Array(100_000).fill(9));
  await recoverWal(base, { archive, throughSeq: 11, into: { pageFiles: [db] } });
  expect(readFileSync(db).equals(states[11] as Uint8Array)).toBe(true);
  expect(existsSync(`${db}.new`)).toBe(false);
});
