// One writer thread of lanewal's log.

import { workerData } from 'node:worker_threads';
import { type Commit, connectWal, WalError, type WalHandle } from '../src/index.js';
import { countingCollections } from './collections.js';
import { type LogWriter, PAGE_BYTES, type RoundPlan, type RoundResult, runRound } from './log-writer.js';
import { serveRounds } from './worker-group.js';

const { handle, index, count } = workerData as { handle: WalHandle; index: number; count: number };
const TIMEOUT_MS = 60_000;
const writer = await connectWal(handle);
const image = new Uint8Array(PAGE_BYTES).fill(index + 1);
let writes: { pageNumber: number; image: Uint8Array }[] = [];

const log: LogWriter<Commit> = {
  append: (pages) => {
    if (writes.length !== pages) {
      writes = Array.from({ length: pages }, (_, page) => ({ pageNumber: index * pages + page + 1, image }));
    }
    return writer.append({ pages: writes }, { timeoutMs: TIMEOUT_MS });
  },
  waitDurable: (commit, timeoutMs) => {
    try {
      commit.waitDurable(timeoutMs ?? TIMEOUT_MS);
      return true;
    } catch (error) {
      if (timeoutMs !== undefined && error instanceof WalError && error.code === 'ERR_WAL_TIMEOUT') return false;
      throw error;
    }
  },
};
serveRounds(async (plan: RoundPlan): Promise<RoundResult> => {
  const { result, collections } = await countingCollections(() => runRound(log, plan, index / count));
  return { ...result, collections };
});
