// One thread with a thousand requests in flight, each of which appends and waits until that is durable, over and over:
// the work of a server. `appendAsync` stages the appends and lets them enter the lane together; beside it each appends
// for itself as soon as it may. The two take turns on one log.

import { join } from 'node:path';
import { type CommitInput, openWal, type Wal, WalError, type WalWriter } from '../src/index.js';
import { inDirectory, quantile, ratios, round, summary } from './harness.js';
import { PAGE_BYTES } from './log-writer.js';
import type { BenchResult, Comparison } from './result.js';
import type { ComparisonId } from './rows.js';
import { WARM } from './warm-up.js';
import { recycleBehind, rotateToBlocks } from './writers.js';

/** How much is done. */
export interface InFlightCase {
  readonly requests: number;
  readonly rounds: number;
  /** Commits of each request in a round of one way, behind one round that warms up. */
  readonly commitsEach: number;
}

type Commit = Awaited<ReturnType<WalWriter['appendAsync']>>;
type Way = (writer: WalWriter, input: CommitInput) => Promise<Commit> | Commit;

const staged: Way = (writer, input) => writer.appendAsync(input);

/** Tries as long as it takes; waits in between until the lane is half empty. */
const unstaged: Way = async (writer, input) => {
  for (;;) {
    try {
      return writer.append(input, { timeoutMs: 0 });
    } catch (error) {
      if (!(error instanceof WalError && error.code === 'ERR_WAL_LANE_FULL')) throw error;
    }
    await writer.ready();
  }
};

const SMALL_BYTES = 100;
/** Commits of each request while operations are counted. */
const COUNTED_EACH = 5;
const KINDS = [
  {
    id: 'in-flight-small',
    cpuId: 'in-flight-small-cpu',
    what: `${SMALL_BYTES} bytes`,
    input: { operations: [{ code: 1, bytes: filled(SMALL_BYTES) }] },
  },
  {
    id: 'in-flight-page',
    cpuId: 'in-flight-page-cpu',
    what: '1 page',
    input: { pages: [{ pageNumber: 1, image: filled(PAGE_BYTES) }] },
  },
] as const satisfies readonly { id: ComparisonId; cpuId: ComparisonId; what: string; input: CommitInput }[];

function filled(bytes: number): Uint8Array {
  return new Uint8Array(bytes).fill(7);
}

/** What one way did in one round. */
interface Round {
  readonly commitsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly commitsPerEpoch: number;
  /** Of the whole process. */
  readonly cpuUsPerCommit: number;
}

export async function benchInFlight(parent: string, given: InFlightCase): Promise<BenchResult> {
  return inDirectory(parent, async (directory) => {
    await using wal = await openWal(join(directory, 'db'), { fsync: 'full', lanes: 2 });
    const stopRecycling = recycleBehind(wal);
    const comparisons: Comparison[] = [];
    const figures: Record<string, unknown> = {};
    for (const { id, cpuId, what, input } of KINDS) {
      const rounds = { staged: [] as Round[], unstaged: [] as Round[] };
      // An epoch for each commit, which warms the flusher, and behind it a round that warms up the rest.
      await serve(wal, staged, input, 1, WARM.commits);
      for (let index = 0; index <= given.rounds; index += 1) {
        const isStagedFirst = index % 2 === 0;
        const first = await runRound(wal, isStagedFirst ? staged : unstaged, input, given);
        const second = await runRound(wal, isStagedFirst ? unstaged : staged, input, given);
        if (index === 0) continue;
        rounds.staged.push(isStagedFirst ? first : second);
        rounds.unstaged.push(isStagedFirst ? second : first);
      }
      comparisons.push(
        beside(id, what, 'commits/s', 'commitsPerSecond', rounds),
        beside(cpuId, what, 'µs of processor time a commit', 'cpuUsPerCommit', rounds),
      );
      const counted = (way: Way) => operationsPerCommit(wal, way, input, given.requests);
      figures[what] = {
        staged: { ...medians(rounds.staged), perCommit: await counted(staged) },
        unstaged: { ...medians(rounds.unstaged), perCommit: await counted(unstaged) },
      };
    }
    await stopRecycling();
    return { comparisons, plots: [], notes: [noteOf(given.requests)], figures };
  });
}

