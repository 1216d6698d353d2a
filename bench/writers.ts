// Drives writers in worker threads: started once per log, they run one round after the other on command.

import { Worker } from 'node:worker_threads';
import type { Wal } from '../src/index.js';

/** What each writer does in a round. */
export interface RoundPlan {
  /** `wait`: blocks for each commit; `window`: at most `window` commits are not durable; `free`: nobody waits. */
  readonly kind: 'wait' | 'window' | 'free';
  readonly commits: number;
  readonly pages: number;
  readonly window: number;
}

/** What a writer reports. */
export interface RoundResult {
  /** Milliseconds of each wait, for `wait`. */
  readonly latenciesMs: Float64Array;
}

/** Writers of one log. */
export class Writers {
  readonly #workers: readonly Worker[];

  private constructor(workers: readonly Worker[]) {
    this.#workers = workers;
  }

  static async start(wal: Wal, count: number): Promise<Writers> {
    const url = new URL('./writer-worker.js', import.meta.url);
    const workers = Array.from(
      { length: count },
      (_, index) => new Worker(url, { workerData: { handle: wal.handle, index, pageSize: wal.settings.pageSize } }),
    );
    await Promise.all(workers.map((worker) => next(worker)));
    return new Writers(workers);
  }

  /** Runs a round on all writers at once; returns its seconds and what they report. */
  async round(plan: RoundPlan): Promise<{ seconds: number; results: RoundResult[] }> {
    const startMs = performance.now();
    const results = this.#workers.map((worker) => next<RoundResult>(worker));
    for (const worker of this.#workers) worker.postMessage(plan);
    const all = await Promise.all(results);
    return { seconds: (performance.now() - startMs) / 1000, results: all };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

function next<T>(worker: Worker): Promise<T> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (message: T) => {
      worker.off('error', reject);
      resolve(message);
    });
  });
}

/** Frees log files behind the durable mark while a benchmark runs, as a checkpointer would: the steady state. */
export function recycleBehind(wal: Wal, everyCommits: number): () => Promise<void> {
  let freedSeq = wal.marks().durableSeq;
  let freeing = Promise.resolve();
  const stop = wal.onDurable(({ lastSeq }) => {
    if (lastSeq - freedSeq < everyCommits) return;
    freedSeq = lastSeq;
    freeing = freeing.then(() => wal.checkpoint({ throughSeq: lastSeq }));
  });
  return async () => {
    stop();
    await freeing;
  };
}
