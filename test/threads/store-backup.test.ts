// Goal: a backup that is taken while others write is the store as of one commit; it is a store of its own from the first
// moment on, and a base from which the archive of the store it was taken from leads to any later commit.
// Method: threads that keep a sum, over real files; a random history kept as a model; copies that are opened, written
// to, killed and recovered; a disk of our own that fills up.

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openPageStore, type PageStore, recoverWal, type StoreOptions } from '../../src/index.js';
import { readCheckpointSlots } from '../../src/log/checkpoint-record.js';
import { NodeDirectory } from '../../src/storage/node-directory.js';
import { runCommand, runJson } from '../support/command-line.js';
import { countUntilKilled } from '../support/killed-store.js';
import { codeOf } from '../support/log-builder.js';
import { mountTmpfs, unmountAll, whyNoMounts } from '../support/mounts.js';
import { makeHistory, pagesOf, type StoreHistory } from '../support/store-history.js';
import { numberIn, setNumber } from '../support/store-numbers.js';
import { fillStore, StoreWorker, sumOf } from '../support/store-threads.js';
import { inTemporaryDirectory } from '../support/temporary-path.js';
import { announceSkip } from '../support/workload-check.js';

const SEED = Number(process.env.WAL_TEST_SEED ?? 20_261_121);
const PAGES = 120;
const VALUE = 100;

/** Without the page size: a store knows its own. */
const SMALL: StoreOptions = {
  cacheBytes: 64 * 1024,
  lanes: 3,
  laneBytes: 64 * 1024,
  maxLogBytes: 512 * 1024,
  logFileBytes: 64 * 1024,
  checkpointBytes: 64 * 1024,
};
const MADE: StoreOptions = { ...SMALL, pageSize: 1024 };

const reason = whyNoMounts();
announceSkip('full disks under a backup', reason);

afterEach(unmountAll);

async function opened<Result>(
  path: string,
  act: (store: PageStore) => Promise<Result>,
  options: StoreOptions = SMALL,
): Promise<Result> {
  const store = await openPageStore(path, options);
  try {
    return await act(store);
  } finally {
    await store.close();
  }
}

/** Everything of the store can be brought up and let go of: no pin of a backup is left. */
async function expectNoPin(store: PageStore): Promise<void> {
  await store.transaction((transaction) => setNumber(transaction.edit(1), numberIn(transaction.read(1))));
  const { throughSeq } = await store.checkpoint({ mode: 'full', timeoutMs: 20_000 });
  expect(throughSeq).toBeGreaterThanOrEqual(store.wal.marks().durableSeq);
}

test(`S1: backups taken while threads transfer keep the sum, and are stores of their own (seed ${SEED})`, () =>
  inTemporaryDirectory(async (folder) => {
    const store = await openPageStore(`${folder}/app.db`, MADE);
    await fillStore(store, PAGES, VALUE);
    const count = 100;
    const threads = await Promise.all(
      [1, 2, 3].map((n) => StoreWorker.start(store, { kind: 'transfers', count }, SEED + n)),
    );
    let isDone = false;
    const all = Promise.all(threads.map((thread) => thread.hear('done'))).then((done) => {
      isDone = true;
      return done;
    });
    const paths: string[] = [];
    const seqs: number[] = [];
    while (!isDone) {
      const path = `${folder}/copy-${paths.length}.db`;
      seqs.push(await store.backup(path));
      paths.push(path);
    }
    for (const { commits, codes } of await all) expect({ commits, codes }).toEqual({ commits: count, codes: [] });
    expect(seqs).toEqual([...seqs].sort((one, other) => one - other));
    // At rest a backup and a snapshot are of the same commit.
    const still = `${folder}/still.db`;
    const snapshot = await store.snapshot();
    expect(await store.backup(still)).toBe(snapshot.seq);
    const expected = pagesOf(snapshot);
    snapshot.close();
    expect(readFileSync(still).equals(Buffer.concat(expected))).toBe(true);
    await expectNoPin(store);
    await store.close();
    for (const [index, path] of paths.slice(0, 6).entries()) {
      const options = index % 2 === 0 ? SMALL : MADE;
      expect(await opened(path, sumOf, options)).toBe(PAGES * VALUE);
    }
    expect(await opened(still, async (copy) => pagesOf(await copy.snapshot()))).toEqual(expected);
  }));

