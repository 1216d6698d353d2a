// Drives writers in worker threads: started once per log, they run one round after the other on command.

import type { Wal } from '../src/index.js';
import { launchAll, WorkerGroup } from './worker-group.js';

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
export class Writers extends WorkerGroup<RoundPlan, RoundResult> {
  static async start(wal: Wal, count: number): Promise<Writers> {
    const { handle } = wal;
    const data = Array.from({ length: count }, (_, index) => ({ handle, index, pageSize: wal.settings.pageSize }));
    return new Writers(await launchAll(new URL('./writer-worker.js', import.meta.url), data));
  }
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
