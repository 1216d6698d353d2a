// A log with its controller beside one with fixed settings, under loads that come in different ways. Rounds of the two
// take turns, each on a log of its own that stays open: what the controller learned in a round is there in the next.

import { join } from 'node:path';
import { openWal, type Wal } from '../src/index.js';
import { inDirectory, ratios, round, summary } from './harness.js';
import type { RoundPlan } from './log-writer.js';
import type { BenchResult } from './result.js';
import { warmUp } from './warm-up.js';
import { fillPool, recycleBehind, Writers } from './writers.js';

/** How long it may take. */
export interface ControllerCase {
  readonly rounds: number;
  /** Of each round. */
  readonly seconds: number;
}

interface Pattern {
  readonly name: string;
  readonly writers: number;
  readonly plan: Omit<RoundPlan, 'seconds'>;
  readonly flushes?: number;
}

const PATTERNS: readonly Pattern[] = [
  { name: 'a lone writer that waits', writers: 1, plan: { kind: 'wait', pages: 1 } },
  { name: '8 writers that wait', writers: 8, plan: { kind: 'wait', pages: 1 } },
  { name: '4 writers, 8 pages, 100 in flight', writers: 4, plan: { kind: 'window', pages: 8, window: 100 } },
  {
    name: '4 writers, 8 pages, 100 in flight, up to two flushes',
    writers: 4,
    plan: { kind: 'window', pages: 8, window: 100 },
    flushes: 2,
  },
  { name: '8 writers, bursts of 16 and pauses', writers: 8, plan: { kind: 'burst', pages: 1, window: 16 } },
];

/** Medians over the rounds, and the ratio within each round. */
export async function benchController(parent: string, given: ControllerCase): Promise<BenchResult> {
  const figures: Record<string, unknown> = {};
  for (const pattern of PATTERNS) {
    process.stderr.write(`  ${pattern.name}\n`);
    figures[pattern.name] = await measured(parent, pattern, given);
  }
  const note = 'Controller: commits a second, with it and without in turns; ratio above 1: the controller is faster.';
  return { comparisons: [], plots: [], notes: [note], figures };
}

async function measured(parent: string, pattern: Pattern, { rounds, seconds }: ControllerCase): Promise<unknown> {
  return inDirectory(parent, async (directory) => {
    const off = await Subject.start(directory, pattern, 'off');
    const on = await Subject.start(directory, pattern, 'on');
    for (const log of [off, on]) await warmUp((plan) => log.run(plan), pattern.plan);
    for (let index = 0; index < rounds; index += 1) {
      // Who comes first changes: whatever a round leaves behind is the other's as often.
      const order = index % 2 === 0 ? [off, on] : [on, off];
      for (const log of order) log.rates.push(round(await log.run({ ...pattern.plan, seconds }), 0));
    }
    const { made, last } = on.wal.metrics().decisions ?? {};
    await off.end();
    await on.end();
    const inForce = last && { gatherUs: last.gatherUs, lanes: last.lanes, flushes: last.flushes };
    const ratio = ratios(on.rates, off.rates);
    return { off: summary(off.rates), on: summary(on.rates), ratio, decisions: made, inForce };
  });
}

/** One of the two logs with its writers. */
class Subject {
  readonly wal: Wal;
  /** Commits a second in each round. */
  readonly rates: number[] = [];
  readonly #writers: Writers;
  readonly #stopRecycling: () => Promise<void>;

  private constructor(wal: Wal, writers: Writers) {
    this.wal = wal;
    this.#writers = writers;
    this.#stopRecycling = recycleBehind(wal);
  }

  static async start(directory: string, { writers, flushes }: Pattern, controller: 'off' | 'on'): Promise<Subject> {
    const helperLaneBudget = flushes;
    const wal = await openWal(join(directory, controller), { controller, helperLaneBudget });
    const subject = new Subject(wal, await Writers.start(wal, writers));
    await fillPool(wal, subject.#writers, writers);
    return subject;
  }

  /** @returns commits a second */
  async run(plan: RoundPlan): Promise<number> {
    return (await this.#writers.run(plan)).commitsPerSecond;
  }

  async end(): Promise<void> {
    await this.#writers.stop();
    await this.#stopRecycling();
    await this.wal.close();
  }
}