test('a backup is read, examined and checkpointed without being told the size of its pages', () =>
  inTemporaryDirectory(async (folder) => {
    const copy = `${folder}/copy.db`;
    await opened(
      `${folder}/app.db`,
      async (store) => {
        await fillStore(store, 5, VALUE);
        await store.backup(copy);
      },
      MADE,
    );
    const readOnly = await openPageStore(copy, { readOnly: true });
    expect([readOnly.pageSize, readOnly.sizePages, numberIn(readOnly.read(5))]).toEqual([1024, 5, VALUE]);
    await readOnly.close();
    expect(await runJson(['verify', copy])).toMatchObject({ isSound: true });
    expect(await runJson(['stat', copy])).toMatchObject({ pageSize: 1024 });
    expect(await runCommand(['checkpoint', copy])).toMatchObject({ status: 0 });
    expect(await opened(copy, sumOf)).toBe(5 * VALUE);
    expect(await codeOf(openPageStore(copy, { ...SMALL, pageSize: 4096 }))).toBe('ERR_WAL_INVALID_ARGUMENT');
  }));

test(`S2: a backup goes on like any store: reopened, written to, killed and reopened (seed ${SEED})`, () =>
  inTemporaryDirectory(async (folder) => {
    const copy = `${folder}/copy.db`;
    await opened(
      `${folder}/app.db`,
      async (store) => {
        await fillStore(store, PAGES, VALUE);
        await store.backup(copy);
      },
      MADE,
    );
    for (let round = 0; round < 2; round += 1) expect(await opened(copy, sumOf)).toBe(PAGES * VALUE);
    await opened(copy, (store) => store.transaction((transaction) => setNumber(transaction.edit(PAGES), 1)));
    for (let round = 0; round < 2; round += 1) {
      const counts = await countUntilKilled(copy, SEED + round, 60);
      await opened(copy, async (store) => {
        const snapshot = await store.snapshot();
        for (const [page, count] of counts) {
          // One count may have become durable without having been said.
          expect([count, count + 1]).toContain(numberIn(snapshot.read(page)));
        }
        snapshot.close();
      });
    }
    // Nothing of it has touched the store it was taken from.
    expect(await opened(`${folder}/app.db`, sumOf)).toBe(PAGES * VALUE);
  }));

describe('a backup is refused, nothing is touched and nothing stays pinned:', () => {
  const withStore = (act: (folder: string, store: PageStore) => Promise<void>): Promise<void> =>
    inTemporaryDirectory((folder) =>
      opened(
        `${folder}/app.db`,
        async (store) => {
          await fillStore(store, 200, VALUE);
          await act(folder, store);
          await expectNoPin(store);
          // What was refused can be done elsewhere.
          await store.backup(`${folder}/elsewhere.db`);
          expect(await opened(`${folder}/elsewhere.db`, sumOf)).toBe(200 * VALUE);
        },
        MADE,
      ),
    );

  test('where a file, a log or the store itself is', () =>
    withStore(async (folder, store) => {
      writeFileSync(`${folder}/file.db`, 'mine');
      mkdirSync(`${folder}/log.db-wal`);
      writeFileSync(`${folder}/log.db-wal/0000000000000001.wal`, 'mine');
      for (const name of ['file.db', 'log.db', 'app.db'])
        expect(await codeOf(store.backup(`${folder}/${name}`))).toBe('ERR_WAL_EXISTS');
      expect(readFileSync(`${folder}/file.db`, 'utf8')).toBe('mine');
      expect(readFileSync(`${folder}/log.db-wal/0000000000000001.wal`, 'utf8')).toBe('mine');
      expect(readdirSync(folder).sort()).toEqual(['app.db', 'app.db-wal', 'file.db', 'log.db-wal']);
      expect(await codeOf(store.backup(''))).toBe('ERR_WAL_INVALID_ARGUMENT');
    }));

  test('where another backup is being made', () =>
    withStore(async (folder, store) => {
      const path = `${folder}/copy.db`;
      const ended = await Promise.all([codeOf(store.backup(path)), codeOf(store.backup(path))]);
      expect(ended.filter((one) => typeof one === 'number')).toHaveLength(1);
      expect(['ERR_WAL_LOCKED', 'ERR_WAL_EXISTS']).toContain(ended.find((one) => typeof one !== 'number'));
      expect(await opened(path, sumOf)).toBe(200 * VALUE);
    }));

  test.skipIf(reason !== undefined)('on a disk without space for it', () =>
    withStore(async (folder, store) => {
      const disk = `${folder}/disk`;
      mountTmpfs(disk, 128 * 1024);
      expect(await codeOf(store.backup(`${disk}/copy.db`))).toBe('ERR_WAL_STORAGE_FULL');
      expect(readdirSync(disk)).toEqual([]);
      unmountAll();
    }),
  );

  test.skipIf(reason !== undefined)('on a disk with space for its pages, and not for its log', () =>
    withStore(async (folder, store) => {
      const disk = `${folder}/disk`;
      mountTmpfs(disk, 204 * 1024);
      expect(await codeOf(store.backup(`${disk}/copy.db`))).toBe('ERR_WAL_STORAGE_FULL');
      expect(readdirSync(disk)).toEqual([]);
      unmountAll();
    }),
  );
});

