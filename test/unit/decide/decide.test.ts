// Goal: decisions follow from observations and nothing else, lie within the settings, find what makes waits short, keep
// nobody waiting who is alone, and give up tuning when the evidence cannot be. Method: modelled loads, a recorded list,
// properties over made-up observations.

import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ACTIONS, type Decision, decide, POLICY } from '../../../src/decide/decide.js';
import {
  emptyMemory,
  fixedTuning,
  GATHERS,
  type Gather,
  type Observation,
  type Sample,
} from '../../../src/decide/observation.js';
import { FLOOD, LONE, type Load, LoadedLog, WAITING } from '../../support/decision-load.js';
import { PACKAGE_ROOT, readPackageFile } from '../../support/package-root.js';
import { announced } from '../cli/seeded.js';

const BOUNDS = { lanes: 2, flushes: 2, processors: 2 };
const RECORDED = 'test/unit/decide/recorded.json';

describe('a recorded list of observations', () => {
  /** Loads of all kinds, one after the other, and an end without evidence. */
  function record(): { observation: Observation; decision: Decision }[] {
    const log = new LoadedLog({ ...BOUNDS, lanes: 4 });
    const idle = { ...LONE, waiters: 0, periods: 2 };
    const [waiting, flood] = [WAITING, FLOOD].map((load) => ({ ...load, periods: 14 })) as [Load, Load];
    const pressed = { ...FLOOD, pressedShare: 0.5, periods: 3 };
    const few = { ...LONE, lanesPerEpoch: 1 };
    const list = [few, waiting, idle, flood, pressed, LONE].flatMap((load) => log.run(load));
    const last = log.observe(LONE, (now) => ({ ...now, syncs: 0 }));
    return [...list, { observation: last, decision: decide(last) }];
  }

  /** A line for each, so that a change shows what it changes. */
  function toText(decisions: readonly object[]): string {
    const lines = decisions.map((each) => `  ${JSON.stringify(each)}`);
    return `{"policy": ${JSON.stringify(POLICY)}, "decisions": [\n${lines.join(',\n')}\n]}\n`;
  }

  test('gives the recorded decisions again', () => {
    if (process.env.UPDATE_GOLDEN === '1') {
      writeFileSync(new URL(RECORDED, PACKAGE_ROOT), toText(record()));
    }
    const { policy, decisions } = JSON.parse(readPackageFile(RECORDED)) as {
      policy: unknown;
      decisions: { observation: Observation; decision: Decision }[];
    };
    expect(policy, 'a policy that decides otherwise has another version').toEqual(POLICY);
    for (const { observation, decision } of decisions) expect(decide(observation)).toEqual(decision);
    expect(new Set(decisions.map(({ decision }) => decision.record.action))).toEqual(new Set(ACTIONS));
  });
});

