// A writer of lmdb.

import { workerData } from 'node:worker_threads';
import { openLmdb } from './lmdb.js';
import { serveWriter } from './writer.js';

const database = openLmdb((workerData as { path: string }).path);
serveWriter(async (key, value) => {
  database.putSync(key, value);
  await database.flushed;
});
