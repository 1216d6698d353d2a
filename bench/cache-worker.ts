// One thread of the benchmark of cache hits: reads pages that are all in the cache, without copying, through
// transactions of a number of reads each.

import { parentPort, workerData } from 'node:worker_threads';
import { connectPageStore, type StoreHandle } from '../src/index.js';

/** What a thread does in a round. */
export interface CachePlan {
  readonly reads: number;
  readonly readsPerTransaction: number;
  readonly pages: number;
}

const { handle } = workerData as { handle: StoreHandle };
const store = await connectPageStore(handle);

/** Nanoseconds of a read. */
function run({ reads, readsPerTransaction, pages }: CachePlan): { nsPerRead: number; sum: number } {
  let sum = 0;
  let pageNumber = 0;
  const startMs = performance.now();
  for (let done = 0; done < reads; done += readsPerTransaction) {
    const transaction = store.begin();
    for (let count = 0; count < readsPerTransaction; count += 1) {
      pageNumber = (pageNumber % pages) + 1;
      sum += transaction.read(pageNumber)[8] as number;
    }
    transaction.rollback();
  }
  return { nsPerRead: ((performance.now() - startMs) * 1e6) / reads, sum };
}

parentPort?.on('message', (plan: CachePlan) => parentPort?.postMessage(run(plan)));
parentPort?.postMessage('ready');
