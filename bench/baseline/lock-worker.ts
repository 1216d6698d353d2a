// One writer thread of the global-lock log.

import { workerData } from 'node:worker_threads';
import { type LogWriter, PAGE_BYTES, type RoundPlan, runRound } from '../log-writer.js';
import { serveRounds } from '../worker-group.js';
import { type BaselinePage, type GlobalLockHandle, GlobalLockLog } from './global-lock-log.js';

/** What a writer is started with. */
export interface LockWriterData {
  readonly handle: GlobalLockHandle;
  readonly index: number;
  readonly count: number;
  /** Otherwise a commit is as safe as it gets when it is written. */
  readonly isSynced: boolean;
}

const { handle, index, count, isSynced } = workerData as LockWriterData;
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
  waitDurable: (end) => {
    if (isSynced) lockLog.waitDurable(end);
    return true;
  },
};
serveRounds((plan: RoundPlan) => runRound(log, plan, index / count));
