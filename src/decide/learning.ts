// What is learned from one period: rates of it, means over the periods at home, and how trials fared beside them.

import { type Bounds, emptyMemory, type Memory, type Point, type Rival, type Sample } from './observation.js';

/** Weight of the newest period in a mean. */
const NEWEST_SHARE = 1 / 4;
/** So many times the threads waiting, or one in so many, in so many periods in a row: it is another load. */
const OTHER_LOAD = 2;
const OTHER_PERIODS = 2;
/** Home periods before anything is compared with their mean. */
const HOME_PERIODS = 4;
/** A rival is better when waits are that share of those at home beyond doubt, in so many trials. */
const BETTER = 0.97;
const TRIALS_MIN = 4;
/** So many trials tell whether one that looks better is; the mean is over so many at least. */
const TRIALS_ENOUGH = 16;
/** Periods between two trials of a rival: of one that may turn out to be better, and of another, which grow. */
const GAP_PROMISING = 2;
const GAP_MIN = 16;
const GAP_MAX = 1024;
/** When a rival of which nothing is known is due. */
const FIRST_DUE = 4;
/** At most one period in so many is a trial. */
const TRIAL_EVERY = 2;

/** One period in the units of a decision. */
export interface Rates {
  readonly periodUs: number;
  readonly epochs: number;
  readonly waits: number;
  readonly commitsPerEpoch: number;
  readonly lanesPerEpoch: number;
  readonly pressedShare: number;
  readonly bytesPerSync: number;
  /** Means. */
  readonly syncUs: number;
  readonly waitUs: number;
  /** Threads that wait at a time, on average: what they waited together, in each unit of time. */
  readonly waiters: number;
}

/** What happened between two samples. */
export function ratesOf(before: Sample, now: Sample): Rates {
  const grown = (name: keyof Sample): number => now[name] - before[name];
  const epochs = grown('epochs');
  const per = (sum: number, count: number): number => (count === 0 ? 0 : sum / count);
  return {
    periodUs: grown('atUs'),
    epochs,
    waits: grown('waits'),
    commitsPerEpoch: per(grown('commits'), epochs),
    lanesPerEpoch: per(grown('lanes'), epochs),
    pressedShare: per(grown('pressed'), epochs),
    bytesPerSync: per(grown('bytes'), grown('syncs')),
    syncUs: per(grown('syncUs'), grown('syncs')),
    waitUs: per(grown('waitUs'), grown('waits')),
    waiters: per(grown('waitUs'), grown('atUs')),
  };
}

/** What is known of a point: mean wait and how far single periods are from it. */
export interface Estimate {
  readonly waitUs: number;
  readonly spreadUs: number;
}

/** The memory behind a period in which `inForce` was in force and somebody waited. */
export function learn(memory: Memory, inForce: Point, { waitUs, waiters }: Rates, bounds: Bounds): Memory {
  const { waiters: before, oddPeriods } = memory;
  const isOther = before > 0 && (waiters > before * OTHER_LOAD || waiters * OTHER_LOAD < before);
  // A pause, or something else in the machine, makes one period look like another load.
  if (isOther && oddPeriods + 1 < OTHER_PERIODS) return { ...memory, oddPeriods: oddPeriods + 1 };
  const load = isOther ? emptyMemory(bounds) : memory;
  const periods = load.periods + 1;
  const next = {
    ...load,
    periods,
    waiters: load.waiters === 0 ? waiters : moved(load.waiters, waiters),
    oddPeriods: 0,
  };
  if (isSame(inForce, load.home)) return atHome(next, waitUs);
  if (load.homePeriods < HOME_PERIODS) return next;
  const rival = triedAgain(rivalAt(load, inForce), waitUs / load.waitUs, periods);
  return { ...next, rivals: [...load.rivals.filter((each) => !isSame(each, inForce)), rival] };
}