describe('the shortest waits', () => {
  const settled = (load: Load, bounds = BOUNDS) => {
    const log = new LoadedLog(bounds);
    log.run({ ...load, periods: 60 });
    return { log, later: log.run({ ...load, periods: 160 }) };
  };

  test('are found by trying, and what is worse is in force ever less often', () => {
    const { log, later } = settled(WAITING);
    expect(log.memory.home).toEqual({ gather: 'all', flushes: 2 });
    const isTrial = later.map(({ decision }) => decision.tuning.gather !== 'all');
    const trialsOf = (from: number, to: number): number => isTrial.slice(from, to).filter(Boolean).length;
    expect(trialsOf(0, 160)).toBeGreaterThan(0);
    expect(trialsOf(0, 160)).toBeLessThanOrEqual(10);
    const muchLater = log.run({ ...WAITING, periods: 4000 }).map(({ decision }) => decision.tuning.gather);
    expect(muchLater.filter((gather) => gather !== 'all').length).toBeLessThanOrEqual(16);
    expect(later.at(-1)?.decision.tuning.gatherUs).toBe(1000);
  });

  test('are those without a controller, if nothing else is better', () => {
    const flat = { ...WAITING, factor: () => 1 };
    expect(settled(flat).log.memory.home).toEqual({ gather: 'own', flushes: 2 });
  });

  test('are not found by chance: what differs more from trial to trial than it is better is not changed to', () => {
    let trials = 0;
    // By turns half as long and half as long again.
    const odd = () => (trials++ % 2 === 0 ? 0.5 : 1.4);
    const loud = { ...WAITING, factor: (gather: Gather) => (gather === 'all' ? odd() : 1) };
    expect(settled(loud).log.memory.home).toEqual({ gather: 'own', flushes: 2 });
    expect(trials).toBeGreaterThan(4);
  });

  test('are lost for less than 3% of the time where nothing is better, however loud a load is, with pauses', () => {
    let noise = 7;
    const random = () => {
      noise = (noise * 48_271) % 2_147_483_647;
      return noise / 2_147_483_647;
    };
    // A tenth worse, and single periods differ by up to a half.
    const loud = (gather: Gather) => (gather === 'own' ? 1 : 1.1) * (0.6 + 0.8 * random());
    const log = new LoadedLog(BOUNDS);
    const gathers = Array.from({ length: 60 }, () => {
      const periods = log.run({ ...WAITING, periods: 20, factor: loud });
      log.run({ ...WAITING, periods: 1, waiters: 2, factor: loud });
      return periods.map(({ observation }) => observation.inForce.gather);
    }).flat();
    const worse = gathers.filter((gather) => gather !== 'own').length;
    expect(worse).toBeGreaterThan(0);
    expect(worse / gathers.length).toBeLessThan(0.03);
  });

  test('are not sought by gathering where a sync is over before all have come', () => {
    const { later } = settled({ ...WAITING, syncUs: 120 });
    expect(later.filter(({ decision }) => decision.tuning.gather === 'all')).toEqual([]);
  });

  test('with large syncs come with as many flushes in flight as make them short, within the setting', () => {
    const one = { ...FLOOD, factor: (_: unknown, flushes: number) => (flushes === 1 ? 0.8 : 1) };
    expect(settled(FLOOD).log.memory.home).toEqual({ gather: 'own', flushes: 2 });
    expect(settled(one).log.memory.home).toEqual({ gather: 'own', flushes: 1 });
    const { log, later } = settled(FLOOD, { ...BOUNDS, flushes: 1 });
    expect(log.memory.home).toEqual({ gather: 'own', flushes: 1 });
    for (const { decision } of later) expect(decision.tuning.flushes).toBe(1);
    expect(later.filter(({ decision }) => decision.record.action === 'force_conservative')).toEqual([]);
  });

  test('of a load that is over are forgotten with it, and not because of a pause', () => {
    const { log } = settled(WAITING);
    const { rivals } = log.memory;
    const other = { ...WAITING, waiters: 60, periods: 1 };
    log.run(other);
    expect(log.memory).toMatchObject({ home: { gather: 'all' }, rivals, oddPeriods: 1 });
    log.run({ ...WAITING, periods: 1 });
    log.run(other);
    expect(log.memory).toMatchObject({ home: { gather: 'all' }, oddPeriods: 1 });
    log.run(other);
    expect(log.memory).toMatchObject({ home: { gather: 'own', flushes: 2 }, periods: 1, rivals: [] });
  });

  test('are told with how sure that is, and what is lost by a trial', () => {
    const { later } = settled(WAITING);
    const records = later.map(({ decision }) => decision.record);
    const trials = records.filter(({ regretUs }) => regretUs > 0);
    expect(trials.length).toBeGreaterThan(0);
    expect(trials.length).toBeLessThanOrEqual(10);
    for (const { confidenceBp } of records) expect(confidenceBp).toBeGreaterThan(5000);
    expect(records.at(-2)).toMatchObject({ policyId: 'least-wait', regretUs: 0, evidence: { syncUs: 1000 } });
  });

  test('never lie beyond two milliseconds of gathering', () => {
    const { later } = settled({ ...WAITING, syncUs: 20_000 });
    expect(Math.max(...later.map(({ decision }) => decision.tuning.gatherUs ?? 0))).toBe(2000);
  });
});

