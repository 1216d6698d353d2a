// `lanewal recover`: brings page files up to their log, or makes new ones as they were at a point in time.

import { type Command, Option } from 'commander';
import { invalidArgument, WalError } from '../../base/errors.js';
import { recoverWal } from '../../recover.js';
import type { OnDamage, RecoveryReport } from '../../recovery/report.js';
import { reportOf, scanLog } from '../../recovery/scan.js';
import { EXIT } from '../exit-status.js';
import { logDirectoryOf } from '../log-reading.js';
import { filePath, filePaths, timeInMs, wholeNumber } from '../option-values.js';
import { bytesInWords, printJson, printLine, printPairs, printTable, withProgress } from '../output.js';
import { checkDatabasePath, checkFolder, existingPageFiles, pageFilePaths, sha256OfFile } from '../page-files.js';

interface RecoverCommandOptions {
  readonly dryRun?: boolean;
  readonly stopAtDamage?: boolean;
  readonly salvage?: boolean;
  readonly json?: boolean;
  readonly into?: string;
  readonly archive?: readonly string[];
  readonly untilSeq?: number;
  readonly untilTime?: number;
}

/** Adds the command. `finish` gets the exit status. */
export function addRecover(program: Command, finish: (status: number) => void): void {
  program
    .command('recover')
    .summary('bring the page files up to the log')
    .description(
      'Applies the log of DB (the directory DB-wal) to its page files DB, DB.2, DB.3, ... (spaces 0, 1, 2, ...) and ' +
        'syncs them. The log itself is not changed, so recovering again gives the same bytes. A torn tail, which a ' +
        'crash leaves, is dropped and reported. Damage to what was recorded as synced changes nothing, is listed, ' +
        'and makes the exit status 1, also with the two options that go on in spite of it. A missing log is an ' +
        'empty one.\n\n' +
        'With --into, a point in time: DB, which is a backup or a closed store, is the base and stays as it is. Its ' +
        'pages are copied to FILE and brought forward by the log, and by the archived log files of --archive, up to ' +
        'a commit or a time. FILE is a store of its own then, with a log of its own. What is missing in between, or ' +
        'a target that cannot be reached, is refused before anything is made.',
    )
    .argument('<db>', 'the database to recover', filePath)
    .option('--dry-run', 'say what would be done; take no lock and change nothing')
    .option('--stop-at-damage', 'apply what is proven, up to the damage, and list what is left out')
    .addOption(
      new Option(
        '--salvage',
        'also apply whole commits behind the damage; the result may never have existed',
      ).conflicts('stopAtDamage'),
    )
    .option('--into <file>', 'make a new store of what is recovered; DB stays as it is', filePath)
    .option('--archive <dir>', 'archived log files, or another log directory; may be given again', filePaths)
    .option('--until-seq <n>', 'recover commits up to this one', wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .addOption(
      new Option('--until-time <time>', 'recover what was written at or before: ISO 8601, or ms since 1970')
        .argParser(timeInMs)
        .conflicts('untilSeq'),
    )
    .option('--json', 'print the report as one JSON document')
    .action(async (db: string, options: RecoverCommandOptions) => {
      if (isToPoint(options)) return finish(await recoverToPoint(db, options));
      const { report, isDone } = await recover(db, options);
      const pageFiles = existingPageFiles(db);
      const isChanged = isDone && options.dryRun !== true;
      const sha256 = isChanged ? pageFiles.map(sha256OfFile) : pageFiles.map(() => null);
      if (options.json === true) printJson({ ...report, sha256, dryRun: options.dryRun === true });
      else print(report, isDone, isChanged ? pageFiles : [], sha256);
      finish(report.damage.length > 0 ? EXIT.damaged : EXIT.done);
    });
}

function isToPoint({ into, archive, untilSeq, untilTime }: RecoverCommandOptions): boolean {
  return [into, archive, untilSeq, untilTime].some((option) => option !== undefined);
}

/** Makes a new store. Damage behind the target is listed, and is no reason to fail: it is not in the store. */
async function recoverToPoint(db: string, options: RecoverCommandOptions): Promise<number> {
  const { into, archive = [], untilSeq: throughSeq, untilTime: throughTimeMs, dryRun = false } = options;
  checkDatabasePath(db);
  if (into === undefined) {
    throw invalidArgument('--archive, --until-seq and --until-time make a new store: name it with --into FILE.');
  }
  if (options.salvage === true || options.stopAtDamage === true) {
    throw invalidArgument('--into goes with neither --salvage nor --stop-at-damage: name an --until-seq before it.');
  }
  checkFolder(into);
  const base = existingPageFiles(db);
  const pageFiles = pageFilePaths(into, Math.max(1, base.length));
  const report = await withProgress((onProgress) => {
    const target = { into: { pageFiles, base }, archive, throughSeq, throughTimeMs };
    return recoverWal(db, { ...target, dryRun, onProgress });
  });
  const sha256 = dryRun ? pageFiles.map(() => null) : pageFiles.map(sha256OfFile);
  if (options.json === true) printJson({ ...report, pageFiles, sha256, dryRun });
  else print(report, true, dryRun ? [] : pageFiles, sha256);
  return EXIT.done;
}

async function recover(
  db: string,
  { dryRun = false, stopAtDamage, salvage }: RecoverCommandOptions,
): Promise<{ report: RecoveryReport; isDone: boolean }> {
  const directory = logDirectoryOf(db);
  const onDamage: OnDamage = salvage === true ? 'salvage' : stopAtDamage === true ? 'stop' : 'fail';
  const found = existingPageFiles(db);
  // The database itself is named also when it is not there, so that the error is about it.
  const pageFiles = found.length === 0 ? [db] : found;
  try {
    const report = await withProgress((onProgress) => {
      return recoverWal(db, { into: { pageFiles }, dryRun, onDamage, onProgress });
    });
    return { report, isDone: true };
  } catch (thrown) {
    const isDamage = thrown instanceof WalError && (thrown.code === 'ERR_WAL_CORRUPT' || thrown.code === 'ERR_WAL_GAP');
    if (!isDamage) throw thrown;
    const report = reportOf(await scanLog(directory));
    // Then it is not the log that is damaged; the error says what is.
    if (report.damage.length === 0) throw thrown;
    return { report, isDone: false };
  }
}

function print(
  report: RecoveryReport,
  isDone: boolean,
  pageFiles: readonly string[],
  sha256: readonly (string | null)[],
): void {
  const { commitsApplied, firstSeq, lastSeq, segments, epochs, bytesRead, tail, droppedBytes, damage, notRecovered } =
    report;
  printPairs([
    ['tail', tail],
    ['log', firstSeq === 0 ? 'empty' : `commits ${firstSeq} to ${lastSeq}, ${segments} segments, ${epochs} epochs`],
    ['applied', isDone ? `${commitsApplied} commits${checkpointInWords(report)}` : 'nothing, because of the damage'],
    ['dropped', `${bytesInWords(droppedBytes)} behind the end`],
    ['read', `${bytesInWords(bytesRead)} in ${report.durationMs.toFixed(0)} ms`],
    ...pageFiles.map((path, space): [string, string] => {
      const pages = report.dbSizePages[space];
      return [path, `${pages === undefined ? '' : `${pages} pages, `}sha256 ${sha256[space]}`];
    }),
  ]);
  printList('damage', damage);
  printList('not recovered', notRecovered);
}

function checkpointInWords({ checkpointUsed }: RecoveryReport): string {
  return checkpointUsed === null ? '' : ` above the checkpoint at commit ${checkpointUsed}`;
}

function printList(title: string, entries: RecoveryReport['damage']): void {
  if (entries.length === 0) return;
  printLine();
  const rows = entries.map(({ file, epoch, offset, bytes, reason }) => [file, epoch, offset, bytes, reason]);
  printTable(['file', 'epoch', 'offset', 'bytes', title], rows);
}
