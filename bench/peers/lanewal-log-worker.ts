// A writer of lanewal's log.

import { workerData } from 'node:worker_threads';
import { connectWal } from '../../src/index.js';
import type { LanewalLogData } from './lanewal-log.js';
import { serveWriter } from './writer.js';

const { handle, isSynced } = workerData as LanewalLogData;
const TIMEOUT_MS = 60_000;
const writer = await connectWal(handle);
serveWriter({
  write: (pageNumber, image) => {
    const commit = writer.append({ pages: [{ pageNumber, image }] }, { timeoutMs: TIMEOUT_MS });
    if (isSynced) commit.waitDurable(TIMEOUT_MS);
    else commit.waitWritten(TIMEOUT_MS);
  },
});
