// One writer thread of the global-lock log.

import { workerData } from 'node:worker_threads';
import { type LogWriter, PAGE_BYTES, type RoundPlan, runRound } from '../log-writer.js';
import { serveRounds } from '../worker-group.js';
import { type BaselinePage, type GlobalLockHandle, GlobalLockLog } from './global-lock-log.js';

const { handle, index, count } = workerData as { handle: GlobalLockHandle; index: number; count: number };
const lockLog = new GlobalLockLog(handle);
const image = new Uint8Array(PAGE_BYTES).fill(index + 1);
let writes: BaselinePage[] = [];

const log: LogWriter<bigint> = {
  append: (pages) => {
    if (writes.length !== pages) {
      writes = Array.from({ length: pages }, (_, page) => ({ pageNumber: index * pages + page + 1, image }));
    }
    return lockLog.append(writes);
  },
  waitDurable: (end) => lockLog.waitDurable(end),
};
serveRounds((plan: RoundPlan) => runRound(log, plan, index / count));
