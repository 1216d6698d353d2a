// One thread with a thousand requests in flight, each of which appends and waits until that is durable, over and over:
// the work of a server. `appendAsync` stages the appends and lets them enter the lane together; beside it each appends
// for itself as soon as it may. The two take turns on one log.

import { join } from 'node:path';
import { type CommitInput, openWal, type Wal, WalError, type WalWriter } from '../src/index.js';
import { inDirectory, quantile, quiet, ratios, round, summary } from './harness.js';
import { PAGE_BYTES } from './log-writer.js';
import type { BenchResult, Comparison } from './result.js';
import type { ComparisonId } from './rows.js';

/** How long it may take. */
export interface InFlightCase {
  readonly requests: number;
  readonly rounds: number;
  /** Of each way in a round. */
  readonly seconds: number;
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
const KINDS = [
  {
    id: 'in-flight-small',
    what: `${SMALL_BYTES} bytes`,
    input: { operations: [{ code: 1, bytes: filled(SMALL_BYTES) }] },
  },
  { id: 'in-flight-page', what: '1 page', input: { pages: [{ pageNumber: 1, image: filled(PAGE_BYTES) }] } },
] as const satisfies readonly { id: ComparisonId; what: string; input: CommitInput }[];

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
    const comparisons: Comparison[] = [];
    const figures: Record<string, unknown> = {};
    for (const { id, what, input } of KINDS) {
      const rounds = { staged: [] as Round[], unstaged: [] as Round[] };
      // Behind a round that warms up.
      for (let index = 0; index <= given.rounds; index += 1) {
        const isStagedFirst = index % 2 === 0;
        const first = await runRound(wal, isStagedFirst ? staged : unstaged, input, given);
        const second = await runRound(wal, isStagedFirst ? unstaged : staged, input, given);
        if (index === 0) continue;
        rounds.staged.push(isStagedFirst ? first : second);
        rounds.unstaged.push(isStagedFirst ? second : first);
      }
      const rates = (of: readonly Round[]): number[] => of.map(({ commitsPerSecond }) => commitsPerSecond);
      comparisons.push({
        id,
        what: `${what}, staged`,
        beside: 'each for itself',
        unit: 'commits/s',
        value: summary(rates(rounds.staged)),
        besideValue: summary(rates(rounds.unstaged)),
        ratio: ratios(rates(rounds.staged), rates(rounds.unstaged)),
      });
      const counted = (way: Way) => operationsPerCommit(wal, way, input, given.requests);
      figures[what] = {
        staged: { ...medians(rounds.staged), perCommit: await counted(staged) },
        unstaged: { ...medians(rounds.unstaged), perCommit: await counted(unstaged) },
      };
    }
    return { comparisons, plots: [], notes: [NOTE(given.requests)], figures };
  });
}

const NOTE = (requests: number): string =>
  `In flight: ${requests} requests on one thread, each appends and awaits durable() before it appends again. Each for ` +
  'itself: `append` at once, behind `ready()` when the lane is full. `perCommit` counts what the appending thread did ' +
  'to shared words in a round that was not timed: guards set, locks taken, notifies, all atomic operations.';

async function runRound(wal: Wal, way: Way, input: CommitInput, { requests, seconds }: InFlightCase): Promise<Round> {
  await quiet();
  const before = wal.counters();
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  const latenciesMs = await serve(wal, way, input, requests, startMs + seconds * 1000);
  const tookMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpuBefore);
  const { commits, epochs } = wal.counters();
  await wal.checkpoint({ throughSeq: wal.marks().durableSeq });
  return {
    commitsPerSecond: (latenciesMs.length * 1000) / tookMs,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    commitsPerEpoch: (commits - before.commits) / (epochs - before.epochs),
    cpuUsPerCommit: (user + system) / latenciesMs.length,
  };
}

/** Requests that go on until the time is over; how long each commit took. */
async function serve(wal: Wal, way: Way, input: CommitInput, requests: number, endMs: number): Promise<number[]> {
  const writer = wal.connect();
  const latenciesMs: number[] = [];
  const request = async (): Promise<void> => {
    for (let beganMs = performance.now(); beganMs < endMs; ) {
      await (await way(writer, input)).durable();
      const nowMs = performance.now();
      latenciesMs.push(nowMs - beganMs);
      beganMs = nowMs;
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
  let commits = 0;
  try {
    for (let rounds = 0; rounds < 5; rounds += 1)
      commits += (await serve(wal, way, input, requests, performance.now() + 20)).length;
  } finally {
    Object.assign(Atomics, real);
  }
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, round(count / commits, 3)]));
}

function operations() {
  const { load, store, add, compareExchange, wait, waitAsync, notify } = Atomics;
  return { load, store, add, compareExchange, wait, waitAsync, notify };
}
