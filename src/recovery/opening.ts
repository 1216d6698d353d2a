// Opening a log so that a second crash at any point loses nothing (design/recovery.md, "Opening").
// Bytes just read from the cache need not be on disk (F10), so all above S is written again, into a new file under a
// temporary name. Until that file has its final name the old files are the log, and nothing of them is overwritten
// (R9). Not here: what a valid log is (scan.ts), and how the new file is built (opening-file.ts).

import { randomBytes } from 'node:crypto';
import { COUNTER_MAX, exhausted, INCARNATION_MAX } from '../base/counters.js';
import { invalidArgument } from '../base/errors.js';
import { type CheckpointRecord, syncCheckpointSlot, writeCheckpointRecord } from '../log/checkpoint-record.js';
import type { LogPosition } from '../log/codec.js';
import { FILE_HEADER_BYTES } from '../log/layout.js';
import type { OlderFile } from '../log/log-writer.js';
import { isUnfinishedName, logFileName, parseLogFileName, parseSpareFileName, spareFileName } from '../log/names.js';
import { PAGE_BYTES_MAX, PAGE_BYTES_MIN } from '../record/layout.js';
import type { Directory } from '../storage/directory.js';
import type { WorkerUrls } from '../thread/worker-files.js';
import { contributingFiles } from './chain-walk.js';
import { moveDamagedAside } from './damaged-files.js';
import { buildOpeningFile, sizeOf } from './opening-file.js';
import type { OnDamage, RecoveryReport } from './report.js';
import { type LogScan, notRecoveredOf, refuseDamage, reportOf, scanLog } from './scan.js';
import { type LogTail, tailAbove } from './tail.js';

/** What an opening needs to know. */
export interface OpenLogSettings {
  /** Page size in bytes; required for a new log, and if given it must be an existing log's own. */
  readonly pageBytes?: number | undefined;
  /** Page size of a new log for which none is required. */
  readonly pageBytesDefault?: number | undefined;
  /** Size of the new log file in bytes, a multiple of 4096; larger only when the copied tail needs it. */
  readonly logFileBytes: number;
  /** Bound of the log's files; at it the new file is only as large as the copied tail. Default: none. */
  readonly maxLogBytes?: number | undefined;
  /** False under policy `off`: then no sync is called at all and nothing is copied. */
  readonly sync: boolean;
  /** Default `fail`. `salvage` opens like `stop`: a chain cannot have a gap. */
  readonly onDamage?: OnDamage | undefined;
  /** Default 64 MiB. */
  readonly recoveryMemoryBytes?: number | undefined;
  readonly workerUrls?: WorkerUrls | undefined;
  /** The id of a new log; random by default, given in tests. */
  readonly logId?: number | undefined;
}

/** A log that is ready for its first new commit. The caller opens `fileName` on the thread that writes. */
export interface OpenedLog {
  readonly logId: number;
  readonly incarnation: number;
  readonly pageBytes: number;
  readonly fileNumber: number;
  readonly fileName: string;
  /** Where the log stands: the next segment continues this. */
  readonly position: LogPosition;
  /** Where the next segment goes in the file. */
  readonly writeOffset: number;
  readonly fileBytes: number;
  /** Last epoch known to be synced. */
  readonly syncedThrough: number;
  /** Sizes of spaces in pages, as far as the log knows them. */
  readonly sizes: ReadonlyMap<number, number>;
  /** Spaces of which the log has pages or sizes. */
  readonly spaces: readonly number[];
  /** Every other log file, ascending by number. */
  readonly olderFiles: readonly OlderFile[];
  /** The newest valid checkpoint record. */
  readonly checkpoint: CheckpointRecord | undefined;
  /** The record in the other slot. */
  readonly checkpointBefore: CheckpointRecord | undefined;
  /** Everything above this commit is in the log's files. */
  readonly releasedSeq: number;
  readonly report: RecoveryReport;
}

/**
 * Recovers what the directory holds and starts a new log file behind it. The caller holds the lock.
 *
 * @throws {WalError} ERR_WAL_CORRUPT, ERR_WAL_GAP (damage; nothing was changed), ERR_WAL_VERSION,
 *   ERR_WAL_INVALID_ARGUMENT (page size), ERR_WAL_EXHAUSTED, ERR_WAL_STORAGE_FULL, ERR_WAL_IO
 *
 * Durability: with `sync`, everything the log holds is on disk when this returns.
 * Source: design/recovery.md, "Opening"; R9.
 */