test('a writer that is alone is never kept waiting', () => {
  const log = new LoadedLog(BOUNDS);
  log.run(WAITING);
  const [first, ...rest] = log.run({ ...LONE, periods: 40 });
  expect(first?.decision.record).toMatchObject({ action: 'seal_epoch_now', confidenceBp: 10_000 });
  for (const { decision } of [first!, ...rest]) expect(decision.tuning.gatherUs).toBe(0);
  expect(new Set(rest.map(({ decision }) => decision.record.action))).toEqual(new Set(['keep_current']));
});

test('nothing changes while nobody waits', () => {
  const log = new LoadedLog(BOUNDS);
  const [only] = log.run({ ...LONE, waiters: 0, periods: 1 });
  expect(only?.decision).toMatchObject({ record: { action: 'keep_current' }, tuning: fixedTuning(BOUNDS) });
});

describe('lanes', () => {
  const MANY = { lanes: 8, flushes: 1, processors: 2 };
  const quiet = { ...WAITING, periods: 30, factor: () => 1 };

  test('are given out no more than there are processors, when epochs use few of them', () => {
    const log = new LoadedLog(MANY);
    const actions = log.run({ ...quiet, lanesPerEpoch: 1 }).map(({ decision }) => decision.record.action);
    expect(log.tuning.lanes).toBe(2);
    expect(actions.filter((action) => action === 'decrease_lane_budget')).toHaveLength(6);
  });

  test('are given out again when they are full before their epoch is due', () => {
    const log = new LoadedLog(MANY);
    log.run({ ...quiet, lanesPerEpoch: 1 });
    const actions = log.run({ ...quiet, lanesPerEpoch: 2, pressedShare: 0.5 });
    expect(log.tuning.lanes).toBe(8);
    expect(actions[0]?.decision.record.action).toBe('increase_lane_budget');
  });
});

describe('evidence that cannot be', () => {
  const observation = (change: (now: Sample) => Sample | null): Observation => {
    const log = new LoadedLog(BOUNDS);
    log.run({ ...WAITING, periods: 20 });
    return log.observe(WAITING, change);
  };

  test.each<[string, (now: Sample) => Sample | null, RegExp]>([
    ['none', () => null, /nothing/],
    ['time that went back', (now) => ({ ...now, atUs: 0 }), /atUs fell/],
    ['time that stood still', (now) => ({ ...now, atUs: now.atUs - 25_000 }), /no time/],
    ['a counter that fell', (now) => ({ ...now, commits: now.commits - 1000 }), /commits fell/],
    ['what is no number', (now) => ({ ...now, waitUs: Number.NaN }), /waitUs is no count/],
    ['what is without bound', (now) => ({ ...now, syncUs: Number.POSITIVE_INFINITY }), /syncUs is no count/],
    ['less than nothing', (now) => ({ ...now, bytes: -1 }), /bytes is no count/],
    ['half of it', ({ lanes, ...now }) => now as Sample, /lanes is no count/],
  ])('%s forces the conservative path, and puts nothing into force', (_, change, fault) => {
    const { record, tuning } = decide(observation(change));
    expect(record).toMatchObject({ action: 'force_conservative', evidence: {}, regretUs: 0, confidenceBp: 10_000 });
    expect(record.fault).toMatch(fault);
    expect(tuning).toEqual(fixedTuning(BOUNDS));
  });

  test('of what was learned, or is in force, is none either', () => {
    const good = observation((now) => now);
    const { memory, inForce } = good;
    const bad: Observation[] = [
      { ...good, inForce: { ...inForce, lanes: 3 } },
      { ...good, inForce: { ...inForce, gatherUs: Number.NaN } },
      { ...good, memory: { ...memory, waiters: -1 } },
      { ...good, memory: { ...memory, waitUs: Number.NaN } },
      { ...good, memory: { ...memory, rivals: [{ ...memory.rivals[0]!, ratio: Number.NaN }] } },
    ];
    expect(decide(good).record.action).not.toBe('force_conservative');
    for (const each of bad) expect(decide(each).record.action).toBe('force_conservative');
  });
});

