// The loop of one writer of a log, the same for lanewal and for the baseline: for some seconds, in one of several ways.
// A round ends when everything it appended is durable.

import { LatencyHistogram } from './histogram.js';

export const PAGE_BYTES = 4096;

/** What each writer does in a round. */
export interface RoundPlan {
  /**
   * `wait`: blocks for each commit; `window`: at most `window` commits are not durable; `free`: nobody waits;
   * `burst`: `window` commits, a wait for the last, a pause; `open-loop`: as `wait`, at moments that were fixed before,
   * whether or not the commit before was late.
   */
  readonly kind: 'wait' | 'window' | 'free' | 'burst' | 'open-loop';
  readonly seconds: number;
  /** Of this writer: the round ends behind so many, if it has not ended before. */
  readonly commits?: number;
  readonly pages: number;
  readonly window?: number;
  /** Of this writer, for `open-loop`. */
  readonly commitsPerSecond?: number;
}

/** What a writer reports. */
export interface RoundResult {
  readonly commits: number;
  /** Of each commit, for `wait`; for `open-loop` from the moment at which it was due. */
  readonly latencies: string;
  /** Garbage collections of the writer's thread. */
  readonly collections?: number;
}

/** A log under test, as one thread sees it. */
export interface LogWriter<Commit> {
  /** Appends a commit of `pages` pages; waits for room at most. */
  append(pages: number): Commit;
  /** Blocks until the commit, and all before it, are durable. */
  waitDurable(commit: Commit): void;
}

const BURST_PAUSE_MS = 1;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Runs one round; `offset`, from 0 to 1, keeps the writers of an open loop from coming at the same moment. */
export function runRound<Commit>(log: LogWriter<Commit>, plan: RoundPlan, offset: number): RoundResult {
  const latencies = new LatencyHistogram();
  const commits =
    plan.kind === 'open-loop' ? runOpenLoop(log, plan, offset, latencies) : runClosedLoop(log, plan, latencies);
  return { commits, latencies: latencies.toText() };
}

function runClosedLoop<Commit>(log: LogWriter<Commit>, plan: RoundPlan, latencies: LatencyHistogram): number {
  const { kind, seconds, pages, window = 1, commits: commitsMax = Number.POSITIVE_INFINITY } = plan;
  const inFlight: Commit[] = [];
  let commits = 0;
  let last: Commit | undefined;
  let nowMs = performance.now();
  const endMs = nowMs + seconds * 1000;
  for (; nowMs < endMs && commits < commitsMax; commits += 1) {
    last = log.append(pages);
    if (kind === 'wait') log.waitDurable(last);
    else if (kind === 'window' && inFlight.push(last) >= window) log.waitDurable(inFlight.shift() as Commit);
    else if (kind === 'burst' && commits % window === window - 1) {
      log.waitDurable(last);
      Atomics.wait(sleeper, 0, 0, BURST_PAUSE_MS);
    }
    const thenMs = performance.now();
    if (kind === 'wait') latencies.record(thenMs - nowMs);
    nowMs = thenMs;
  }
  if (last !== undefined) log.waitDurable(last);
  return commits;
}

function runOpenLoop<Commit>(
  log: LogWriter<Commit>,
  { seconds, pages, commitsPerSecond = 1 }: RoundPlan,
  offset: number,
  latencies: LatencyHistogram,
): number {
  const count = Math.max(1, Math.floor(seconds * commitsPerSecond));
  const startMs = performance.now() + (offset * 1000) / commitsPerSecond;
  for (let index = 0; index < count; index += 1) {
    const dueMs = startMs + (index * 1000) / commitsPerSecond;
    const leftMs = dueMs - performance.now();
    if (leftMs > 0) Atomics.wait(sleeper, 0, 0, leftMs);
    log.waitDurable(log.append(pages));
    // From when it was due: a commit that came late because the one before it was slow is charged for that.
    latencies.record(performance.now() - dueMs);
  }
  return count;
}
