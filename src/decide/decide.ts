// The decision plane: from what was observed of a log to how it goes on (design/controller.md). Pure: no clock, no
// randomness, no state; the same observation gives the same decision, on any machine.
//
// It seeks the least time that a commit is waited for. It does not model disks or threads: it tries what there is, a
// period at a time, and stays with what made waits shortest. What a log does without it is one of the things it tries.

import { find, learn, type Rates, ratesOf } from './learning.js';
import {
  type Bounds,
  faultIn,
  fixedTuning,
  GATHERS,
  type Learned,
  type Memory,
  type Observation,
  type Point,
  type Tuning,
} from './observation.js';

/** Whose decisions these are. The version is raised with every change of what is decided. */
export const POLICY = { id: 'least-wait', version: 1 } as const;

/** What can be done. */
export const ACTIONS = [
  'keep_current',
  'seal_epoch_now',
  'increase_lane_budget',
  'decrease_lane_budget',
  'force_conservative',
] as const;
export type Action = (typeof ACTIONS)[number];

/** Why a decision was made and what it is expected to cost. Plain data. */
export interface DecisionRecord {
  readonly number: number;
  readonly policyId: string;
  readonly policyVersion: number;
  readonly action: Action;
  /** In ten-thousandths: 5000 when nothing speaks for it, 10000 when it is not an estimate. */
  readonly confidenceBp: number;
  /** Expected mean wait for a commit, in microseconds. */
  readonly expectedLossUs: number;
  /** The next best thing to do. */
  readonly counterfactual: Action;
  /** What the decision is expected to lose beside it, in microseconds a wait; above 0 when something is only tried. */
  readonly regretUs: number;
  /** What spoke for it: whole numbers, with their units in their names. */
  readonly evidence: Readonly<Record<string, number>>;
  /** What was impossible about the evidence; of `force_conservative`. */
  readonly fault?: string;
}

/** A decision. */
export interface Decision {
  readonly record: DecisionRecord;
  readonly tuning: Tuning;
  /** For the next observation. */
  readonly memory: Memory;
}

/** Below so many waiting threads, with one commit an epoch, a writer is alone. */
const LONE_WAITERS = 1.2;
const LONE_COMMITS = 1.1;
/** Of smaller syncs only one is in flight, whatever is allowed. */
const LARGE_SYNC_BYTES = 256 * 1024;
/** However slow a disk is, nobody is kept waiting for longer to gather others. */
const GATHER_US_MAX = 2000;
/** Periods before a point counts as known; trials of those that are not, and of the others, once in so many periods. */
const KNOWN_PERIODS = 2;
const UNKNOWN_EVERY = 3;
const KNOWN_EVERY = 16;
/** Another point must be better by that share. */
const BETTER = 0.97;
/** Share of epochs sealed for want of room that asks for another lane. */
const PRESSED = 1 / 4;
const CERTAIN_BP = 10_000;

/** Decides how a log goes on. */
export function decide(observation: Observation): Decision {
  const fault = faultIn(observation);
  if (fault !== undefined || observation.now === null) return forced(observation, fault);
  const rates = ratesOf(observation.before, observation.now);
  const { inForce, memory } = observation;
  if (rates.waits === 0) return finish(observation, rates, { point: inForce, memory, isCertain: false });
  if (rates.waiters < LONE_WAITERS && rates.commitsPerEpoch < LONE_COMMITS) {
    // Whoever is alone is never kept waiting for others.
    const home: Point = { gather: 'none', flushes: memory.home.flushes };
    return finish(observation, rates, { point: home, memory: { ...memory, home, learned: [] }, isCertain: true });
  }
  const learned = learn(memory, inForce, rates);
  const points = pointsAround(learned.home, observation.bounds, rates);
  const home = bestOf(learned, points);
  const next = trial(learned, points, home) ?? home;
  return finish(observation, rates, { point: next, memory: { ...learned, home }, isCertain: false });
}

/** What differs from `home` in one thing at most. */
function pointsAround(home: Point, { flushes }: Bounds, { bytesPerSync }: Rates): Point[] {
  const points: Point[] = GATHERS.map((gather) => ({ ...home, gather }));
  if (bytesPerSync < LARGE_SYNC_BYTES) return points;
  for (let count = 1; count <= flushes; count += 1) {
    if (count !== home.flushes) points.push({ ...home, flushes: count });
  }
  return points;
}

function bestOf({ home, learned }: Memory, points: readonly Point[]): Point {
  const known = points.map((point) => find(learned, point)).filter((each) => isKnown(each));
  const least = known.reduce<Learned | undefined>(
    (best, each) => (best === undefined || each.waitUs < best.waitUs ? each : best),
    undefined,
  );
  const present = find(learned, home);
  if (least === undefined || !isKnown(present) || least.waitUs >= present.waitUs * BETTER) return home;
  return { gather: least.gather, flushes: least.flushes };
}

function isKnown(learned: Learned | undefined): learned is Learned {
  return learned !== undefined && learned.periods >= KNOWN_PERIODS;
}

