// The archive of one log: opens it, puts closed log files into it, prunes it. Runs on a thread of its own
// (archiver-host.ts), or inline over any directory. Not here: when a file is to be archived (archive-queue.ts).

import { resolve } from 'node:path';
import { invalidArgument, toWalError, WalError } from '../base/errors.js';
import type { NodeDirectory } from '../storage/node-directory.js';
import { type ArchiveMode, type ArchivePlace, archiveLogFile, type ClosedLogFile } from './archive-file.js';
import { listArchive } from './listing.js';
import { isUnfinishedArchiveName } from './names.js';
import { type ArchiveBounds, pruneArchive } from './prune.js';

/** Settings of an archive. Plain data. */
export interface ArchiveSettings extends ArchiveBounds {
  readonly mode: ArchiveMode;
}

/** What the archiver is to do. */
export interface ArchiveOrder {
  /** The file to archive; undefined when there is only to prune. */
  readonly file?: ClosedLogFile | undefined;
  /** Everything above this sequence stays in the archive, whatever its bounds say. */
  readonly keepAboveSeq: number;
}

/** Whether a file may be moved from the log to the archive is tried with a file of this name. */
const PROBE_NAME = 'archive-probe.new';

/** The archive of a log in the file system. */
export function nodeArchivePlace(log: NodeDirectory, archive: NodeDirectory): ArchivePlace {
  return { log, archive, move: (name, archiveName) => log.moveTo(name, archive, archiveName) };
}

/**
 * Makes an archive ready for use: creates its directory and removes what a crash left unfinished.
 *
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT (the log's own directory; mode `rename` and another file system),
 *   ERR_WAL_WRONG_STORE (the archive of another log), ERR_WAL_CORRUPT, ERR_WAL_VERSION, ERR_WAL_STORAGE_FULL,
 *   ERR_WAL_IO
 */
export function openArchive(place: ArchivePlace, logId: number, mode: ArchiveMode): void {
  const { log, archive } = place;
  if (resolve(log.path) === resolve(archive.path)) {
    throw invalidArgument(`archiveDirectory is ${archive.path}, where the log is. Name another directory.`);
  }
  archive.create({ sync: true });
  for (const name of archive.list()) {
    if (name === PROBE_NAME || isUnfinishedArchiveName(name)) archive.remove(name);
  }
  const other = listArchive(archive).find(({ header }) => header.logId !== logId);
  if (other !== undefined) {
    const message = `${archive.path} is the archive of another log (${other.name}). Give each log one of its own.`;
    throw new WalError('ERR_WAL_WRONG_STORE', message, { path: archive.path, file: other.name });
  }
  if (mode === 'rename') tryMove(place);
}

/** Only doing it tells: mounts, subvolumes and quotas keep a file from moving on one device, too. */
function tryMove({ log, archive, move }: ArchivePlace): void {
  if (log.list().includes(PROBE_NAME)) log.remove(PROBE_NAME);
  log.open(PROBE_NAME, 'create').close();
  try {
    move(PROBE_NAME, PROBE_NAME);
    archive.remove(PROBE_NAME);
  } catch (thrown) {
    log.remove(PROBE_NAME);
    const error = toWalError(thrown, 'move a file into the archive');
    if (error.details.errno !== 'EXDEV') throw error;
    const message =
      `archiveMode 'rename' needs the archive on the file system of the log; ${archive.path} is on another one than ` +
      `${log.path}. Use archiveMode 'copy', or another directory.`;
    throw new WalError('ERR_WAL_INVALID_ARGUMENT', message, error.details, error);
  }
}

/**
 * Archives one file, if there is one, then prunes.
 *
 * @returns why the archive could not be pruned: no reason to hold the log back, but to tell somebody
 * @throws {WalError} as {@link archiveLogFile}; the file is not in the archive then
 */
export function archiveAndPrune(
  place: ArchivePlace,
  { mode, ...bounds }: ArchiveSettings,
  { file, keepAboveSeq }: ArchiveOrder,
): WalError | undefined {
  if (file !== undefined) archiveLogFile(place, file, mode);
  try {
    pruneArchive(place.archive, listArchive(place.archive), bounds, keepAboveSeq);
    return undefined;
  } catch (thrown) {
    return toWalError(thrown, 'prune the archive');
  }
}
