// Starts threads of store-worker.ts and hears them; fills stores with numbers and adds them up.

import { on, once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { PageStore } from '../../src/index.js';
import { numberIn, setNumber } from './store-numbers.js';
import type { StoreJob, StoreWorkerMessage } from './store-worker.js';

/** A thread that works on a store, connected. */
export class StoreWorker {
  readonly worker: Worker;
  readonly #messages: AsyncIterator<[StoreWorkerMessage]>;

  private constructor(worker: Worker) {
    this.worker = worker;
    this.#messages = on(worker, 'message') as AsyncIterator<[StoreWorkerMessage]>;
  }

  static async start(store: PageStore, job: StoreJob, seed: number): Promise<StoreWorker> {
    const workerData = { handle: store.handle, job, seed };
    const thread = new StoreWorker(new Worker(new URL('./store-worker.js', import.meta.url), { workerData }));
    await thread.hear('connected');
    return thread;
  }

  /** The next thing it says, which must be that. */
  async hear<At extends StoreWorkerMessage['at']>(at: At): Promise<StoreWorkerMessage & { at: At }> {
    const failed = once(this.worker, 'error').then(([error]) => {
      throw error;
    });
    const { value } = (await Promise.race([this.#messages.next(), failed])) as { value: [StoreWorkerMessage] };
    if (value[0].at !== at) throw new Error(`the thread says ${value[0].at} instead of ${at}`);
    return value[0] as StoreWorkerMessage & { at: At };
  }
}

/** Makes `pages` pages with `value` each, in transactions that a small cache has room for. */
export async function fillStore(store: PageStore, pages: number, value: number): Promise<void> {
  for (let first = 1; first <= pages; first += 32) {
    const last = Math.min(pages, first + 31);
    await store.transaction((transaction) => {
      transaction.resize(last);
      for (let page = first; page <= last; page += 1) setNumber(transaction.edit(page), value);
    });
  }
}

/** The sum of all numbers of the store, as of one commit. */
export async function sumOf(store: PageStore): Promise<number> {
  const snapshot = await store.snapshot();
  try {
    let sum = 0;
    for (let page = 1; page <= snapshot.sizePages; page += 1) sum += numberIn(snapshot.read(page));
    return sum;
  } finally {
    snapshot.close();
  }
}
