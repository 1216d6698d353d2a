// Threads that append to one log after the other, kept because starting a thread costs more than a power cut. Their
// acknowledgements stand in memory, with the time at which each was given.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { WalHandle } from '../../src/index.js';
import type { Ack, WorkerOutcome, WorkloadPlan } from './workload-model.js';

/** An acknowledgement, and when it was given: nanoseconds of `process.hrtime`, taken right behind the wait. */
export type CutAck = Ack & { readonly atNs: number };

/** How one writer ended. */
export type CutOutcome = WorkerOutcome & { readonly acks: readonly CutAck[] };

/** What a writer is told. */
export interface CutOrder {
  readonly plan: Pick<WorkloadPlan, 'run' | 'commits' | 'windowMax'>;
  readonly handle: WalHandle;
  readonly worker: number;
  /** Shared by all writers: the words below. */
  readonly words: SharedArrayBuffer;
  /** How many acknowledgements of all writers together are the moment to strike at. */
  readonly enough: number;
}

/** Words: acknowledgements given, whether it is time to strike, writers that are not done. */
export const GIVEN = 0;
export const STRUCK = 1;
export const LEFT = 2;

const PATIENCE_MS = 60_000;

/** The pool. */
export class CutWriters {
  readonly #threads: Worker[];
  #words = new Int32Array(new SharedArrayBuffer(12));
  #outcomes: Promise<CutOutcome[]> = Promise.resolve([]);

  constructor(count: number) {
    this.#threads = Array.from({ length: count }, () => new Worker(new URL('./cut-writer.js', import.meta.url)));
  }

  get count(): number {
    return this.#threads.length;
  }

  /** Lets all writers begin together. */
  async start(plan: CutOrder['plan'], handle: WalHandle, enough: number): Promise<void> {
    const words = new SharedArrayBuffer(12);
    this.#words = new Int32Array(words);
    Atomics.store(this.#words, LEFT, this.#threads.length);
    const ready = this.#answers();
    for (const [worker, thread] of this.#threads.entries()) {
      thread.postMessage({ plan, handle, worker, words, enough } satisfies CutOrder);
    }
    await ready;
    this.#outcomes = this.#answers() as Promise<CutOutcome[]>;
    for (const thread of this.#threads) thread.postMessage('go');
  }

  /** Blocks this thread until enough acknowledgements were given, or all writers are done. */
  blockUntilStruck(): void {
    // Blocking, so that nothing this thread has to do comes between the acknowledgement and the cut.
    if (Atomics.wait(this.#words, STRUCK, 0, PATIENCE_MS) === 'timed-out') throw new Error('The writers are stuck.');
  }

  /** When all have ended: what they did. */
  outcomes(): Promise<CutOutcome[]> {
    return this.#outcomes;
  }

  async end(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
  }

  #answers(): Promise<unknown[]> {
    return Promise.all(this.#threads.map(async (thread) => (await once(thread, 'message'))[0] as unknown));
  }
}
