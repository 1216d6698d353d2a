// lanewal's page store: a value is a page, a key its number.

import { join } from 'node:path';
import { openPageStore, type StoreHandle } from '../../src/index.js';
import type { Contender } from './contender.js';

/** How a writer waits. */
export type StoreWait = 'await' | 'block';

/** What a worker is started with. */
export interface LanewalStoreData {
  readonly handle: StoreHandle;
  readonly wait: StoreWait;
}

const PAGES_PER_COMMIT = 64;

/** @param wait - `await`: `await store.transaction(...)`; `block`: the thread sleeps in `commit.waitDurable` */
export function lanewalStore(wait: StoreWait): Contender {
  const how =
    wait === 'await'
      ? 'await store.transaction((tx) => tx.write(key, value)), fsync full, cache of 64 MiB shared by all threads'
      : 'the same with begin(), write(), commit().waitDurable(), which blocks the thread';
  return {
    name: wait === 'await' ? 'lanewal store, awaited' : 'lanewal store',
    how,
    safety: 'synced',
    worker: new URL('./lanewal-store-worker.js', import.meta.url),
    open: async (directory, keys, value) => {
      const store = await openPageStore(join(directory, 'store'), { fsync: 'full', cacheBytes: 64 * 2 ** 20 });
      await store.transaction((transaction) => transaction.resize(keys));
      for (let first = 1; first <= keys; first += PAGES_PER_COMMIT) {
        await store.transaction((transaction) => {
          const last = Math.min(keys, first + PAGES_PER_COMMIT - 1);
          for (let key = first; key <= last; key += 1) transaction.write(key, value);
        });
      }
      await store.checkpoint({ mode: 'full' });
      const settle = async (): Promise<void> => void (await store.checkpoint({ mode: 'full' }));
      return { workerData: { handle: store.handle, wait }, settle, close: () => store.close() };
    },
    readAll: async (directory, keys) => {
      await using store = await openPageStore(join(directory, 'store'));
      const snapshot = await store.snapshot();
      const values = Array.from({ length: keys }, (_, index) => snapshot.read(index + 1));
      snapshot.close();
      return values;
    },
  };
}
