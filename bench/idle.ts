// What an open log costs while nobody uses it: processor time and wake-ups of all threads of a process that has it
// open, with two writers connected, beside the same process without a log.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openWal } from '../src/index.js';
import { inDirectory, summary } from './harness.js';
import type { BenchResult, Comparison } from './result.js';
import type { ComparisonId } from './rows.js';
import { Writers } from './writers.js';

const SELF = fileURLToPath(import.meta.url);
const WRITERS = 2;
/** Until whatever an opening starts has ended, files made ready ahead for example. */
const SETTLE_MS = 1000;

/** How much is done. */
export interface IdleCase {
  readonly rounds: number;
  readonly seconds: number;
}

interface Idling {
  readonly cpuMsPerSecond: number;
  /** Undefined where the system does not tell. */
  readonly wakeUpsPerSecond?: number;
}

export async function benchIdle(parent: string, { rounds, seconds }: IdleCase): Promise<BenchResult> {
  return inDirectory(parent, async (directory) => {
    const open: Idling[] = [];
    const none: Idling[] = [];
    for (let index = 0; index < rounds; index += 1) {
      none.push(measured('none', directory, seconds));
      open.push(measured(`log${index}`, directory, seconds));
    }
    const hasWakeUps = open.every(({ wakeUpsPerSecond }) => wakeUpsPerSecond !== undefined);
    const row = (id: ComparisonId, unit: string, figure: (idling: Idling) => number): Comparison => ({
      id,
      what: `an open log, ${WRITERS} writers connected`,
      beside: 'the same process without a log',
      unit,
      value: summary(open.map(figure)),
      besideValue: summary(none.map(figure)),
    });
    return {
      comparisons: [
        row('idle-cpu', 'ms a second', ({ cpuMsPerSecond }) => cpuMsPerSecond),
        ...(hasWakeUps ? [row('idle-wakeups', 'a second', (idling) => idling.wakeUpsPerSecond ?? Number.NaN)] : []),
      ],
      plots: [],
      notes: hasWakeUps ? [] : ['Idle: wake-ups are not counted, because this system has no /proc.'],
      figures: { seconds, withLog: open, without: none },
    };
  });
}

/** Runs a process of its own, so that nothing of the benchmarks is in its figures. */
function measured(name: string, directory: string, seconds: number): Idling {
  const args = [SELF, name, join(directory, name), String(seconds)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Idling;
}

async function idle(seconds: number): Promise<Idling> {
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  await sleep(SETTLE_MS);
  const [cpu, wakeUps, startMs] = [process.cpuUsage(), voluntarySwitches(), performance.now()];
  await sleep(seconds * 1000);
  const elapsed = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const after = voluntarySwitches();
  return {
    cpuMsPerSecond: (user + system) / 1000 / elapsed,
    ...(wakeUps === undefined || after === undefined ? {} : { wakeUpsPerSecond: (after - wakeUps) / elapsed }),
  };
}

/** How often the threads of this process have slept so far. */
function voluntarySwitches(): number | undefined {
  try {
    const tasks = readdirSync('/proc/self/task');
    const counts = tasks.map((task) => readFileSync(`/proc/self/task/${task}/status`, 'utf8'));
    return counts.reduce((sum, text) => sum + Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(text)?.[1]), 0);
  } catch {
    return undefined;
  }
}

if (process.argv[1] === SELF) {
  const [name, path = '', seconds] = process.argv.slice(2);
  if (name !== 'none') {
    const wal = await openWal(path);
    const writers = await Writers.start(wal, WRITERS);
    await writers.run({ kind: 'wait', seconds: 0.1, pages: 1 });
  }
  const idling = await idle(Number(seconds));
  process.stdout.write(JSON.stringify(idling));
  process.exit(0);
}
