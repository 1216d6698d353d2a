// A log out of several directories: a log directory, archives, the log directory of a store that crashed. Chosen by
// checksummed headers are the files that hold what stands between a base and a target; recovery then reads them as one
// log directory (design/archive.md, "Recovery from an archive"). Nothing is written.

import { usedEndOf } from '../archive/closed-file.js';
import { listArchive, readHeader } from '../archive/listing.js';
import { WalError } from '../base/errors.js';
import { type CheckpointRecord, encodeCheckpointRecord, readCheckpointSlots } from '../log/checkpoint-record.js';
import type { FileHeader } from '../log/codec.js';
import { CHECKPOINT_NAMES, logFileName, parseLogFileName } from '../log/names.js';
import type { Directory, LogFile } from '../storage/directory.js';
import { MemoryDirectory } from '../storage/memory-directory.js';
import { type FilePlace, MergedDirectory } from '../storage/merged-directory.js';
import { isSamePosition } from './chain-walk.js';

/** A log file that counts, wherever it is. */
export interface FoundFile extends FilePlace {
  readonly header: FileHeader;
}

/**
 * How far a page file is, as the log directory beside it says.
 *
 * @returns undefined without a record: then the page file is what was there before the first commit
 * @throws {WalError} ERR_WAL_CORRUPT when there is a record and none is valid, ERR_WAL_VERSION, ERR_WAL_IO
 */
export function baseRecordOf(log: Directory): CheckpointRecord | undefined {
  const { newest, damaged } = readCheckpointSlots(log);
  const [bad] = damaged;
  if (newest !== undefined || bad === undefined) return newest;
  const message = `${log.path}/${bad.name}: ${bad.reason}. It is not known how far the page file is.`;
  throw new WalError('ERR_WAL_CORRUPT', message, { file: bad.name, epoch: 0, offset: 0, reason: bad.reason });
}

/**
 * The log files of all directories, one for each number, ascending.
 *
 * Of files with the same header the one that reaches furthest counts, and among equal ones the first directory's: a
 * copy made while a file was still being written is shorter. What begins where a newer incarnation already goes on
 * is superseded, and left out: after `onDamage: 'stop'` an archive may hold it (R4).
 *
 * @param onDamaged - told of each file whose header is damaged or contradicts its name: it is taken as missing
 * @throws {WalError} ERR_WAL_CORRUPT (files that contradict each other), ERR_WAL_WRONG_STORE (files of another log
 *   than the record's; a backup that was written to), ERR_WAL_VERSION, ERR_WAL_IO
 */
export function findLogFiles(
  directories: readonly Directory[],
  base: CheckpointRecord | undefined,
  onDamaged: (error: WalError) => void,
): FoundFile[] {
  const found = directories.flatMap((directory) => filesIn(directory, onDamaged));
  const { logId, files } = ofOneLog(found, base);
  for (const { directory, name, header } of files) {
    if (header.logId === logId) continue;
    const others = base === undefined ? 'the other files' : 'the page file';
    const message = `${directory.path}/${name} belongs to another log than ${others}.`;
    throw new WalError('ERR_WAL_WRONG_STORE', message, { path: directory.path, file: name });
  }
  const byNumber = new Map<number, FoundFile>();
  for (const file of files) {
    const { fileNumber, incarnation, start } = file.header;
    const isGivenUp = files.some(
      ({ header: newer }) => newer.incarnation > incarnation && newer.start.epoch <= start.epoch,
    );
    if (isGivenUp) continue;
    const other = byNumber.get(fileNumber);
    byNumber.set(fileNumber, other === undefined ? file : furtherOf(other, file));
  }
  return [...byNumber.values()].sort((one, other) => one.header.fileNumber - other.header.fileNumber);
}

/**
 * Which log the files have to be of. A backup goes on with the log it was taken from, if files of that are there; its
 * own log is only where it goes on by itself, and then it is a base of the other no more.
 *
 * @throws {WalError} ERR_WAL_WRONG_STORE
 */
function ofOneLog(
  found: readonly FoundFile[],
  base: CheckpointRecord | undefined,
): { logId: number | undefined; files: readonly FoundFile[] } {
  const logId = base?.originLogId;
  if (base === undefined || logId === undefined || !found.some(({ header }) => header.logId === logId))
    return { logId: base?.logId ?? found[0]?.header.logId, files: found };
  const isOwn = ({ header }: FoundFile): boolean => header.logId === base.logId;
  for (const own of found.filter(isOwn)) {
    const lastSeq = withFile(own, (file) => usedEndOf(file, own.header)).position.nextSeq - 1;
    if (lastSeq <= base.throughSeq) continue;
    const path = `${own.directory.path}/${own.name}`;
    const message = `${path} goes on by itself to commit ${lastSeq}: the backup is no base of another log any more.`;
    throw new WalError('ERR_WAL_WRONG_STORE', message, { path, lastSeq, baseSeq: base.throughSeq });
  }
  return { logId, files: found.filter((file) => !isOwn(file)) };
}

