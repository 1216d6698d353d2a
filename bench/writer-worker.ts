// One writer thread of a benchmark.

import { parentPort, workerData } from 'node:worker_threads';
import { type Commit, connectWal, type WalHandle } from '../src/index.js';
import type { RoundPlan, RoundResult } from './writers.js';

const { handle, index, pageSize } = workerData as { handle: WalHandle; index: number; pageSize: number };
const TIMEOUT_MS = 60_000;
const writer = await connectWal(handle);
const image = new Uint8Array(pageSize).fill(index + 1);

function run({ kind, commits, pages, window }: RoundPlan): RoundResult {
  const latenciesMs = new Float64Array(kind === 'wait' ? commits : 0);
  const writes = Array.from({ length: pages }, (_, page) => ({ pageNumber: index * pages + page + 1, image }));
  const inFlight: Commit[] = [];
  let last: Commit | undefined;
  for (let count = 0; count < commits; count += 1) {
    const startMs = performance.now();
    last = writer.append({ pages: writes }, { timeoutMs: TIMEOUT_MS });
    if (kind === 'wait') {
      last.waitDurable(TIMEOUT_MS);
      latenciesMs[count] = performance.now() - startMs;
    } else if (kind === 'window' && inFlight.push(last) >= window) inFlight.shift()?.waitDurable(TIMEOUT_MS);
  }
  last?.waitDurable(TIMEOUT_MS);
  return { latenciesMs };
}

parentPort?.on('message', (plan: RoundPlan) => parentPort?.postMessage(run(plan)));
parentPort?.postMessage('ready');
