// A writer of lanewal's page store.

import { workerData } from 'node:worker_threads';
import { connectPageStore } from '../../src/index.js';
import type { LanewalData } from './lanewal.js';
import { serveWriter } from './writer.js';

const { handle, wait } = workerData as LanewalData;
const store = await connectPageStore(handle);
if (wait === 'await') {
  serveWriter((key, value) => store.transaction((transaction) => transaction.write(key, value)));
} else {
  serveWriter((key, value) => {
    const transaction = store.begin();
    transaction.write(key, value);
    transaction.commit().waitDurable(60_000);
  });
}
