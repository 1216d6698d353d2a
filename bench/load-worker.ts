// One writer of a page store under load: `open-loop` commits at times that were fixed before, whether or not the commit
// before it was late; `closed-loop` commits as fast as it may. Each keeps to pages of its own.

import { parentPort, workerData } from 'node:worker_threads';
import { type Commit, connectPageStore, type StoreHandle, WalError } from '../src/index.js';
import { randomBelow } from './harness.js';
import { PAGE_BYTES, stamp } from './store-pages.js';

/** What a writer does in a round. */
export type LoadPlan =
  | { readonly kind: 'open-loop'; readonly seconds: number; readonly commitsPerSecond: number }
  | {
      readonly kind: 'closed-loop';
      readonly seconds: number;
      readonly pagesPerCommit: number;
      /** At most so many commits of the writer are not durable. */
      readonly window: number;
    };

/** What a writer saw. */
export interface LoadResult {
  readonly commits: number;
  /** Commits that were refused because the log had no space in time; tried again. */
  readonly timeouts: number;
  /** Milliseconds from when the commit was due until it was durable, for `open-loop`; beside it when it was due. */
  readonly latenciesMs: Float64Array;
  /** Milliseconds since the epoch. */
  readonly dueAtMs: Float64Array;
  /** The longest time between two commits of this writer. */
  readonly longestPauseMs: number;
}

/** What a writer is started with: its pages are first, first + stride, ... */
export interface LoadData {
  readonly handle: StoreHandle;
  readonly first: number;
  readonly stride: number;
  readonly pages: number;
}

const TIMEOUT_MS = 60_000;
const { handle, first, stride, pages } = workerData as LoadData;
const store = await connectPageStore(handle);
const image = new Uint8Array(PAGE_BYTES);
const sleeper = new Int32Array(new SharedArrayBuffer(4));
const below = randomBelow(first, pages);
let round = 0;

function commitPages(count: number): Commit {
  round += 1;
  const start = below();
  const transaction = store.begin();
  for (let index = 0; index < count; index += 1) {
    const pageNumber = first + stride * ((start + index) % pages);
    transaction.write(pageNumber, stamp(image, pageNumber, round));
  }
  return transaction.commit();
}

/** Undefined when the log had no space for as long as a commit waits. */
function tryCommit(count: number): Commit | undefined {
  try {
    return commitPages(count);
  } catch (error) {
    if (error instanceof WalError && ['ERR_WAL_TIMEOUT', 'ERR_WAL_CACHE_FULL'].includes(error.code)) return undefined;
    throw error;
  }
}

function openLoop(seconds: number, commitsPerSecond: number): LoadResult {
  const count = Math.floor(seconds * commitsPerSecond);
  const latenciesMs = new Float64Array(count);
  const dueAtMs = new Float64Array(count);
  // The writers do not all come at the same moment.
  const startMs = performance.now() + ((first % stride) / stride) * (1000 / commitsPerSecond);
  let pauseMs = 0;
  let lastMs = startMs;
  for (let index = 0; index < count; index += 1) {
    const dueMs = startMs + (index * 1000) / commitsPerSecond;
    const leftMs = dueMs - performance.now();
    if (leftMs > 0) Atomics.wait(sleeper, 0, 0, leftMs);
    commitPages(1).waitDurable(TIMEOUT_MS);
    const nowMs = performance.now();
    latenciesMs[index] = nowMs - dueMs;
    dueAtMs[index] = performance.timeOrigin + dueMs;
    pauseMs = Math.max(pauseMs, nowMs - lastMs);
    lastMs = nowMs;
  }
  return { commits: count, timeouts: 0, latenciesMs, dueAtMs, longestPauseMs: pauseMs };
}

function closedLoop(seconds: number, pagesPerCommit: number, window: number): LoadResult {
  const endMs = performance.now() + seconds * 1000;
  const inFlight: Commit[] = [];
  let commits = 0;
  let timeouts = 0;
  let pauseMs = 0;
  let lastMs = performance.now();
  while (lastMs < endMs) {
    const commit = tryCommit(pagesPerCommit);
    if (commit === undefined) {
      timeouts += 1;
      continue;
    }
    if (inFlight.push(commit) >= window) inFlight.shift()?.waitDurable(TIMEOUT_MS);
    commits += 1;
    const nowMs = performance.now();
    pauseMs = Math.max(pauseMs, nowMs - lastMs);
    lastMs = nowMs;
  }
  inFlight.at(-1)?.waitDurable(TIMEOUT_MS);
  const none = new Float64Array(0);
  return { commits, timeouts, latenciesMs: none, dueAtMs: none, longestPauseMs: pauseMs };
}

function run(plan: LoadPlan): LoadResult {
  if (plan.kind === 'open-loop') return openLoop(plan.seconds, plan.commitsPerSecond);
  return closedLoop(plan.seconds, plan.pagesPerCommit, plan.window);
}

parentPort?.on('message', (plan: LoadPlan) => parentPort?.postMessage(run(plan)));
parentPort?.postMessage('ready');
