// What is learned from one period: rates of it, and means over the periods in which the same was in force.

import type { Learned, Memory, Point, Sample } from './observation.js';

/** Weight of the newest period in a mean. */
const NEWEST_SHARE = 1 / 4;
/** With so many times the threads waiting, or one in so many, what was learned before says nothing. */
const OTHER_LOAD = 2;

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

/** The memory behind a period in which `point` was in force and somebody waited. */
export function learn(memory: Memory, point: Point, { waitUs, waiters }: Rates): Memory {
  const isOtherLoad = waiters > memory.waiters * OTHER_LOAD || waiters * OTHER_LOAD < memory.waiters;
  const known = isOtherLoad ? [] : memory.learned;
  const old = find(known, point);
  const { gather, flushes } = point;
  const learned = {
    gather,
    flushes,
    waitUs: old === undefined ? waitUs : moved(old.waitUs, waitUs),
    spreadUs: old === undefined ? 0 : moved(old.spreadUs, Math.abs(waitUs - old.waitUs)),
    periods: (old?.periods ?? 0) + 1,
  };
  return {
    periods: memory.periods + 1,
    home: memory.home,
    learned: [...known.filter((each) => each !== old), learned],
    waiters: isOtherLoad ? waiters : moved(memory.waiters, waiters),
  };
}

/** What is known of a point. */
export function find(learned: readonly Learned[], { gather, flushes }: Point): Learned | undefined {
  return learned.find((each) => each.gather === gather && each.flushes === flushes);
}

function moved(mean: number, value: number): number {
  return mean + (value - mean) * NEWEST_SHARE;
}