function atHome(memory: Memory, waitUs: number): Memory {
  const { homePeriods, waitUs: mean, spreadUs } = memory;
  const isFirst = homePeriods === 0;
  return {
    ...memory,
    homePeriods: homePeriods + 1,
    waitUs: isFirst ? waitUs : moved(mean, waitUs),
    spreadUs: isFirst ? 0 : moved(spreadUs, Math.abs(waitUs - mean)),
  };
}

function triedAgain({ gather, flushes, ...old }: Rival, ratio: number, periods: number): Rival {
  const trials = old.trials + 1;
  // Each counts the same at first: a lucky first one is not held against home for long.
  const share = Math.max(1 / TRIALS_ENOUGH, 1 / trials);
  const mean = moved(old.ratio, ratio, share);
  const spread = trials === 1 ? 0 : moved(old.spread, Math.abs(ratio - old.ratio), share);
  const again = trials < TRIALS_ENOUGH ? GAP_PROMISING : GAP_MIN;
  const gap = mean < BETTER ? again : Math.min(GAP_MAX, Math.max(GAP_MIN, old.gap * 2));
  return { gather, flushes, ratio: mean, spread, trials, gap, dueAt: periods + gap };
}

function rivalAt({ rivals }: Memory, { gather, flushes }: Point): Rival {
  const unknown = { gather, flushes, ratio: 1, spread: 0, trials: 0, gap: 0, dueAt: FIRST_DUE };
  return rivals.find((each) => isSame(each, unknown)) ?? unknown;
}

/** The memory with the best of `points` as home: the present one, unless another is better beyond doubt. */
export function settle(memory: Memory, points: readonly Point[]): Memory {
  const best = points
    .map((point) => rivalAt(memory, point))
    .filter((rival) => rival.trials >= TRIALS_MIN && rival.ratio + doubtOf(rival) < BETTER)
    .reduce<Rival | undefined>(
      (least, each) => (least === undefined || each.ratio < least.ratio ? each : least),
      undefined,
    );
  if (best === undefined) return memory;
  const { gather, flushes, ratio, spread } = best;
  const { home, periods, waitUs } = memory;
  // What was home has to lose its trials, too.
  const gone = { ...home, ratio: 1 / ratio, spread: spread / ratio, trials: 1, gap: GAP_MIN, dueAt: periods + GAP_MIN };
  const estimate = { waitUs: waitUs * ratio, spreadUs: waitUs * spread };
  return { ...memory, ...estimate, home: { gather, flushes }, homePeriods: 0, rivals: [gone] };
}

/** How much worse than the mean of its trials a rival may be: the more trials, the less. */
function doubtOf({ trials, spread }: Rival): number {
  return (2 * spread) / Math.sqrt(Math.min(trials, TRIALS_ENOUGH));
}

/** Which of `points` is to be tried for a period, if it is time. */
export function trial(memory: Memory, points: readonly Point[]): Point | undefined {
  const { periods, homePeriods, home, oddPeriods } = memory;
  if (homePeriods < HOME_PERIODS || oddPeriods > 0 || periods % TRIAL_EVERY !== 0) return undefined;
  const due = points
    .filter((point) => !isSame(point, home))
    .map((point) => rivalAt(memory, point))
    .filter(({ dueAt }) => dueAt <= periods);
  return due.reduce<Rival | undefined>((first, each) => (first && first.dueAt <= each.dueAt ? first : each), undefined);
}

/** What is known of a point. */
export function estimateOf(memory: Memory, point: Point): Estimate | undefined {
  const { home, homePeriods, waitUs, spreadUs } = memory;
  if (isSame(point, home)) return homePeriods === 0 ? undefined : { waitUs, spreadUs };
  const { trials, ratio, spread } = rivalAt(memory, point);
  return trials === 0 ? undefined : { waitUs: ratio * waitUs, spreadUs: spread * waitUs };
}

export function isSame(one: Point, other: Point): boolean {
  return one.gather === other.gather && one.flushes === other.flushes;
}

function moved(mean: number, value: number, share = NEWEST_SHARE): number {
  return mean + (value - mean) * share;
}
