// What a decision is made from, and what it decides: plain data, so that a recorded list of observations is a test. All
// of it is counted by the flusher; nothing here looks at a clock. design/controller.md.

/** What was counted since the log was opened, as read at one moment. */
export interface Sample {
  /** Monotonic clock. */
  readonly atUs: number;
  readonly epochs: number;
  readonly commits: number;
  readonly bytes: number;
  readonly syncs: number;
  /** Time that syncs took, added up. */
  readonly syncUs: number;
  /** Waits for a commit to be durable, and what they took, added up. */
  readonly waits: number;
  readonly waitUs: number;
  /** Lanes of each epoch, added up. */
  readonly lanes: number;
  /** Epochs that were sealed for want of room in the lanes. */
  readonly pressed: number;
}

/**
 * How long a seal that somebody waits for is put off, so that others join the epoch. `own`: as without a controller;
 * `none`: not at all; `all`: until all that were woken have come again, at most for as long as a sync takes.
 */
export const GATHERS = ['own', 'none', 'all'] as const;
export type Gather = (typeof GATHERS)[number];

/** What can be tried: a way to gather, and flushes in flight. */
export interface Point {
  readonly gather: Gather;
  readonly flushes: number;
}

/** What is in force. */
export interface Tuning extends Point {
  /** How long a seal is put off at most; null: as without a controller. */
  readonly gatherUs: number | null;
  /** Lanes that new writers are given. */
  readonly lanes: number;
}

/** What a decision keeps to: the settings of the log. */
export interface Bounds {
  readonly lanes: number;
  readonly flushes: number;
  readonly processors: number;
}

/** Something else than what is in force, as far as it was tried. */
export interface Rival extends Point {
  /** Mean wait of its trials beside that at home, and how far they are from it. */
  readonly ratio: number;
  readonly spread: number;
  readonly trials: number;
  /** Periods from its last trial to the next; it doubles with each trial in vain. */
  readonly gap: number;
  /** The period in which that one is due. */
  readonly dueAt: number;
}

/** What one decision hands to the next. */
export interface Memory {
  /** What is best as far as is known; rivals are tried for a period at a time. */
  readonly home: Point;
  /** Periods of this load so far, and those of them with home in force. */
  readonly periods: number;
  readonly homePeriods: number;
  /** Mean of a wait at home, and how far periods are from it: both weighted towards the last ones. */
  readonly waitUs: number;
  readonly spreadUs: number;
  readonly rivals: readonly Rival[];
  /** Threads that wait at a time under this load; 0 before its first period. */
  readonly waiters: number;
  /** Periods in a row that were of another load. */
  readonly oddPeriods: number;
}

/** Everything a decision is made from. */
export interface Observation {
  /** Of the decision: 1, 2, 3, ... */
  readonly number: number;
  readonly before: Sample;
  /** Null when nothing could be read. */
  readonly now: Sample | null;
  /** In force between the two. */
  readonly inForce: Tuning;
  readonly bounds: Bounds;
  readonly memory: Memory;
}

/** The tuning of a log without a controller. */
export function fixedTuning({ lanes, flushes }: Bounds): Tuning {
  return { gather: 'own', gatherUs: null, lanes, flushes };
}

/** Nothing is known yet. */
export function emptyMemory({ flushes }: Bounds): Memory {
  return {
    home: { gather: 'own', flushes },
    periods: 0,
    homePeriods: 0,
    waitUs: 0,
    spreadUs: 0,
    rivals: [],
    waiters: 0,
    oddPeriods: 0,
  };
}

/** Why an observation cannot be of a log that runs; undefined when it can. */
export function faultIn({ before, now, inForce, bounds, memory }: Observation): string | undefined {
  if (now === null) return 'nothing could be read';
  for (const [name, was] of Object.entries(before) as [keyof Sample, number][]) {
    const is = now[name];
    if (!isCount(was) || !isCount(is)) return `${name} is no count: ${was}, then ${is}`;
    if (is < was) return `${name} fell from ${was} to ${is}`;
  }
  if (now.atUs === before.atUs) return `no time passed behind ${now.atUs}`;
  const { home, rivals, ...counts } = memory;
  const learned = rivals.flatMap(({ ratio, spread, trials, gap, dueAt }) => [ratio, spread, trials, gap, dueAt]);
  const numbers = [...Object.values(bounds), inForce.lanes, inForce.flushes, inForce.gatherUs ?? 0, home.flushes];
  if (![...numbers, ...learned, ...Object.values(counts)].every(isCount))
    return 'what is in force, or was learned, is no count';
  if (inForce.lanes > bounds.lanes || inForce.flushes > bounds.flushes) return 'more is in force than is allowed';
  return undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