const count = fc.oneof(fc.nat(), fc.nat(100), fc.maxSafeNat());
const sample = fc.record({
  atUs: count,
  epochs: count,
  commits: count,
  bytes: count,
  syncs: count,
  syncUs: count,
  waits: count,
  waitUs: count,
  lanes: count,
  pressed: count,
});
const observations = fc
  .record({
    before: sample,
    grown: sample,
    lanes: fc.integer({ min: 1, max: 9 }),
    flushes: fc.integer({ min: 1, max: 2 }),
    gather: fc.constantFrom(...GATHERS),
    rivals: fc.array(
      fc.record({
        gather: fc.constantFrom(...GATHERS),
        flushes: fc.constantFrom(1, 2),
        ratio: fc.double({ min: 0.01, max: 100, noNaN: true }),
        spread: fc.double({ min: 0, max: 1, noNaN: true }),
        trials: fc.nat(9),
        gap: fc.nat(1024),
        dueAt: fc.nat(),
      }),
      { maxLength: 8 },
    ),
    periods: fc.nat(),
    homePeriods: fc.nat(9),
    waitUs: fc.integer({ min: 1 }),
    oddPeriods: fc.nat(1),
    waiters: fc.nat(9),
  })
  .map(({ before, grown, lanes, flushes, gather, rivals, ...learned }): Observation => {
    const bounds = { lanes, flushes, processors: 2 };
    const sums = Object.entries(before).map(([name, value]) => [name, value + grown[name as keyof Sample]]);
    const known = rivals.filter((each) => each.flushes <= flushes);
    const memory = { ...emptyMemory(bounds), home: { gather, flushes }, rivals: known, ...learned };
    const now = Object.fromEntries(sums) as unknown as Sample;
    return { number: 1, before, now, inForce: { ...fixedTuning(bounds), gather }, bounds, memory };
  });

describe('of any observation the decision', () => {
  test('is the same every time, and changes nothing of what it was made from', () => {
    const check = (observation: Observation): void => {
      const before = structuredClone(observation);
      const decision = decide(observation);
      expect(observation).toEqual(before);
      expect(decide(before)).toEqual(decision);
      expect(decide(JSON.parse(JSON.stringify(before)) as Observation)).toEqual(decision);
    };
    fc.assert(fc.property(observations, check), announced('decisions'));
  });

  test('is one of the five, lies within the settings, and is told in whole numbers', () => {
    const check = (observation: Observation): void => {
      const { record, tuning, memory } = decide(observation);
      const { lanes, flushes } = observation.bounds;
      expect(ACTIONS).toContain(record.action);
      expect(ACTIONS).toContain(record.counterfactual);
      expect(tuning.lanes >= 1 && tuning.lanes <= lanes && tuning.flushes >= 1 && tuning.flushes <= flushes).toBe(true);
      expect(tuning.gatherUs === null || (tuning.gatherUs >= 0 && tuning.gatherUs <= 2000)).toBe(true);
      expect(record.confidenceBp >= 5000 && record.confidenceBp <= 10_000).toBe(true);
      const numbers = [record.confidenceBp, record.expectedLossUs, record.regretUs, ...Object.values(record.evidence)];
      for (const number of numbers) expect(Number.isFinite(number) && number >= 0).toBe(true);
      // What it hands on is an observation's, too.
      const next = { ...observation, inForce: tuning, memory };
      if (record.action !== 'force_conservative') expect(decide(next).record.fault).toBe(undefined);
    };
    fc.assert(fc.property(observations, check), announced('decisions'));
  });
});
