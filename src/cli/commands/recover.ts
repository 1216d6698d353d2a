// `lanewal recover`: brings page files up to their log.

import { type Command, Option } from 'commander';
import { WalError } from '../../base/errors.js';
import { recoverWal } from '../../recover.js';
import type { OnDamage, RecoveryReport } from '../../recovery/report.js';
import { reportOf, scanLog } from '../../recovery/scan.js';
import { EXIT } from '../exit-status.js';
import { logDirectoryOf } from '../log-reading.js';
import { filePath } from '../option-values.js';
import { bytesInWords, printJson, printLine, printPairs, printTable, withProgress } from '../output.js';
import { existingPageFiles, sha256OfFile } from '../page-files.js';

interface RecoverCommandOptions {
  readonly dryRun?: boolean;
  readonly stopAtDamage?: boolean;
  readonly salvage?: boolean;
  readonly json?: boolean;
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
        'empty one.',
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
    .option('--json', 'print the report as one JSON document')
    .action(async (db: string, options: RecoverCommandOptions) => {
      const { report, isDone } = await recover(db, options);
      const pageFiles = existingPageFiles(db);
      const isChanged = isDone && options.dryRun !== true;
      const sha256 = isChanged ? pageFiles.map(sha256OfFile) : pageFiles.map(() => null);
      if (options.json === true) printJson({ ...report, sha256, dryRun: options.dryRun === true });
      else print(report, isDone, isChanged ? pageFiles : [], sha256);
      finish(report.damage.length > 0 ? EXIT.damaged : EXIT.done);
    });
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
