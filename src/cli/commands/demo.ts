// `lanewal demo`: the whole story in one command, on a real workload, with a crash in the middle.

import { randomInt } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { monotonicMs } from '../../base/clock.js';
import { toWalError } from '../../base/errors.js';
import { seeded } from '../../base/random.js';
import type { RecoveryReport } from '../../recovery/report.js';
import type { Mode } from '../../settings.js';
import { DEMO_COPIES, DEMO_WRITERS, DemoRun, type Killed, type Survivors } from '../demo/demo-run.js';
import { EXIT } from '../exit-status.js';
import { filePath, modeOption, wholeNumber } from '../option-values.js';
import { printJson, printLine } from '../output.js';
import type { ReplayOutcome } from '../replay/replay-job.js';

interface DemoOptions {
  readonly dir?: string;
  readonly seed?: number;
  readonly keep?: boolean;
  readonly mode?: Mode;
  readonly json?: boolean;
}

/** The kill comes somewhere in this part of the work: late enough to have something, early enough to hit the run. */
const KILL_FIRST = 0.1;
const KILL_LAST = 0.7;
const KILLS_MAX = 6;

/** Adds the command. `finish` gets the exit status. */
export function addDemo(program: Command, finish: (status: number) => void): void {
  program
    .command('demo')
    .summary('see it work: parallel writers, a crash, recovery, comparison with SQLite')
    .description(
      'Feeds a recorded workload of SQLite (4,000 bank transactions, shipped with this package) to ' +
        `${DEMO_COPIES} copies of its database at the same time, through ${DEMO_WRITERS} parallel ` +
        'writers and one log. Kills the writing process at a random moment, recovers, checks that every acknowledged ' +
        'transaction is there, carries on to the end, and compares the result with what SQLite itself made of the ' +
        'workload. Takes some seconds and 300 MB.',
    )
    .option('--dir <folder>', 'where to work (default: the folder for temporary files)', filePath)
    .option(
      '--seed <number>',
      'seed of the moment of the kill (default: random, and printed)',
      wholeNumber(0, 2 ** 31 - 1),
    )
    .addOption(modeOption())
    .option('--keep', 'leave the files there to look at')
    .option('--json', 'print the figures as one JSON document')
    .action(async (options: DemoOptions) => finish((await demo(options)) ? EXIT.done : EXIT.damaged));
}