export async function openLog(directory: Directory, settings: OpenLogSettings): Promise<OpenedLog> {
  const { sync, onDamage = 'fail' } = settings;
  checkFileBytes(settings.logFileBytes);
  directory.create({ sync });
  const scan = await scanLog(directory, settings);
  refuseDamage(scan, onDamage);
  const pageBytes = pageBytesOf(scan, settings.pageBytes, settings.pageBytesDefault);
  const report = openingReport(scan);
  const fileNumber = 1 + [...scan.log.fileNumbers].reduce((highest, one) => Math.max(highest, one), 0);
  const incarnation = scan.incarnationMax + 1;
  checkCounters(scan, fileNumber, incarnation);
  // From here on the directory changes, and every state in between is one that this function opens again.
  if (sync && scan.checkpoint !== undefined) makeDurable(directory, scan, scan.checkpoint);
  removeUnfinished(directory);
  const goneNames = moveDamagedAside(directory, scan, { sync });
  if (sync) removeFlawed(directory, scan, goneNames);
  const tail = tailAbove(directory, scan, sync ? scan.syncedThrough : scan.position.epoch);
  const logId = scan.log.logId ?? settings.logId ?? randomLogId();
  const syncedBefore = Math.min(scan.syncedThrough, scan.position.epoch);
  const identity = { logId, incarnation, fileNumber, pageBytes };
  const fileBytes = fileBytesWithin(directory, settings);
  const file = buildOpeningFile(directory, tail, identity, { logFileBytes: fileBytes, sync, syncedBefore });
  const older = olderFiles(scan, tail, goneNames);
  // Unsynced, a removal could become durable before the file that makes it right.
  const kept = sync ? discardSuperseded(directory, scan, older, tail.base.epoch, settings.logFileBytes) : older;
  return {
    ...identity,
    fileName: logFileName(fileNumber),
    position: file.position,
    writeOffset: file.writeOffset,
    fileBytes: file.fileBytes,
    syncedThrough: file.syncedThrough,
    sizes: scan.chain.sizes,
    spaces: [...scan.chain.spaces.keys()],
    olderFiles: kept,
    checkpoint: scan.checkpoint,
    checkpointBefore: scan.log.checkpointBefore,
    releasedSeq: firstSeqOf(scan, tail) - 1,
    report,
  };
}

/**
 * Makes the checkpoint record durable before files go by it: it was read from the cache, too (F10).
 *
 * Written again it could be torn, so only while the log could do with the record before it, from which it then starts.
 * A log that starts further on has let files go by this one, and that happens behind its sync.
 */
function makeDurable(directory: Directory, { log, chain }: LogScan, record: CheckpointRecord): void {
  const startSeq = chain.files[0]?.file.header.start.nextSeq ?? Number.POSITIVE_INFINITY;
  // Its slot has its space (A9).
  if (startSeq <= (log.checkpointBefore?.throughSeq ?? 0) + 1) writeCheckpointRecord(directory, record, { sync: true });
  else syncCheckpointSlot(directory, record.generation);
}

/** The first commit from which on the log is whole. */
function firstSeqOf({ chain, position }: LogScan, { base }: LogTail): number {
  const first = chain.files[0];
  const isRestarted = position !== chain.files.at(-1)?.end;
  return first === undefined || isRestarted
    ? position.nextSeq
    : Math.min(first.file.header.start.nextSeq, base.nextSeq);
}

/**
 * Size of the new file: nothing to write into when the log is beyond its bound without a spare to take. Otherwise each
 * crash of a log that cannot be checkpointed would add a file to it.
 */
function fileBytesWithin(
  directory: Directory,
  { logFileBytes, maxLogBytes = Number.POSITIVE_INFINITY }: OpenLogSettings,
): number {
  const names = directory.list();
  const bytesOf = (isOne: (name: string) => boolean): number =>
    names.filter(isOne).reduce((sum, name) => sum + sizeOf(directory, name), 0);
  const spareBytes = bytesOf((name) => parseSpareFileName(name) !== undefined);
  const isBeyond = spareBytes === 0 && bytesOf((name) => parseLogFileName(name) !== undefined) > maxLogBytes;
  return isBeyond ? FILE_HEADER_BYTES : logFileBytes;
}

/** What would be written beyond these could not be read again: a file of that number would not even be seen. */
function checkCounters({ position }: LogScan, fileNumber: number, incarnation: number): void {
  if (position.nextSeq > COUNTER_MAX) throw exhausted('commit sequence', { nextSeq: position.nextSeq });
  if (position.epoch > COUNTER_MAX) throw exhausted('epoch', { epoch: position.epoch });
  if (fileNumber > COUNTER_MAX) throw exhausted('file number', { fileName: logFileName(fileNumber - 1) });
  if (incarnation > INCARNATION_MAX) throw exhausted('incarnation', { incarnation: incarnation - 1 });
}

