// A log with its controller beside one with fixed settings, under loads that come in different ways, on the disk as it
// is and on a slower one. Beside them a second one with fixed settings: what its ratio is off 1 the machine does.
//
// Each log stays open: what the controller learned in a round is there in the next. A round is cut into slices in which
// the logs take turns, so that what disturbs the machine for longer than a slice disturbs all of them.

import { join } from 'node:path';
import { openWal, type Wal } from '../src/index.js';
import { openWalOn } from '../src/testing.js';
import { inDirectory, ratios, round, summary } from './harness.js';
import type { RoundPlan } from './log-writer.js';
import type { BenchResult } from './result.js';
import { SlowDirectory } from './slow-directory.js';
import { warmUp } from './warm-up.js';
import { fillPool, recycleBehind, Writers } from './writers.js';

/** How long it may take. */
export interface ControllerCase {
  readonly rounds: number;
  /** Of each round and log. */
  readonly seconds: number;
}

interface Pattern {
  readonly name: string;
  readonly writers: number;
  readonly plan: Omit<RoundPlan, 'seconds'>;
  readonly flushes?: number;
  /** What a sync takes beside the time of the disk; with it the flusher is on the main thread, which only waits. */
  readonly slowMs?: number;
}

const SLICE_SECONDS = 0.5;
const SLOW_MS = 4;

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
  { name: 'slow disk, a lone writer that waits', writers: 1, plan: { kind: 'wait', pages: 1 }, slowMs: SLOW_MS },
  { name: 'slow disk, 8 writers that wait', writers: 8, plan: { kind: 'wait', pages: 1 }, slowMs: SLOW_MS },
  {
    name: 'slow disk, 8 writers, bursts of 16 and pauses',
    writers: 8,
    plan: { kind: 'burst', pages: 1, window: 16 },
    slowMs: SLOW_MS,
  },
];

/** Medians over the rounds, and the ratio within each round. */
export async function benchController(parent: string, given: ControllerCase): Promise<BenchResult> {
  const figures: Record<string, unknown> = {};
  for (const pattern of PATTERNS) {
    process.stderr.write(`  ${pattern.name}\n`);
    figures[pattern.name] = await measured(parent, pattern, given);
  }
  const note =
    'Controller: commits a second of a log with it, of one without and of another one without, in turns. Ratios are ' +
    'to the first without, so that of the other one is the noise of the machine. On a slow disk each sync takes ' +
    `${SLOW_MS} ms longer.`;
  return { comparisons: [], plots: [], notes: [note], figures };
}

async function measured(parent: string, pattern: Pattern, given: ControllerCase): Promise<unknown> {
  return inDirectory(parent, async (directory) => {
    const off = await Subject.start(join(directory, 'off'), pattern, 'off');
    const on = await Subject.start(join(directory, 'on'), pattern, 'on');
    const offAgain = await Subject.start(join(directory, 'off-again'), pattern, 'off');
    const logs = [off, on, offAgain];
    for (const log of logs) await warmUp((plan) => log.run(plan), pattern.plan);
    for (let index = 0; index < given.rounds; index += 1) await inTurns(logs, pattern, given.seconds);
    const { made, last } = on.wal.metrics().decisions ?? {};
    for (const log of logs) await log.end();
    const inForce = last && { gatherUs: last.gatherUs, lanes: last.lanes, flushes: last.flushes };
    const figures = { off: summary(off.rates), on: summary(on.rates), decisions: made, inForce };
    return { ...figures, ratio: ratios(on.rates, off.rates), noise: ratios(offAgain.rates, off.rates) };
  });
}

/** A round. */
async function inTurns(logs: readonly Subject[], { plan }: Pattern, seconds: number): Promise<void> {
  const slices = Math.max(1, Math.round(seconds / SLICE_SECONDS));
  const sums = new Map(logs.map((log) => [log, 0]));
  for (let slice = 0; slice < slices; slice += 1) {
    // Who comes first changes: whatever a slice leaves behind is each one's as often.
    const first = slice % logs.length;
    for (const log of [...logs.slice(first), ...logs.slice(0, first)]) {
      const rate = await log.run({ ...plan, seconds: seconds / slices });
      sums.set(log, (sums.get(log) as number) + rate / slices);
    }
  }
  for (const [log, rate] of sums) log.rates.push(round(rate, 0));
}

/** One of the logs with its writers. */
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

  static async start(path: string, { writers, flushes, slowMs }: Pattern, controller: 'off' | 'on'): Promise<Subject> {
    const options = { controller, helperLaneBudget: flushes };
    const isSlow = slowMs !== undefined;
    const wal = isSlow ? await openWalOn(new SlowDirectory(path, slowMs), options) : await openWal(path, options);
    const subject = new Subject(wal, await Writers.start(wal, writers));
    if (!isSlow) await fillPool(wal, subject.#writers, writers);
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
