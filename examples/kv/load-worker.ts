// A thread that puts or gets numbered keys, one transaction each batch, several of them on their way at once; says how
// many it did. `main.ts` and `bench.ts` start it.

import { parentPort, workerData } from 'node:worker_threads';
import type { StoreHandle } from 'lanewal';
import { connectKv } from './open.js';

/** What a thread is to do. */
export interface LoadPlan {
  readonly handle: StoreHandle;
  readonly act: 'put' | 'get';
  /** It takes the numbers `first`, `first + step`, `first + 2 * step`, ... */
  readonly first: number;
  readonly step: number;
  readonly count: number;
  /** Keys of one transaction. */
  readonly batch: number;
  /** Transactions that wait for the disk at the same time. */
  readonly window: number;
  readonly valueBytes: number;
}

/** The key of a number, scattered over the key space as keys of users are: the same for the same number. */
function keyOf(number: number): Uint8Array {
  return Buffer.from(`user:${(Math.imul(number, 0x9e37_79b1) >>> 0).toString(16).padStart(8, '0')}`);
}

/** The keys of a plan, by transaction. */
function* batchesOf({ first, step, count, batch }: LoadPlan): Generator<Uint8Array[]> {
  for (let done = 0; done < count; done += batch) {
    const size = Math.min(batch, count - done);
    yield Array.from({ length: size }, (_, index) => keyOf(first + (done + index) * step));
  }
}

async function run(plan: LoadPlan): Promise<void> {
  const kv = await connectKv(plan.handle);
  const batches = batchesOf(plan);
  const value = new Uint8Array(plan.valueBytes).fill(120);
  const act = (keys: readonly Uint8Array[]): Promise<void> =>
    kv.transaction((tree) => {
      if (plan.act === 'put') tree.batch(keys.map((key) => [key, value]));
      else for (const key of keys) tree.get(key);
    });
  parentPort?.postMessage('ready');
  await new Promise((resolve) => parentPort?.once('message', resolve));
  const one = async (): Promise<void> => {
    for (const keys of batches) await act(keys);
  };
  await Promise.all(Array.from({ length: plan.window }, one));
  parentPort?.postMessage('done');
  await kv.close();
}

await run(workerData as LoadPlan);
