// `lanewal replay`: a SQLite log, replayed onto copies of its base by parallel writers through one log.

import { realpathSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { invalidArgument, WalError } from '../../base/errors.js';
import { SPACE_COUNT_MAX } from '../../epoch/control.js';
import { type FsyncPolicy, type Mode, processEnvironment, resolveSettings } from '../../settings.js';
import { EXIT } from '../exit-status.js';
import { filePath, modeOption, oneOf, wholeNumber } from '../option-values.js';
import { bytesInWords, ProgressLine, printJson, printPairs } from '../output.js';
import {
  checkFolder,
  createPageFiles,
  pageFilePaths,
  refuseExisting,
  removeFiles,
  removeUnusedLog,
  sha256OfFile,
} from '../page-files.js';
import { AckFile } from '../replay/acknowledgements.js';
import { type ReplayInput, readReplayInput } from '../replay/replay-input.js';
import { type FinishedReplay, type ReplayJob, type ReplayOutcome, runReplay } from '../replay/replay-job.js';

interface ReplayOptions {
  readonly base: string;
  readonly wal: string;
  readonly db: string;
  readonly copies: number;
  readonly writers?: number;
  readonly lanes?: number;
  readonly fsync?: FsyncPolicy;
  readonly mode?: Mode;
  readonly stopAfter?: number;
  readonly ackFile?: string;
  readonly checkpoint: boolean;
  readonly json?: boolean;
}

/** More threads than this gain nothing anywhere, and each takes some MiB. */
const WRITERS_MAX = 256;

/** Adds the command. `finish` gets the exit status, and whether the process must end at once, as in a crash. */
export function addReplay(program: Command, finish: (status: number, isAbrupt?: boolean) => void): void {
  program
    .command('replay')
    .summary('replay a SQLite -wal file through parallel writers')
    .description(
      'Replays the committed transactions of a SQLite -wal file onto a copy of its base database, or onto several ' +
        'copies at the same time, through one parallel log. Both inputs may be gzip files. Nothing is changed but ' +
        'what --db names: the page files DB, DB.2, DB.3, ... (one a copy, spaces 0, 1, 2, ... of the log) and the ' +
        'log, the directory DB-wal. In the end the page files hold what SQLite itself would make of the inputs.',
    )
    .requiredOption('--base <file>', 'the database before the workload', filePath)
    .requiredOption('--wal <file>', "SQLite's -wal file", filePath)
    .requiredOption('--db <file>', 'the database to make; must not exist', filePath)
    .option('--copies <count>', 'copies of the database, 1 to 4096', wholeNumber(1, SPACE_COUNT_MAX), 1)
    .option(
      '--writers <count>',
      `writer threads, 1 to ${WRITERS_MAX} (default: copies, at most the processors)`,
      wholeNumber(1, WRITERS_MAX),
    )
    .option(
      '--lanes <count>',
      'lanes of the log, 1 to 65535 (default: LANEWAL_LANES, or the number of writers)',
      wholeNumber(1, 65_535),
    )
    .addOption(
      new Option('--fsync <policy>', 'full, normal or off (default: LANEWAL_FSYNC, or full)').argParser(
        oneOf<FsyncPolicy>(['full', 'normal', 'off']),
      ),
    )
    .addOption(modeOption())
    .option('--stop-after <count>', 'only the first transactions of each copy', wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .option(
      '--ack-file <file>',
      'file that always says, in one little-endian 64-bit number a copy, how many ' + 'transactions are durable',
      filePath,
    )
    .option('--no-checkpoint', 'leave everything in the log, and the page files as the base is; end as a crash would')
    .option('--json', 'print the result as one JSON document')
    .action(async (options: ReplayOptions) => finish(EXIT.done, await replay(options)));
}

/** @returns whether the log was left as a crash would leave it */
async function replay(options: ReplayOptions): Promise<boolean> {
  const { db, copies, checkpoint } = options;
  checkFolder(db);
  refuseExisting(db, copies);
  const settings = settingsOf(options);
  const input = await readReplayInput(options.base, options.wal);
  refuseSharedPaths(options);
  const transactions = Math.min(options.stopAfter ?? Number.POSITIVE_INFINITY, input.trace.counts.transactions);
  const progress = new ProgressLine();
  const onProgress = (durable: number): void => progress.show(`${durable} of ${transactions * copies} transactions`);
  const ackFile = options.ackFile === undefined ? undefined : new AckFile(options.ackFile, copies);
  const writers = writersOf(options);
  const finished = await run(options, input, () => {
    const { trace, base } = input;
    const { pageBytes, pages: basePages } = base;
    return runReplay({
      dbPath: db,
      trace,
      pageBytes,
      basePages,
      copies,
      writers,
      transactions,
      settings,
      ackFile,
      onProgress,
    });
  }).finally(() => progress.end());
  if (checkpoint) await finished.checkpointAndClose();
  const hashes = checkpoint ? pageFilePaths(db, copies).map(sha256OfFile) : null;
  print(options, {
    ...resultOf(finished.outcome, input),
    copies,
    writers,
    transactionsPerCopy: transactions,
    sha256: hashes,
  });
  return !checkpoint;
}

/** Makes the page files and runs the replay; a log that could not be opened at all leaves nothing behind. */
async function run(
  { db, copies, ackFile }: ReplayOptions,
  { base }: ReplayInput,
  start: () => Promise<FinishedReplay>,
): Promise<FinishedReplay> {
  const paths = pageFilePaths(db, copies);
  let isMade = false;
  try {
    createPageFiles(paths, base.bytes);
    isMade = true;
    return await start();
  } catch (thrown) {
    // As soon as there is a log, the page files belong to it; and somebody else's lock is not ours to remove.
    const isLocked = thrown instanceof WalError && thrown.code === 'ERR_WAL_LOCKED';
    if (!isLocked && removeUnusedLog(db))
      removeFiles([...(isMade ? paths : []), ...(ackFile === undefined ? [] : [ackFile])]);
    throw thrown;
  }
}

function writersOf({ writers, copies }: ReplayOptions): number {
  return writers ?? Math.min(copies, availableParallelism());
}

/** The number of writers is the default of `lanes`, but a variable goes before a default. */
function settingsOf(options: ReplayOptions): ReplayJob['settings'] {
  const { fsync, mode } = options;
  const { lanes } = resolveSettings({ lanes: options.lanes, fsync, mode }, processEnvironment());
  return { lanes: lanes.source === 'default' ? writersOf(options) : lanes.value, fsync, mode };
}

/** An ack file in the place of an input or an output would destroy it. */
function refuseSharedPaths({ base, wal, db, copies, ackFile }: ReplayOptions): void {
  if (ackFile === undefined) return;
  const path = realPath(ackFile);
  if (![base, wal, ...pageFilePaths(db, copies)].some((taken) => realPath(taken) === path)) return;
  throw invalidArgument(`--ack-file ${ackFile} is also an input or a page file of this replay.`, { path });
}

/** The path without links, as far as there is anything: an output is not there yet, and a pipe has no path. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/** The result as `--json` prints it, but for what only the call knows. */
function resultOf(outcome: ReplayOutcome, { base }: ReplayInput) {
  const { commits, frames, seconds, counters, lanes, mode, fallback, dbSizePages } = outcome;
  return {
    transactions: commits,
    frames,
    bytes: frames * base.pageBytes,
    pageSize: base.pageBytes,
    dbSizePages,
    seconds: Number(seconds.toFixed(6)),
    commitsPerSecond: seconds > 0 ? Math.round(commits / seconds) : 0,
    mode,
    lanes,
    lanesUsed: counters.lanesUsed,
    epochs: counters.epochs,
    framesPerEpochMax: counters.framesPerEpochMax,
    lanesPerEpochMax: counters.lanesPerEpochMax,
    shadow: shadowOf(counters),
    fallback,
    segments: counters.epochs + counters.marksWritten,
    syncs: counters.syncs,
    jumbos: counters.jumbos,
  };
}

/** The verdicts of shadow compare over all commits. */
function shadowOf({ commits, shadowClean: clean, shadowDiverged: diverged }: ReplayOutcome['counters']) {
  return { notRun: commits - clean - diverged, clean, diverged };
}

type ReplayResult = ReturnType<typeof resultOf> & {
  readonly copies: number;
  readonly writers: number;
  readonly transactionsPerCopy: number;
  readonly sha256: readonly string[] | null;
};

function print({ json, db }: ReplayOptions, result: ReplayResult): void {
  if (json === true) {
    printJson(result);
    return;
  }
  const { transactions, frames, bytes, seconds, copies, writers, lanes, lanesUsed, epochs, syncs, sha256 } = result;
  const mibPerSecond = seconds > 0 ? (bytes / 2 ** 20 / seconds).toFixed(1) : '-';
  printPairs([
    [
      'transactions',
      `${transactions} (${result.transactionsPerCopy} in each of ${copies} ${copies === 1 ? 'copy' : 'copies'})`,
    ],
    ['page images', `${frames} of ${result.pageSize} bytes, ${bytesInWords(bytes)}`],
    ['time', `${seconds.toFixed(3)} s, ${result.commitsPerSecond} transactions/s, ${mibPerSecond} MiB/s`],
    ['mode', result.fallback === 'none' ? result.mode : `${result.mode} (${result.fallback})`],
    ['writers, lanes', `${writers} writers, ${lanesUsed} of ${lanes} lanes used`],
    [
      'epochs',
      `${epochs}, up to ${result.framesPerEpochMax} commits of ${result.lanesPerEpochMax} lanes in one; ${syncs} syncs`,
    ],
    ...pageFilePaths(db, copies).map((path, copy): [string, string] => {
      return [path, sha256 === null ? 'as the base is; everything is in the log' : `sha256 ${sha256[copy]}`];
    }),
  ]);
}
