// The decision plane: from what was observed of a log to how it goes on (design/controller.md). Pure: no clock, no
// randomness, no state; the same observation gives the same decision, on any machine.
//
// It seeks the least time that a commit is waited for. It does not model disks or threads: it begins as a log does
// without it, tries what else there is, a period at a time and ever less often, and changes to what is better beyond
// doubt.

import { type Estimate, estimateOf, isSame, learn, type Rates, ratesOf, settle, trial } from './learning.js';
import {
  type Bounds,
  faultIn,
  fixedTuning,
  GATHERS,
  type Memory,
  type Observation,
  type Point,
  type Tuning,
} from './observation.js';

/** Whose decisions these are. The version is raised with every change of what is decided. */
export const POLICY = { id: 'least-wait', version: 2 } as const;

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
/** Behind a shorter sync those who were woken come too late for it to be worth waiting for all of them. */
const GATHERED_SYNC_US = 250;
/** However slow a disk is, nobody is kept waiting for longer to gather others. */
const GATHER_US_MAX = 2000;
/** Share of epochs sealed for want of room that asks for another lane. */
const PRESSED = 1 / 4;
const CERTAIN_BP = 10_000;

/** Decides how a log goes on. */
export function decide(observation: Observation): Decision {
  const fault = faultIn(observation);
  if (fault !== undefined || observation.now === null) return forced(observation, fault);
  const rates = ratesOf(observation.before, observation.now);
  const { inForce, memory } = observation;
  // Nobody waited, or for what was there already.
  if (rates.waitUs === 0) return finish(observation, rates, { point: inForce, memory, isCertain: false });
  if (rates.waiters < LONE_WAITERS && rates.commitsPerEpoch < LONE_COMMITS) {
    // Whoever is alone is never kept waiting for others.
    const point: Point = { gather: 'none', flushes: memory.home.flushes };
    return finish(observation, rates, { point, memory, isCertain: true });
  }
  const learned = learn(memory, inForce, rates, observation.bounds);
  const settled = settle(learned, pointsAround(learned.home, observation.bounds, rates));
  const { gather, flushes } = trial(settled, pointsAround(settled.home, observation.bounds, rates)) ?? settled.home;
  return finish(observation, rates, { point: { gather, flushes }, memory: settled, isCertain: false });
}

/** What differs from `home` in one thing at most. */
function pointsAround(home: Point, { flushes }: Bounds, { bytesPerSync, syncUs }: Rates): Point[] {
  const gathers = GATHERS.filter((gather) => gather !== 'all' || syncUs >= GATHERED_SYNC_US);
  const points: Point[] = gathers.map((gather) => ({ ...home, gather }));
  if (bytesPerSync < LARGE_SYNC_BYTES) return points;
  for (let count = 1; count <= flushes; count += 1) {
    if (count !== home.flushes) points.push({ ...home, flushes: count });
  }
  return points;
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
  const lossOf = (each: Point): number => estimateOf(memory, each)?.waitUs ?? rates.waitUs;
  const others = [memory.home, ...memory.rivals].filter((each) => !isSame(each, point));
  const other = others.reduce<Point>((best, each) => (lossOf(each) < lossOf(best) ? each : best), others[0] ?? inForce);
  const [loss, otherLoss] = [lossOf(point), lossOf(other)];
  const estimates = [point, other].map((each) => estimateOf(memory, each));
  const record: DecisionRecord = {
    number,
    policyId: POLICY.id,
    policyVersion: POLICY.version,
    action,
    confidenceBp: isCertain ? CERTAIN_BP : confidenceBp(Math.abs(loss - otherLoss), estimates),
    expectedLossUs: Math.round(loss),
    counterfactual: actionOf(inForce, { ...tuned(other, rates), lanes: inForce.lanes }),
    regretUs: Math.round(Math.max(0, loss - otherLoss)),
    evidence: evidenceOf(rates, tuning),
  };
  return { record, tuning, memory };
}

/** How far two means are apart beside how much their periods differ. */
function confidenceBp(apartUs: number, [one, other]: readonly (Estimate | undefined)[]): number {
  if (one === undefined || other === undefined || apartUs === 0) return CERTAIN_BP / 2;
  return Math.round((CERTAIN_BP / 2) * (1 + apartUs / (apartUs + one.spreadUs + other.spreadUs)));
}

function tuned({ gather, flushes }: Point, { syncUs }: Rates): Omit<Tuning, 'lanes'> {
  const gatherUs = { own: null, none: 0, all: Math.min(GATHER_US_MAX, Math.round(syncUs)) }[gather];
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