function checkFileBytes(logFileBytes: number): void {
  if (
    Number.isSafeInteger(logFileBytes) &&
    logFileBytes >= 2 * FILE_HEADER_BYTES &&
    logFileBytes % FILE_HEADER_BYTES === 0
  )
    return;
  throw invalidArgument('logFileBytes must be a multiple of 4096 from 8192.', { logFileBytes });
}

function pageBytesOf({ log }: LogScan, wanted: number | undefined, standard: number | undefined): number {
  const pageBytes = log.pageBytes ?? wanted ?? standard;
  if (wanted !== undefined && pageBytes !== wanted) {
    const message = `The log has pages of ${pageBytes} bytes; it was to be opened with pages of ${wanted}.`;
    throw invalidArgument(message, { pageSize: pageBytes, wanted });
  }
  if (pageBytes === undefined) throw invalidArgument('A new log needs a page size.', {});
  if (Number.isSafeInteger(pageBytes) && pageBytes >= PAGE_BYTES_MIN && pageBytes <= PAGE_BYTES_MAX) return pageBytes;
  throw invalidArgument(`A page size lies from ${PAGE_BYTES_MIN} to ${PAGE_BYTES_MAX} bytes.`, { pageBytes });
}

function openingReport(scan: LogScan): RecoveryReport {
  const checkpointUsed = scan.checkpoint?.throughSeq ?? null;
  return { ...reportOf(scan), checkpointUsed, notRecovered: notRecoveredOf(scan) };
}

/** Files that an opening or a rotation did not finish. */
function removeUnfinished(directory: Directory): void {
  for (const name of directory.list()) if (isUnfinishedName(name)) directory.remove(name);
}

/**
 * Removes what the checkpoint covers and a power cut tore, before the new file says that all is synced: a hole below
 * that is damage (R5, R6). Durable first, or the hole could come back beside the new file.
 */
function removeFlawed(directory: Directory, { chain }: LogScan, goneNames: Set<string>): void {
  const flawed = chain.flaws.filter(({ file }) => !goneNames.has(file));
  for (const { file } of flawed) {
    directory.remove(file);
    goneNames.add(file);
  }
  if (flawed.length > 0) directory.sync();
}

/** The id of a new log. */
export function randomLogId(): number {
  // 48 bits; never 0, because zero means "never written".
  return randomBytes(6).readUIntLE(0, 6) || 1;
}

/** All files but the new one; what was copied from them is no longer needed from them. */
function olderFiles(scan: LogScan, tail: LogTail, goneNames: ReadonlySet<string>): OlderFile[] {
  const older: OlderFile[] = [];
  let endSeq = 0;
  let endEpoch = 0;
  const all = [...scan.log.files, ...scan.log.headerless].sort((one, other) => one.fileNumber - other.fileNumber);
  for (const { fileNumber, name, bytes } of all) {
    if (goneNames.has(name)) continue;
    const part = scan.chain.files.find(({ file }) => file.name === name);
    endSeq = Math.max(endSeq, Math.min(part?.end.nextSeq ?? 0, tail.base.nextSeq));
    endEpoch = Math.max(endEpoch, Math.min(part?.end.epoch ?? 0, tail.base.epoch));
    older.push({ fileNumber, name, bytes, endSeq, endEpoch });
  }
  return older;
}

/** One spare to take and one in reserve; more are not kept here. */
const SPARES_WANTED = 2;
const SPARE_INDEX_MAX = 0xffff;

/**
 * Removes files that no longer contribute anything, or makes spares of them: without this, each open of a log that is
 * never checkpointed would leave a file behind. Should a removal come undone in a crash, the file is superseded again.
 */
function discardSuperseded(
  directory: Directory,
  scan: LogScan,
  older: readonly OlderFile[],
  epochMax: number,
  logFileBytes: number,
): OlderFile[] {
  const contributing = contributingFiles(scan.log.files).filter(({ file }) => file.header.start.epoch < epochMax);
  const names = new Set(contributing.map(({ file }) => file.name));
  const useless = older.filter(({ name }) => !names.has(name));
  if (useless.length === 0) return [...older];
  const spares = directory
    .list()
    .map(parseSpareFileName)
    .filter((index) => index !== undefined);
  let indexNext = Math.max(-1, ...spares) + 1;
  let spareCount = spares.length;
  for (const { name, bytes } of useless) {
    if (bytes === logFileBytes && spareCount < SPARES_WANTED && indexNext <= SPARE_INDEX_MAX) {
      directory.rename(name, spareFileName(indexNext));
      indexNext += 1;
      spareCount += 1;
    } else directory.remove(name);
  }
  directory.sync();
  return older.filter(({ name }) => names.has(name));
}
