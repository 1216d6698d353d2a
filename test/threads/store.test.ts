// Goal: several threads use one page store as if each were alone, whatever dies meanwhile: transfers keep their sum, in
// every snapshot; a thread that ends in mid-transaction leaves no trace.
// Method: real threads over real files, a cache far smaller than the store, a log so small that it is recycled all the
// time, and checkpoints by themselves.

import { expect, test } from 'vitest';
import { openPageStore, type PageStore, type StoreOptions } from '../../src/index.js';
import { numberIn } from '../support/store-numbers.js';
import { fillStore, StoreWorker, sumOf } from '../support/store-threads.js';
import { inTemporaryDirectory } from '../support/temporary-path.js';

const SEED = Number(process.env.WAL_TEST_SEED ?? 20_261_121);
const PAGES = 200;
const VALUE = 100;

const SMALL: StoreOptions = {
  pageSize: 1024,
  cacheBytes: 64 * 1024,
  lanes: 3,
  laneBytes: 64 * 1024,
  maxLogBytes: 512 * 1024,
  logFileBytes: 64 * 1024,
  checkpointBytes: 64 * 1024,
  latchTimeoutMs: 200,
};

async function reopenedSum(path: string): Promise<number> {
  const store = await openPageStore(path, SMALL);
  try {
    return await sumOf(store);
  } finally {
    await store.close();
  }
}

test(`C1 S1: transfers of several threads keep their sum in every snapshot (seed ${SEED})`, () =>
  inTemporaryDirectory(async (folder) => {
    const path = `${folder}/app.db`;
    const store = await openPageStore(path, SMALL);
    let checkpoints = 0;
    store.on('checkpoint', () => {
      checkpoints += 1;
    });
    await fillStore(store, PAGES, VALUE);
    const count = 300;
    const threads = await Promise.all(
      [1, 2, 3].map((n) => StoreWorker.start(store, { kind: 'transfers', count }, SEED + n)),
    );
    let isDone = false;
    const all = Promise.all(threads.map((thread) => thread.hear('done'))).then((done) => {
      isDone = true;
      return done;
    });
    while (!isDone) expect(await sumOf(store)).toBe(PAGES * VALUE);
    for (const { commits, codes } of await all) expect({ commits, codes }).toEqual({ commits: count, codes: [] });
    expect(checkpoints).toBeGreaterThan(0);
    await store.close();
    expect(await reopenedSum(path)).toBe(PAGES * VALUE);
  }));

/** Resolves when a page can be latched exclusively again: its holder was reaped. */
async function untilFree(store: PageStore): Promise<number> {
  return store.transaction((transaction) => {
    transaction.allocate();
    return numberIn(transaction.edit(1));
  });
}

test('S4: a thread that is terminated in mid-transaction leaves no trace and its latches are freed', () =>
  inTemporaryDirectory(async (folder) => {
    const path = `${folder}/app.db`;
    const store = await openPageStore(path, SMALL);
    await fillStore(store, 3, VALUE);
    for (let round = 0; round < 5; round += 1) {
      const thread = await StoreWorker.start(store, { kind: 'hold' }, SEED);
      await thread.hear('holding');
      await thread.worker.terminate();
      expect(await untilFree(store)).toBe(VALUE);
    }
    await store.close();
  }));

test('S3 S4: threads that are terminated anywhere in transfers keep the sum', () =>
  inTemporaryDirectory(async (folder) => {
    const path = `${folder}/app.db`;
    const store = await openPageStore(path, SMALL);
    await fillStore(store, 40, VALUE);
    for (let round = 0; round < 6; round += 1) {
      const threads = await Promise.all(
        [1, 2].map((n) => StoreWorker.start(store, { kind: 'transfers', count: 1e9 }, SEED + 10 * round + n)),
      );
      const { durableSeq } = store.wal.marks();
      while (store.wal.marks().durableSeq < durableSeq + 20) await sumOf(store);
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
      expect(await sumOf(store)).toBe(40 * VALUE);
      // The newest images, too, whatever frames the dead had changed.
      const sum = await store.transaction((transaction) => {
        let all = 0;
        for (let page = 1; page <= 40; page += 1) all += numberIn(transaction.read(page));
        return all;
      });
      expect(sum).toBe(40 * VALUE);
    }
    await store.close();
    expect(await reopenedSum(path)).toBe(40 * VALUE);
  }));
