// A thread of classic-level.

import { workerData } from 'node:worker_threads';
import { levelKey, openLevel } from './classic-level.js';
import { serveWriter } from './writer.js';

const database = await openLevel((workerData as { path: string }).path);
serveWriter({
  read: (key) => database.getSync(levelKey(key)),
  write: (key, value) => database.put(levelKey(key), value, { sync: true }),
});
