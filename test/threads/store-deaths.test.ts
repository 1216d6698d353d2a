// Goal: a thread that dies in front of any atomic operation of a transaction, commit and all, leaves the transaction
// whole or not at all, and nobody waits for it (S4). Method: a thread parks in front of one operation and is terminated
// there; then the store is read through the cache, and as of a snapshot, and written.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { openPageStore, type PageStore } from '../../src/index.js';
import type { ParkedStoreData, ParkedStoreMessage } from '../support/parked-store-worker.js';
import { numberIn } from '../support/store-numbers.js';
import { fillStore } from '../support/store-threads.js';
import { inTemporaryDirectory } from '../support/temporary-path.js';

const SETTINGS = { pageSize: 1024, lanes: 1, laneBytes: 65_536, latchTimeoutMs: 200 };
/** Every so many operations one is parked in front of here. */
const STRIDE = 6;

/** Lets a thread run into operation `before` of its transaction and ends it there; undefined if it got to the end. */
async function dieBefore(store: PageStore, before: number, value: number): Promise<'parked' | 'done'> {
  const workerData: ParkedStoreData = { handle: store.handle, gate: new SharedArrayBuffer(4), before, value };
  const worker = new Worker(new URL('../support/parked-store-worker.js', import.meta.url), { workerData });
  for (;;) {
    const [message] = (await once(worker, 'message')) as [ParkedStoreMessage];
    if (message.at === 'waiting') continue;
    await worker.terminate();
    return message.at;
  }
}

test('S4: a thread that dies in front of any operation of a transaction leaves it whole or not at all', () =>
  inTemporaryDirectory(async (folder) => {
    const store = await openPageStore(`${folder}/app.db`, SETTINGS);
    await fillStore(store, 2, 0);
    let before = 0;
    for (let isOver = false; !isOver; before += STRIDE) {
      const { sizePages } = store;
      const value = 1000 + before;
      isOver = (await dieBefore(store, before, value)) === 'done';
      // Through the latches, which have to be free; behind the size latch everything that was published is known.
      const found = await store.transaction((transaction) => {
        const added = transaction.allocate() - 1;
        const numbers = [1, 2].map((page) => numberIn(transaction.edit(page)));
        return [...numbers, added > sizePages ? numberIn(transaction.read(added)) : 'none'];
      });
      const where = `in front of operation ${before}`;
      const isWhole = found[0] === value;
      const earlier = found[0] as number;
      expect(found, where).toEqual(isWhole ? [value, value, value] : [earlier, earlier, 'none']);
      if (isOver) expect(isWhole).toBe(true);
      const snapshot = await store.snapshot();
      expect(
        [1, 2].map((page) => numberIn(snapshot.read(page))),
        where,
      ).toEqual(found.slice(0, 2));
      snapshot.close();
    }
    expect(before).toBeGreaterThan(5 * STRIDE);
    await store.close();
  }));
