// Drives writers of lanewal's log in worker threads: started once per log, they run one round after the other on
// command.

import type { Wal } from '../src/index.js';
import { quiet } from './harness.js';
import { LatencyHistogram } from './histogram.js';
import { PAGE_BYTES, type RoundPlan, type RoundResult } from './log-writer.js';
import { launchAll, WorkerGroup } from './worker-group.js';

/** A checkpoint for every so many files, and how many are written until the first ones have come back. */
const FREED_FILES = 4;
const POOL_FILES = 6;

/** A round of several writers. */
export interface LogRound {
  readonly commitsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly latencies: LatencyHistogram;
  readonly lateness: LatencyHistogram;
  /** Garbage collections of the writers. */
  readonly collectionsPerMillion: number;
}

/** Writers of one log. */
export class Writers extends WorkerGroup<RoundPlan, RoundResult> {
  static async start(wal: Wal, count: number): Promise<Writers> {
    const { handle } = wal;
    const data = Array.from({ length: count }, (_, index) => ({ handle, index, count }));
    return new Writers(await launchAll(new URL('./writer-worker.js', import.meta.url), data));
  }

  /** Runs a round on the first `count` writers. */
  async run(plan: RoundPlan, count?: number): Promise<LogRound> {
    return logRound(plan, await this.round(plan, count));
  }
}

/** Adds up what the writers of a round reported. */
export function logRound(plan: RoundPlan, run: { seconds: number; results: RoundResult[] }): LogRound {
  const commits = run.results.reduce((sum, result) => sum + result.commits, 0);
  const collections = run.results.reduce((sum, result) => sum + (result.collections ?? 0), 0);
  const commitsPerSecond = commits / run.seconds;
  return {
    commitsPerSecond,
    bytesPerSecond: commitsPerSecond * plan.pages * PAGE_BYTES,
    latencies: LatencyHistogram.merged(run.results.map(({ latencies }) => latencies)),
    lateness: LatencyHistogram.merged(run.results.map(({ lateness }) => lateness)),
    collectionsPerMillion: (collections / Math.max(1, commits)) * 1e6,
  };
}

/** Bytes of an average segment between two readings of the counters. */
export function segmentBytes(before: ReturnType<Wal['counters']>, after: ReturnType<Wal['counters']>): number {
  return (after.bytesWritten - before.bytesWritten) / Math.max(1, after.epochs - before.epochs);
}

/**
 * Writes until log files have come back from {@link recycleBehind}: from here on a rotation finds one with its blocks.
 */
export async function fillPool(wal: Wal, writers: Writers, count: number): Promise<void> {
  const first = wal.counters().bytesWritten;
  const plan: RoundPlan = { kind: 'window', seconds: 0.05, pages: 8, window: 100 };
  while (wal.counters().bytesWritten - first < POOL_FILES * wal.settings.logFileBytes) await writers.run(plan, count);
  await rotateToBlocks(wal);
}

/**
 * Goes on in a file that has its blocks. Who wrote faster than files are made ready stands in one that has none, and
 * every small sync of that costs 1.3 to 2.6 times as much, for as long as it takes to fill it.
 */
export async function rotateToBlocks(wal: Wal): Promise<void> {
  await quiet();
  await wal.rotate();
}

/** Frees log files behind the durable mark while a benchmark runs, as a checkpointer would: the steady state. */
export function recycleBehind(wal: Wal): () => Promise<void> {
  const everyBytes = FREED_FILES * wal.settings.logFileBytes;
  let freedBytes = wal.counters().bytesWritten;
  let freeing = Promise.resolve();
  const stop = wal.onDurable(({ lastSeq }) => {
    const { bytesWritten } = wal.counters();
    if (bytesWritten - freedBytes < everyBytes) return;
    freedBytes = bytesWritten;
    freeing = freeing.then(() => wal.checkpoint({ throughSeq: lastSeq }));
  });
  return async () => {
    stop();
    await freeing;
  };
}
