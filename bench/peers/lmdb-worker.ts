// A writer of lmdb.

import { workerData } from 'node:worker_threads';
import { type LmdbData, openLmdb } from './lmdb.js';
import { serveWriter } from './writer.js';

const data = workerData as LmdbData;
const database = openLmdb(data);
if (data.wait === 'sync') serveWriter((key, value) => database.putSync(key, value));
else {
  serveWriter(async (key, value) => {
    database.putSync(key, value);
    await database.flushed;
  });
}