/** The files with the commits above the base up to `throughSeq`, as one log directory whose checkpoint is the base. */
export function mergedLog(
  files: readonly FoundFile[],
  base: CheckpointRecord | undefined,
  throughSeq: number,
): Directory {
  const afterSeq = base?.throughSeq ?? 0;
  const needed = files.filter(({ header }, index) => {
    const next = files[index + 1]?.header.start.nextSeq ?? Number.POSITIVE_INFINITY;
    return next > afterSeq + 1 && header.start.nextSeq <= throughSeq + 1;
  });
  const places = new Map<string, FilePlace>(needed.map((file) => [logFileName(file.header.fileNumber), file]));
  if (base !== undefined) {
    const name = CHECKPOINT_NAMES[base.generation % 2] as string;
    places.set(name, { directory: holding(name, recordFor(base, needed)), name });
  }
  return new MergedDirectory('the log and its archive', places);
}

/**
 * The base's record as these files see it, of their log. What it says about how far the log was synced, and which
 * incarnation was the newest, is about files that need not be among them, and is no reason to miss any: the target says
 * what is needed.
 */
function recordFor(base: CheckpointRecord, files: readonly FoundFile[]): CheckpointRecord {
  const newest = files.reduce((highest, { header }) => Math.max(highest, header.incarnation), 0);
  const incarnation = Math.min(base.incarnation, newest);
  const logId = files[0]?.header.logId ?? base.logId;
  return { ...base, logId, incarnation, syncedThrough: Math.min(base.syncedThrough, base.throughEpoch) };
}

function holding(name: string, record: CheckpointRecord): MemoryDirectory {
  const directory = new MemoryDirectory();
  directory.create({ sync: false });
  directory.open(name, 'create').write([encodeCheckpointRecord(record)], 0);
  return directory;
}

function filesIn(directory: Directory, onDamaged: (error: WalError) => void): FoundFile[] {
  const archived = listArchive(directory, onDamaged).map(({ name, header }) => ({ directory, name, header }));
  const own: FoundFile[] = [];
  for (const name of directory.list()) {
    const fileNumber = parseLogFileName(name);
    if (fileNumber === undefined) continue;
    try {
      const header = withFile({ directory, name }, (file) => readHeader(directory, file, { fileNumber }));
      own.push({ directory, name, header });
    } catch (thrown) {
      if (!(thrown instanceof WalError && thrown.code === 'ERR_WAL_CORRUPT')) throw thrown;
      onDamaged(thrown);
    }
  }
  return [...own, ...archived];
}

/** Which of two files with one number and one incarnation goes on further; the shorter has to be its beginning. */
function furtherOf(one: FoundFile, other: FoundFile): FoundFile {
  const ends = [one, other].map((file) => withFile(file, (opened) => usedEndOf(opened, file.header)));
  const [oneBytes, otherBytes] = ends.map(({ bytes }) => bytes) as [number, number];
  const [further, shorter] = otherBytes > oneBytes ? [other, one] : [one, other];
  const bytes = Math.min(oneBytes, otherBytes);
  const [atFurther, atShorter] = [further, shorter].map((file) =>
    withFile(file, (opened) => usedEndOf(opened, file.header, bytes)),
  );
  const isSameStart = JSON.stringify(one.header) === JSON.stringify(other.header);
  if (isSameStart && atFurther !== undefined && atShorter !== undefined) {
    if (atFurther.bytes === bytes && isSamePosition(atFurther.position, atShorter.position)) return further;
  }
  const reason = 'two files of this number and incarnation hold different commits';
  const [onePath, otherPath] = [one, other].map(({ directory, name }) => `${directory.path}/${name}`);
  throw contradiction(`${onePath} and ${otherPath}: ${reason}. Move the wrong one away.`, other.name, reason);
}

function withFile<Result>({ directory, name }: FilePlace, act: (file: LogFile) => Result): Result {
  const file = directory.open(name, 'read');
  try {
    return act(file);
  } finally {
    file.close();
  }
}

function contradiction(message: string, file: string, reason: string): WalError {
  return new WalError('ERR_WAL_CORRUPT', message, { file, epoch: 0, offset: 0, reason });
}
