// A thread that works on a page store, for tests. Every page holds a number; transfers keep their sum.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { between, seeded } from '../../src/base/random.js';
import { connectPageStore, type StoreHandle } from '../../src/index.js';
import { numberIn, setNumber } from './store-numbers.js';

export interface StoreWorkerData {
  readonly handle: StoreHandle;
  readonly job: StoreJob;
  readonly seed: number;
}

/**
 * `transfers`: between two pages each, so many. `hold`: latches pages 1 and 2 and the size, says so, and stays.
 */
export type StoreJob = { readonly kind: 'transfers'; readonly count: number } | { readonly kind: 'hold' };

/** What the thread says. */
export type StoreWorkerMessage =
  | { readonly at: 'connected' }
  | { readonly at: 'holding' }
  | { readonly at: 'done'; readonly commits: number; readonly codes: readonly string[] };

async function run({ handle, job, seed }: StoreWorkerData, port: MessagePort): Promise<void> {
  const say = (message: StoreWorkerMessage): void => port.postMessage(message);
  const store = await connectPageStore(handle);
  say({ at: 'connected' });
  const random = seeded(seed);
  if (job.kind === 'hold') {
    const transaction = store.begin();
    setNumber(transaction.edit(1), -1);
    transaction.read(2);
    transaction.allocate();
    say({ at: 'holding' });
    port.on('message', () => undefined);
    return;
  }
  const codes: string[] = [];
  let commits = 0;
  while (commits < job.count) {
    const from = between(random, 1, store.sizePages);
    const to = between(random, 1, store.sizePages);
    if (from === to) continue;
    const amount = between(random, 1, 9);
    try {
      const waitFor = commits % 8 === 0 ? 'durable' : 'appended';
      await store.transaction(
        (transaction) => {
          const [source, target] = [transaction.edit(from), transaction.edit(to)];
          setNumber(source, numberIn(source) - amount);
          setNumber(target, numberIn(target) + amount);
        },
        { waitFor },
      );
      commits += 1;
    } catch (error) {
      codes.push((error as { code: string }).code);
      if (codes.length > 20) break;
    }
  }
  say({ at: 'done', commits, codes });
  await store.close();
}

await run(workerData as StoreWorkerData, parentPort as MessagePort);