const noteOf = (requests: number): string =>
  `In flight: ${requests} requests on one thread, each appends and awaits durable() before it appends again. ` +
  'Each for itself: `append` at once, behind `ready()` when the lane is full. ' +
  'Processor time is that of the whole process. `perCommit` counts what the appending thread did to shared words ' +
  'in a round that was not timed: guards set, locks taken, notifies, all atomic operations.';

function beside(
  id: ComparisonId,
  what: string,
  unit: string,
  key: keyof Round,
  rounds: { readonly staged: readonly Round[]; readonly unstaged: readonly Round[] },
): Comparison {
  const [staged, unstaged] = [rounds.staged, rounds.unstaged].map((of) => of.map((each) => each[key]));
  return {
    id,
    what: `${what}, staged`,
    beside: 'each for itself',
    unit,
    value: summary(staged as number[]),
    besideValue: summary(unstaged as number[]),
    ratio: ratios(staged as number[], unstaged as number[]),
  };
}

async function runRound(
  wal: Wal,
  way: Way,
  input: CommitInput,
  { requests, commitsEach }: InFlightCase,
): Promise<Round> {
  await rotateToBlocks(wal);
  const before = wal.counters();
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  const latenciesMs = await serve(wal, way, input, requests, commitsEach);
  const tookMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpuBefore);
  const { commits, epochs } = wal.counters();
  return {
    commitsPerSecond: (latenciesMs.length * 1000) / tookMs,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    commitsPerEpoch: (commits - before.commits) / (epochs - before.epochs),
    cpuUsPerCommit: (user + system) / latenciesMs.length,
  };
}

/** Requests one behind the other, so many side by side; how long each commit took. */
async function serve(wal: Wal, way: Way, input: CommitInput, requests: number, commits: number): Promise<number[]> {
  const writer = wal.connect();
  const latenciesMs: number[] = [];
  const request = async (): Promise<void> => {
    for (let count = 0; count < commits; count += 1) {
      const beganMs = performance.now();
      await (await way(writer, input)).durable();
      latenciesMs.push(performance.now() - beganMs);
    }
  };
  await Promise.all(Array.from({ length: requests }, request));
  return latenciesMs;
}

function medians(rounds: readonly Round[]): Record<keyof Round, number> {
  const of = (key: keyof Round): number =>
    round(
      quantile(
        rounds.map((each) => each[key]),
        0.5,
      ),
    );
  return {
    commitsPerSecond: of('commitsPerSecond'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    commitsPerEpoch: of('commitsPerEpoch'),
    cpuUsPerCommit: of('cpuUsPerCommit'),
  };
}

/** Counts the atomic operations of this thread over some rounds of requests. */
async function operationsPerCommit(
  wal: Wal,
  way: Way,
  input: CommitInput,
  requests: number,
): Promise<Record<string, number>> {
  const counts = { guards: 0, locks: 0, notifies: 0, all: 0 };
  const real = { ...operations() };
  const counted = (name: keyof typeof real, note: (words: unknown, value: unknown) => void): void => {
    const operation = real[name] as (...rest: unknown[]) => unknown;
    const replacement = (...rest: unknown[]): unknown => {
      counts.all += 1;
      note(rest[0], rest[2]);
      return operation(...rest);
    };
    Object.assign(Atomics, { [name]: replacement });
  };
  for (const name of ['load', 'add', 'wait', 'waitAsync'] as const) counted(name, () => undefined);
  // Of 64-bit words a writer stores nothing but its guard, twice for each; and it takes nothing but locks by exchange.
  counted('store', (words, value) => (counts.guards += words instanceof BigInt64Array && value !== 0n ? 1 : 0));
  counted(
    'compareExchange',
    (words, expected) => (counts.locks += words instanceof Int32Array && expected === 0 ? 1 : 0),
  );
  counted('notify', () => (counts.notifies += 1));
  try {
    await serve(wal, way, input, requests, COUNTED_EACH);
  } finally {
    Object.assign(Atomics, real);
  }
  const commits = requests * COUNTED_EACH;
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, round(count / commits, 3)]));
}

function operations() {
  const { load, store, add, compareExchange, wait, waitAsync, notify } = Atomics;
  return { load, store, add, compareExchange, wait, waitAsync, notify };
}