/** What to try for a period, now and then. */
function trial({ periods, learned }: Memory, points: readonly Point[], home: Point): Point | undefined {
  const others = points.filter((point) => !isSame(point, home));
  const unknown = others.filter((point) => !isKnown(find(learned, point)));
  if (unknown.length > 0) return periods % UNKNOWN_EVERY === 0 ? unknown[0] : undefined;
  return periods % KNOWN_EVERY === 0 ? others[(periods / KNOWN_EVERY) % others.length] : undefined;
}

/** What was found, on its way into a record. */
interface Finding {
  readonly point: Point;
  readonly memory: Memory;
  /** It follows from a rule, and not from what waits took. */
  readonly isCertain: boolean;
}

function finish({ number, inForce, bounds }: Observation, rates: Rates, finding: Finding): Decision {
  const { point, memory, isCertain } = finding;
  const tuning = { ...tuned(point, rates), lanes: lanesFor(inForce.lanes, bounds, rates) };
  const action = actionOf(inForce, tuning);
  const lossOf = (each: Point): number => find(memory.learned, each)?.waitUs ?? rates.waitUs;
  const others = [memory.home, ...memory.learned].filter((each) => !isSame(each, point));
  const other = others.reduce<Point>((best, each) => (lossOf(each) < lossOf(best) ? each : best), others[0] ?? inForce);
  const [loss, otherLoss] = [lossOf(point), lossOf(other)];
  const spreads = [point, other].map((each) => find(memory.learned, each));
  const record: DecisionRecord = {
    number,
    policyId: POLICY.id,
    policyVersion: POLICY.version,
    action,
    confidenceBp: isCertain ? CERTAIN_BP : confidenceBp(Math.abs(loss - otherLoss), spreads),
    expectedLossUs: Math.round(loss),
    counterfactual: actionOf(inForce, { ...tuned(other, rates), lanes: inForce.lanes }),
    regretUs: Math.round(Math.max(0, loss - otherLoss)),
    evidence: evidenceOf(rates, tuning),
  };
  return { record, tuning, memory };
}

/** How far two means are apart beside how much their periods differ. */
function confidenceBp(apartUs: number, [one, other]: readonly (Learned | undefined)[]): number {
  if (!isKnown(one) || !isKnown(other) || apartUs === 0) return CERTAIN_BP / 2;
  return Math.round((CERTAIN_BP / 2) * (1 + apartUs / (apartUs + one.spreadUs + other.spreadUs)));
}

function tuned({ gather, flushes }: Point, { syncUs }: Rates): Omit<Tuning, 'lanes'> {
  const share = { none: 0, half: 1 / 2, whole: 1 };
  const gatherUs = gather === 'own' ? null : Math.min(GATHER_US_MAX, Math.round(syncUs * share[gather]));
  return { gather, gatherUs, flushes };
}

/** A lane more when one is full before its epoch is due; one less when there are more than processors, in vain. */
function lanesFor(lanes: number, bounds: Bounds, { epochs, pressedShare, lanesPerEpoch }: Rates): number {
  if (pressedShare > PRESSED) return Math.min(lanes + 1, bounds.lanes);
  const isIdle = epochs > 0 && pressedShare === 0 && lanesPerEpoch < lanes / 2;
  return isIdle && lanes > bounds.processors ? lanes - 1 : lanes;
}

function actionOf(inForce: Tuning, next: Tuning): Action {
  const more = Math.sign(next.flushes - inForce.flushes) || Math.sign(next.lanes - inForce.lanes);
  if (more > 0) return 'increase_lane_budget';
  if (more < 0) return 'decrease_lane_budget';
  return next.gather === 'none' && inForce.gather !== 'none' ? 'seal_epoch_now' : 'keep_current';
}

function evidenceOf(rates: Rates, { gatherUs, lanes, flushes }: Tuning): Record<string, number> {
  const milli = (value: number): number => Math.round(value * 1000);
  return {
    periodUs: Math.round(rates.periodUs),
    epochs: rates.epochs,
    waits: rates.waits,
    waitUs: Math.round(rates.waitUs),
    syncUs: Math.round(rates.syncUs),
    waitersMilli: milli(rates.waiters),
    commitsPerEpochMilli: milli(rates.commitsPerEpoch),
    lanesPerEpochMilli: milli(rates.lanesPerEpoch),
    pressedBp: Math.round(rates.pressedShare * CERTAIN_BP),
    bytesPerSync: Math.round(rates.bytesPerSync),
    ...(gatherUs !== null && { gatherUs }),
    lanes,
    flushes,
  };
}

function isSame(one: Point, other: Point): boolean {
  return one.gather === other.gather && one.flushes === other.flushes;
}

/** Without evidence nothing is tuned. */
function forced({ number, bounds, memory }: Observation, fault = 'nothing could be read'): Decision {
  const record: DecisionRecord = {
    number,
    policyId: POLICY.id,
    policyVersion: POLICY.version,
    action: 'force_conservative',
    confidenceBp: CERTAIN_BP,
    expectedLossUs: 0,
    counterfactual: 'keep_current',
    regretUs: 0,
    evidence: {},
    fault,
  };
  return { record, tuning: fixedTuning(bounds), memory };
}
