// A writer of the global-lock log.

import { workerData } from 'node:worker_threads';
import { type GlobalLockHandle, GlobalLockLog } from '../baseline/global-lock-log.js';
import { serveWriter } from './writer.js';

const log = new GlobalLockLog((workerData as { handle: GlobalLockHandle }).handle);
serveWriter({ write: (pageNumber, image) => log.waitDurable(log.append([{ pageNumber, image }])) });