async function demo(options: DemoOptions): Promise<boolean> {
  const startedMs = monotonicMs();
  const say = options.json === true ? () => undefined : printLine;
  const seed = options.seed ?? randomInt(2 ** 31);
  const folders: string[] = [];
  try {
    const { run, killed } = await runUntilKill(options, seed, folders, say);
    const recovered = await run.recover();
    say(`3. Recovered: ${recoveredInWords(recovered)}.`);
    const survivors = await run.check(killed);
    say(`4. Checked: ${survivorsInWords(survivors, killed)}.`);
    const outcome = await run.carryOn(survivors);
    say(`5. Carried on: ${outcomeInWords(outcome, run.pageBytes)}.`);
    const { wrongCopies, isSound } = await run.compare();
    const seconds = (monotonicMs() - startedMs) / 1000;
    const right = `${DEMO_COPIES - wrongCopies} of ${DEMO_COPIES} copies`;
    const state = isSound ? 'sound' : 'DAMAGED';
    say(`6. Compared: ${right} are byte for byte what SQLite made of the workload; the log is ${state}.`);
    const isPassed = survivors.lost === 0 && survivors.wrongCopies === 0 && wrongCopies === 0 && isSound;
    say(`\n${isPassed ? 'PASS' : 'FAIL'} in ${seconds.toFixed(1)} s (seed ${seed})`);
    if (options.keep === true) say(`The files are in ${folders.at(-1)}.`);
    if (options.json === true) {
      printJson(documentOf({ seed, killed, recovered, survivors, outcome, wrongCopies, isSound, isPassed, seconds }));
    }
    return isPassed;
  } finally {
    for (const folder of options.keep === true ? folders.slice(0, -1) : folders) {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** Replays and kills; a run that was faster than the kill is repeated with an earlier one. */
async function runUntilKill(
  options: DemoOptions,
  seed: number,
  folders: string[],
  say: (line: string) => void,
): Promise<{ run: DemoRun; killed: Killed }> {
  let share = KILL_FIRST + (KILL_LAST - KILL_FIRST) * seeded(seed)();
  for (let attempt = 1; ; attempt++) {
    const folder = makeFolder(options.dir);
    folders.push(folder);
    const run = await DemoRun.prepare(folder, options.mode);
    const total = run.transactions * DEMO_COPIES;
    const count = Math.max(1, Math.round(total * share));
    if (attempt === 1) {
      say(
        `1. A recorded SQLite workload: ${run.transactions} transactions on each of ${DEMO_COPIES} copies, ` +
          `${DEMO_WRITERS} writer threads, one log, every commit synced.`,
      );
    }
    const killed = await run.replayAndKill(count);
    if (killed !== undefined) {
      say(
        `2. Killed (SIGKILL) after ${killed.total} of ${total} transactions were acknowledged, ` +
          `${Math.round(killed.total / Math.max(killed.seconds, 0.001))} a second (seed ${seed}).`,
      );
      return { run, killed };
    }
    if (attempt === KILLS_MAX) throw toWalError(new Error('it always ends before it can be killed'), 'kill the replay');
    share /= 2;
  }
}

function makeFolder(dir: string | undefined): string {
  try {
    if (dir !== undefined) mkdirSync(dir, { recursive: true });
    return mkdtempSync(join(dir ?? tmpdir(), 'lanewal-demo-'));
  } catch (thrown) {
    throw toWalError(thrown, `make a folder in ${dir ?? tmpdir()}`);
  }
}

function recoveredInWords({
  commitsApplied,
  lastSeq,
  segments,
  tail,
  droppedBytes,
  durationMs,
}: RecoveryReport): string {
  const dropped = droppedBytes > 0 ? `, ${droppedBytes} bytes that were never promised dropped` : '';
  return (
    `${commitsApplied} transactions (1 to ${lastSeq}) from ${segments} segments in ${durationMs.toFixed(0)} ms, ` +
    `tail ${tail}${dropped}`
  );
}

function survivorsInWords({ total, lost, wrongCopies }: Survivors, killed: Killed): string {
  const pages =
    wrongCopies === 0 ? 'each copy is exactly the transactions of its log' : `${wrongCopies} copies are WRONG`;
  return `${killed.total} acknowledged, ${total} there, lost ${lost}; ${pages}`;
}

function outcomeInWords({ commits, frames, seconds, lanes, mode, counters }: ReplayOutcome, pageBytes: number): string {
  const mibPerSecond = (frames * pageBytes) / 2 ** 20 / Math.max(seconds, 0.001);
  return (
    `the other ${commits} transactions in ${seconds.toFixed(2)} s (${Math.round(commits / Math.max(seconds, 0.001))} ` +
    `a second, ${mibPerSecond.toFixed(0)} MiB/s), ${counters.epochs} epochs, ` +
    `mode ${mode}, ${counters.lanesUsed} of ${lanes} lanes, up to ${counters.framesPerEpochMax} commits of ` +
    `${counters.lanesPerEpochMax} lanes in one epoch`
  );
}

interface Findings {
  readonly seed: number;
  readonly killed: Killed;
  readonly recovered: RecoveryReport;
  readonly survivors: Survivors;
  readonly outcome: ReplayOutcome;
  readonly wrongCopies: number;
  readonly isSound: boolean;
  readonly isPassed: boolean;
  readonly seconds: number;
}

function documentOf({
  seed,
  killed,
  recovered,
  survivors,
  outcome,
  wrongCopies,
  isSound,
  isPassed,
  seconds,
}: Findings) {
  const { counters, lanes, commits, frames } = outcome;
  return {
    passed: isPassed,
    seed,
    copies: DEMO_COPIES,
    writers: DEMO_WRITERS,
    acknowledged: killed.acknowledged,
    acknowledgedTotal: killed.total,
    recovered: survivors.total,
    lost: survivors.lost,
    wrongAfterRecovery: survivors.wrongCopies,
    tail: recovered.tail,
    droppedBytes: recovered.droppedBytes,
    carriedOn: { transactions: commits, frames, seconds: outcome.seconds, mode: outcome.mode, lanes, ...counters },
    wrongAtTheEnd: wrongCopies,
    isLogSound: isSound,
    seconds,
  };
}