describe('a backup and the archive of its store', () => {
  let home = '';
  let history: StoreHistory;

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'lanewal-test-'));
    history = await makeHistory(home, SEED);
  });

  afterAll(() => rmSync(home, { recursive: true }));

  /** A copy of a backup that a test may write to. */
  function copyOf({ path }: { path: string }, folder: string): string {
    const copy = `${folder}/copy.db`;
    cpSync(path, copy);
    cpSync(`${path}-wal`, `${copy}-wal`, { recursive: true });
    return copy;
  }

  test(`S1 R1: lead to every later commit, and to no other (seed ${SEED})`, () =>
    inTemporaryDirectory(async (folder) => {
      const { backups, archive, lastSeq, stateAt } = history;
      for (const [index, { path, seq }] of backups.entries()) {
        expect(Buffer.concat(stateAt(seq)).equals(readFileSync(path)), `backup ${index} at ${seq}`).toBe(true);
        const targets = new Set([seq, seq + 1, Math.floor((seq + lastSeq) / 2), lastSeq]);
        for (const throughSeq of targets) {
          const into = `${folder}/new-${index}-${throughSeq}.db`;
          await recoverWal(path, { archive, throughSeq, into: { pageFiles: [into] } });
          const expected = Buffer.concat(stateAt(throughSeq));
          expect(readFileSync(into).equals(expected), `${seq} to ${throughSeq}`).toBe(true);
        }
      }
      const [, { path, seq: checkpointUsed }] = backups as [unknown, { path: string; seq: number }];
      const [throughSeq, into] = [lastSeq - 3, `${folder}/new.db`];
      const args = ['recover', path, '--archive', archive, '--until-seq', String(throughSeq), '--into', into];
      expect(await runJson(args)).toMatchObject({ lastSeq: throughSeq, checkpointUsed });
      const recovered = await opened(into, async (store) => pagesOf(await store.snapshot()));
      expect(recovered).toEqual(stateAt(throughSeq));
    }));

  test('go together as long as nobody writes to the backup', () =>
    inTemporaryDirectory(async (folder) => {
      const { backups, archive, lastSeq, stateAt } = history;
      const path = copyOf(backups[2]!, folder);
      const recovered = async (name: string): Promise<unknown> => {
        const into = `${folder}/${name}.db`;
        return codeOf(recoverWal(path, { archive, throughSeq: lastSeq, into: { pageFiles: [into] } }));
      };
      expect(await opened(path, async (store) => store.sizePages)).toBe(stateAt(backups[2]!.seq).length);
      expect(await recovered('opened')).toMatchObject({ lastSeq });
      expect(readFileSync(`${folder}/opened.db`).equals(Buffer.concat(stateAt(lastSeq)))).toBe(true);
      // Not checkpointed since: the record still names the log it was taken from.
      await countUntilKilled(path, SEED, 5);
      expect(readCheckpointSlots(new NodeDirectory(`${path}-wal`)).newest?.originLogId).toBeGreaterThan(0);
      expect(await recovered('written')).toBe('ERR_WAL_WRONG_STORE');
      await opened(path, (again) => again.checkpoint({ mode: 'truncate' }));
      expect(await recovered('checkpointed')).toBe('ERR_WAL_WRONG_STORE');
      expect(readdirSync(folder).filter((name) => /^(written|checkpointed)/.test(name))).toEqual([]);
    }));

  test('are never mixed up: what a backup goes on with is of another log', () =>
    inTemporaryDirectory(async (folder) => {
      const { db, backups, archive } = history;
      const refused = openPageStore(copyOf(backups.at(-1)!, folder), { ...SMALL, archiveDirectory: archive });
      expect(await codeOf(refused)).toBe('ERR_WAL_WRONG_STORE');
      const idOf = (path: string): number => readCheckpointSlots(new NodeDirectory(`${path}-wal`)).newest!.logId;
      expect(new Set([db, ...backups.map(({ path }) => path)].map(idOf)).size).toBe(backups.length + 1);
    }));
});
