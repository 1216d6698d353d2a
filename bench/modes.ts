// The log in each of its modes beside the global-lock log, in turns within each round, another one first in each: the
// parallel log is never to be slower than the one that writes all behind one lock, and its fallback not by much.

import { availableParallelism } from 'node:os';
import type { SettingOptions } from '../src/index.js';
import { inDirectory, pointAt, ratios, round, type Summary, summary } from './harness.js';
import type { RoundPlan } from './log-writer.js';
import { LockLogUnderTest, LogUnderTest } from './logs-under-test.js';
import type { BenchResult, Comparison, Plot } from './result.js';
import type { ModeCaseName } from './rows.js';

/** How much is done. */
export interface ModesCase {
  readonly rounds: number;
  /** Of each figure in a round. */
  readonly seconds: number;
}

/** A load that all of them are put under. */
interface Load {
  readonly name: ModeCaseName;
  readonly title: string;
  readonly fsync: 'full' | 'off';
  readonly writers: number;
  readonly plan: Omit<RoundPlan, 'seconds' | 'commits'>;
}

const FREE_WRITERS = Math.min(4, availableParallelism());
const LOADS: readonly Load[] = [
  {
    name: 'window',
    title: '4 writers, 8 pages a commit, 100 in flight',
    fsync: 'full',
    writers: 4,
    plan: { kind: 'window', pages: 8, window: 100 },
  },
  {
    name: 'wait',
    title: '8 writers, 1 page, each waits',
    fsync: 'full',
    writers: 8,
    plan: { kind: 'wait', pages: 1 },
  },
  { name: 'lone', title: 'a lone writer, 1 page, waits', fsync: 'full', writers: 1, plan: { kind: 'wait', pages: 1 } },
  {
    name: 'append',
    title: `${FREE_WRITERS} writers, 1 page, nobody waits, unsynced`,
    fsync: 'off',
    writers: FREE_WRITERS,
    plan: { kind: 'free', pages: 1 },
  },
];

/** The modes of lanewal's log; every other setting is as it is by default. */
const MODES = {
  auto: { mode: 'auto' },
  conservative: { mode: 'conservative' },
  shadow_compare: { mode: 'shadow_compare' },
} as const satisfies Record<string, SettingOptions>;
const LOCK = 'global lock';
type Name = keyof typeof MODES | typeof LOCK;

/** Which is held against which. */
const PAIRS = [
  ['auto', 'conservative'],
  ['auto', LOCK],
  ['conservative', LOCK],
  ['shadow_compare', 'auto'],
] as const satisfies readonly (readonly [Name, Name])[];

/** Commits a second of each, by round. */
type Rates = Record<Name, number[]>;

export async function benchModes(parent: string, given: ModesCase): Promise<BenchResult> {
  const measured: { load: Load; rates: Rates }[] = [];
  for (const load of LOADS) {
    process.stderr.write(`  ${load.title}\n`);
    measured.push({ load, rates: await ratesOf(parent, load, given) });
  }
  return {
    comparisons: measured.flatMap(({ load, rates }) => comparisons(load, rates)),
    plots: measured.map(({ load, rates }) => plot(load, rates)),
    notes: [
      'Modes: a log of its own for each mode and the global-lock log, all open at once with the same writers. The ' +
        'lone writer and the eight block. Unsynced: a round ends when all is written; the global-lock log writes in ' +
        'each append and never syncs.',
    ],
    figures: Object.fromEntries(
      measured.map(({ load, rates }) => [
        load.title,
        Object.fromEntries(Object.entries(rates).map(([name, values]) => [name, rounded(summary(values))])),
      ]),
    ),
  };
}

async function ratesOf(parent: string, load: Load, { rounds, seconds }: ModesCase): Promise<Rates> {
  const { fsync, writers, plan } = load;
  return inDirectory(parent, async (directory) => {
    const logs: { name: Name; log: LogUnderTest | LockLogUnderTest; rates: number[] }[] = [];
    for (const [name, options] of Object.entries(MODES)) {
      const log = await LogUnderTest.start(directory, name, { ...options, fsync }, writers);
      logs.push({ name: name as Name, log, rates: [] });
    }
    logs.push({ name: LOCK, log: await LockLogUnderTest.start(directory, writers, fsync !== 'off'), rates: [] });
    for (const { log } of logs) await log.warmUp(plan);
    for (let index = 0; index < rounds; index += 1) {
      for (let turn = 0; turn < logs.length; turn += 1) {
        const { log, rates } = logs[(turn + index) % logs.length] as (typeof logs)[number];
        rates.push((await log.run({ ...plan, seconds })).commitsPerSecond);
      }
    }
    for (const { log } of logs) await log.stop();
    return Object.fromEntries(logs.map(({ name, rates }) => [name, rates])) as Rates;
  });
}

function comparisons({ name }: Load, rates: Rates): Comparison[] {
  return PAIRS.map(([what, beside]) => {
    const [values, besideValues] = [rates[what], rates[beside]];
    return {
      id: `modes-${name}-${what}-${beside === LOCK ? 'lock' : beside}` as Comparison['id'],
      what,
      beside: beside === LOCK ? 'global-lock log' : beside,
      unit: 'commits/s',
      value: summary(values),
      besideValue: summary(besideValues),
      ratio: ratios(values, besideValues),
    };
  });
}

function plot({ name, title, fsync }: Load, rates: Rates): Plot {
  return {
    id: `modes-${name}`,
    title: `Modes: ${title}`,
    caption: `Commits a second, fsync ${fsync}. Whiskers: smallest and largest round.`,
    kind: 'bars',
    x: { label: '', scale: 'linear' },
    y: { label: 'commits/s', scale: 'linear' },
    series: Object.entries(rates).map(([of, values]) => ({
      name: of === LOCK ? 'global-lock log' : `lanewal, ${of}`,
      points: [pointAt('commits', values)],
      isReference: of === LOCK,
    })),
  };
}

function rounded({ median, min, max, rounds }: Summary): Summary {
  return { median: round(median, 0), min: round(min, 0), max: round(max, 0), rounds };
}
