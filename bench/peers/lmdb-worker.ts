// A thread of lmdb.

import { workerData } from 'node:worker_threads';
import { type LmdbData, openLmdb } from './lmdb.js';
import { serveWriter } from './writer.js';

const data = workerData as LmdbData;
const database = openLmdb(data);
const read = (key: number): Uint8Array => database.get(key);
if (data.wait === 'sync') serveWriter({ read, write: (key, value) => database.putSync(key, value) });
else {
  serveWriter({
    read,
    write: async (key, value) => {
      database.putSync(key, value);
      await database.flushed;
    },
  });
}
