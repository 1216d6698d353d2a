// `lanewal bench`: the benchmarks, in a process of their own so that nothing of the command line is in their figures.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { wallClockMs } from '../../base/clock.js';
import { invalidArgument, toWalError } from '../../base/errors.js';
import { processEnvironment } from '../../settings.js';
import { EXIT } from '../exit-status.js';
import { filePath } from '../option-values.js';

interface BenchOptions {
  readonly quick?: boolean;
  readonly out?: string;
  readonly dir: string;
  readonly json?: boolean;
}

/** The benchmarks, in the order in which they run; bench/catalog.ts has the same names. */
export const BENCHMARK_NAMES = {
  append: 'what an append costs its thread, and how fast the log takes them',
  sync: 'the latency of a lone durable commit, beside the raw disk and SQLite',
  lanes: '1 to 32 writers, beside 1 to 4 raw streams and a log with a global lock',
  modes: 'each mode of the log beside the others and a log with a global lock',
  'in-flight': 'one thread with a thousand requests in flight, staged and each for itself',
  recovery: 'a long log into its page file, hot and cold, beside the raw disk and SQLite',
  history: 'a commit with a long history of the log behind it, beside a fresh log',
  'open-loop': 'latency under a fixed rate of arrivals, beside the raw disk',
  mixed: 'reads and durable writes of a page store, beside its peers',
  peers: 'durable commits of 1 to 8 writers, beside everything else one would use',
  entries: 'entries of a log, waited for and not, beside classic-level and a file',
  idle: 'processor time and wake-ups of an open log that nobody uses',
  checkpoint: 'pages written a second by a checkpoint, beside the raw disk',
  'checkpoint-latency': 'commits while a checkpoint runs, and without',
  controller: 'a log that tunes itself, beside one with fixed settings',
  trace: 'what the trace costs an append, heard by nobody and by somebody',
  steady: 'a store under load for a minute with a bounded log',
  cache: 'a read of a cached page',
  store: 'durable transactions of the page store, beside its peers',
  'store-recovery': 'opening a store that was killed with its log full',
} as const;

/**
 * Threads behind the promises of peers, which sync there: with the four of Node no more than four of their writes would
 * share a sync. The log itself uses them next to never.
 */
const POOL = { UV_THREADPOOL_SIZE: '64' };
const MAIN = fileURLToPath(new URL('../../../bench/main.js', import.meta.url));

/** Adds the command. `finish` gets the exit status. */
export function addBench(program: Command, finish: (status: number) => void): void {
  const names = Object.entries(BENCHMARK_NAMES);
  const width = Math.max(...names.map(([name]) => name.length));
  const list = names.map(([name, what]) => `  ${name.padEnd(width)}  ${what}`).join('\n');
  program
    .command('bench')
    .summary('measure this machine, beside the raw disk and other stores')
    .description(
      'Runs the benchmarks, each in rounds that are interleaved with what it is compared with: the raw disk, a log ' +
        'with a global lock, and better-sqlite3, lmdb, classic-level and node:sqlite as far as they are there. Writes' +
        ' results.json, report.html, plot.svg and summary.md, and prints the summary. All of them take an hour and ' +
        '30 GB; --quick is a first look.',
    )
    .argument('[names...]', 'which benchmarks (default: all)')
    .option('--quick', 'short rounds and small logs')
    .option('--out <folder>', 'where the results go (default: bench/results/ and the time)', filePath)
    .option('--dir <folder>', 'where to work: on the disk to be measured', filePath, '.')
    .option('--json', 'print the results as one JSON document')
    .addHelpText('after', `\nBenchmarks:\n${list}`)
    .action(async (given: readonly string[], options: BenchOptions) => finish(await bench(given, options)));
}

async function bench(names: readonly string[], options: BenchOptions): Promise<number> {
  const unknown = names.find((name) => !(name in BENCHMARK_NAMES));
  if (unknown !== undefined) {
    throw invalidArgument(`There is no benchmark ${unknown}. Known: ${Object.keys(BENCHMARK_NAMES).join(', ')}.`);
  }
  const { quick = false, json = false } = options;
  const out =
    options.out ?? join('bench', 'results', new Date(wallClockMs()).toISOString().slice(0, 16).replace(':', ''));
  for (const folder of [out, options.dir]) makeFolder(folder);
  const request = {
    names,
    isQuick: quick,
    out,
    directory: resolve(options.dir),
    isJson: json,
    command: ['lanewal bench', ...names, ...(quick ? ['--quick'] : []), '--out', out].join(' '),
  };
  const child = spawn(process.execPath, [MAIN, JSON.stringify(request)], {
    stdio: 'inherit',
    env: { ...POOL, ...processEnvironment() },
  });
  const [status] = (await once(child, 'exit')) as [number | null];
  return status === 0 ? EXIT.done : EXIT.failed;
}

/** Before the work, so that a folder that cannot be made costs nothing. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (thrown) {
    throw toWalError(thrown, `make the folder ${path}`);
  }
}
