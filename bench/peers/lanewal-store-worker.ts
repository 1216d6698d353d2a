// A thread of lanewal's page store.

import { workerData } from 'node:worker_threads';
import { connectPageStore } from '../../src/index.js';
import type { LanewalStoreData } from './lanewal-store.js';
import { type KeyValues, serveWriter } from './writer.js';

const { handle, wait } = workerData as LanewalStoreData;
const store = await connectPageStore(handle);

const read = (key: number): Uint8Array => {
  const transaction = store.begin();
  const image = transaction.read(key).slice();
  transaction.rollback();
  return image;
};
const blocking: KeyValues = {
  read,
  write: (key, value) => {
    const transaction = store.begin();
    transaction.write(key, value);
    transaction.commit().waitDurable(60_000);
  },
};
const awaiting: KeyValues = {
  read,
  write: (key, value) => store.transaction((transaction) => transaction.write(key, value)),
};
serveWriter(wait === 'await' ? awaiting : blocking);
