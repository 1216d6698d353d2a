// A thread that owns a log, and ends as it is told.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { openWal } from '../../src/index.js';

const { db, how } = workerData as { db: string; how: 'exit' | 'throw' | 'terminate' };
const port = parentPort as MessagePort;
const wal = await openWal(db, { pageSize: 512, lanes: 2, laneBytes: 65_536, logFileBytes: 2 ** 18 });
port.on('message', () => {
  if (how === 'exit') process.exit(0);
  throw new Error('told to');
});
port.postMessage(wal.handle);
