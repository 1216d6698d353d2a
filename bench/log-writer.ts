// The loop of one writer of a log, the same for lanewal and for the baseline: for some seconds, in one of several ways.
// A round ends when everything it appended is durable.

import { LatencyHistogram } from './histogram.js';

export const PAGE_BYTES = 4096;

/** What each writer does in a round. */
export interface RoundPlan {
  /**
   * `wait`: blocks for each commit; `window`: at most `window` commits are not durable; `free`: nobody waits;
   * `burst`: `window` commits, a wait for the last, a pause; `open-loop`: commits at moments that were fixed before,
   * whether or not those before them are durable.
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
  /** For `open-loop`: how long behind that moment the commit was appended. It is in the latency. */
  readonly lateness: string;
  /** Garbage collections of the writer's thread. */
  readonly collections?: number;
}

/** A log under test, as one thread sees it. */
export interface LogWriter<Commit> {
  /** Appends a commit of `pages` pages; waits for room at most. */
  append(pages: number): Commit;
  /** Blocks until the commit, and all before it, are durable: true; or for `timeoutMs`, where that is given: false. */
  waitDurable(commit: Commit, timeoutMs?: number): boolean;
}

const BURST_PAUSE_MS = 1;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Runs one round; `offset`, from 0 to 1, keeps the writers of an open loop from coming at the same moment. */
export function runRound<Commit>(log: LogWriter<Commit>, plan: RoundPlan, offset: number): RoundResult {
  const latencies = new LatencyHistogram();
  const lateness = new LatencyHistogram();
  const commits =
    plan.kind === 'open-loop'
      ? runOpenLoop(log, plan, offset, { latencies, lateness })
      : runClosedLoop(log, plan, latencies);
  return { commits, latencies: latencies.toText(), lateness: lateness.toText() };
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

/**
 * A thread that waited for each commit before it appends the next would not be an open loop but a queue of its own,
 * and full long before the log is: a commit that comes alone waits for the rest of the sync under way and for its own,
 * half as long again as at the peak, which the rate is a share of, where all threads come together behind one sync.
 */
function runOpenLoop<Commit>(
  log: LogWriter<Commit>,
  { seconds, pages, commitsPerSecond = 1 }: RoundPlan,
  offset: number,
  { latencies, lateness }: Record<'latencies' | 'lateness', LatencyHistogram>,
): number {
  const count = Math.max(1, Math.floor(seconds * commitsPerSecond));
  const startMs = performance.now() + (offset * 1000) / commitsPerSecond;
  const inFlight: { readonly commit: Commit; readonly dueMs: number }[] = [];
  for (let appended = 0; appended < count || inFlight.length > 0; ) {
    const dueMs = appended < count ? startMs + (appended * 1000) / commitsPerSecond : Number.POSITIVE_INFINITY;
    const leftMs = dueMs - performance.now();
    const [oldest] = inFlight;
    if (leftMs <= 0) {
      lateness.record(-leftMs);
      inFlight.push({ commit: log.append(pages), dueMs });
      appended += 1;
    } else if (oldest === undefined) {
      Atomics.wait(sleeper, 0, 0, leftMs);
    } else if (log.waitDurable(oldest.commit, Number.isFinite(leftMs) ? leftMs : undefined)) {
      // From when it was due: whatever was late, the commit is charged for it.
      latencies.record(performance.now() - oldest.dueMs);
      inFlight.shift();
    }
  }
  return count;
}
