// Segments one at a time: listing them in order, exporting one as a file that can be verified alone, replaying such a
// file, and removing a whole log. An exported file is a log file with one segment: the same header, with the position
// in front of the segment, so the same code reads it. Only synced epochs are exported: their numbers never change
// meaning.

import { basename, dirname, resolve } from 'node:path';
import { wallClockMs } from '../base/clock.js';
import { invalidArgument, WalError } from '../base/errors.js';
import { decodeFileHeader, encodeFileHeader, type FileHeader } from '../log/codec.js';
import { FILE_FLAG, FILE_HEADER_BYTES } from '../log/layout.js';
import {
  CHECKPOINT_NAMES,
  isEvidenceName,
  isUnfinishedName,
  LATCH_NAME,
  LOCK_NAME,
  MARK_NAMES,
  parseLogFileName,
  parseSpareFileName,
  STATE_NAMES,
  UNFINISHED_SUFFIX,
} from '../log/names.js';
import { type Certificate, encodeSegmentHeader } from '../segment/codec.js';
import { CommitReader } from '../segment/commit-reader.js';
import { FileWindow } from '../segment/file-window.js';
import { SEGMENT_HEADER, SEGMENT_KIND } from '../segment/layout.js';
import {
  type CheckedHeader,
  chainFault,
  isAtHome,
  readSegmentCertificate,
  readSegmentHeader,
  verifySegment,
} from '../segment/reader.js';
import type { Directory, LogFile } from '../storage/directory.js';
import { NodeDirectory } from '../storage/node-directory.js';
import { removeEmptyDirectory } from '../storage/remove-directory.js';
import { logDirectoryPath } from './recover.js';
import { type PlacedCommit, type ReplayCommit, type ReplayTarget, replayCommitOf, segmentsOf } from './replay.js';
import { type LogScan, scanLog } from './scan.js';

/** A segment of the proven chain. */
export interface ListedSegment {
  /** Name of its log file. */
  readonly file: string;
  readonly header: CheckedHeader;
  readonly certificate: Certificate;
  /** Its commits in sequence order; only until the next segment is asked for. */
  commits(): Generator<ReplayCommit, void, void>;
}

const WINDOW_BYTES = 2 ** 20;
const COPY_BYTES = 2 ** 20;

/**
 * The segments of a scanned log in order, marks included, one at a time.
 *
 * @throws {WalError} ERR_WAL_IO, ERR_WAL_CORRUPT when a file reads differently than during the scan
 */
export function* listSegments(directory: Directory, { chain }: LogScan): Generator<ListedSegment, void, void> {
  const reader = new CommitReader(WINDOW_BYTES);
  const buffer = new Uint8Array(WINDOW_BYTES);
  for (const part of chain.files) {
    const file = directory.open(part.file.name, 'read');
    try {
      for (const header of segmentsOf(file, part.file, FILE_HEADER_BYTES, part.endOffset)) {
        const certificate = certificateOf(file, header, buffer);
        yield { file: file.name, header, certificate, commits: () => commitsOf(reader, file, header) };
      }
    } finally {
      file.close();
    }
  }
}

function* commitsOf(reader: CommitReader, file: LogFile, header: CheckedHeader): Generator<PlacedCommit, void, void> {
  if (header.kind !== SEGMENT_KIND.epoch) return;
  for (const commit of reader.commits(file, header)) yield replayCommitOf(commit, header);
}

function certificateOf(file: LogFile, header: CheckedHeader, buffer: Uint8Array): Certificate {
  const certificate = readSegmentCertificate(file, new FileWindow(file, buffer), header);
  if ('reason' in certificate) throw corrupt(file.name, certificate.offset, certificate.reason);
  return certificate;
}

/** Default path of an exported segment. */
export function segmentFilePath(dbPath: string, epoch: number): string {
  return `${dbPath}-wal-seg-${epoch.toString(16).padStart(16, '0')}`;
}

/**
 * Exports one epoch as a file of its own.
 *
 * @param target - path of the new file; default `<db>-wal-seg-<sixteen hexadecimal digits of the epoch>`
 * @returns the path
 * @throws {WalError} ERR_WAL_NOT_FOUND (no such epoch, or not known to be synced), ERR_WAL_EXISTS, ERR_WAL_CORRUPT,
 *   ERR_WAL_STORAGE_FULL, ERR_WAL_IO
 *
 * Durability: the file is synced, and its name too, when this resolves; it appears whole or not at all.
 */
export async function exportSegment(
  dbPath: string,
  epoch: number,
  target = segmentFilePath(dbPath, epoch),
): Promise<string> {
  if (!Number.isSafeInteger(epoch) || epoch < 1) throw invalidArgument('An epoch is a whole number from 1.', { epoch });
  const directory = new NodeDirectory(logDirectoryPath(dbPath));
  const scan = await scanLog(directory);
  const found = findEpoch(directory, scan, epoch);
  if (found === undefined || epoch > scan.syncedThrough) {
    const why = found === undefined ? 'is not in the log' : 'is not known to be synced yet';
    throw new WalError('ERR_WAL_NOT_FOUND', `Epoch ${epoch} ${why}.`, { epoch, syncedThrough: scan.syncedThrough });
  }
  const path = resolve(target);
  const folder = new NodeDirectory(dirname(path));
  const name = basename(path);
  if (folder.list().includes(name)) throw new WalError('ERR_WAL_EXISTS', `${path} is already there.`, { path });
  const unfinished = `${name}${UNFINISHED_SUFFIX}`;
  if (folder.list().includes(unfinished)) folder.remove(unfinished);
  const source = directory.open(found.file.name, 'read');
  const file = folder.open(unfinished, 'create');
  try {
    writeSegmentFile(file, source, found.header, found.file.header);
    file.sync();
  } finally {
    file.close();
    source.close();
  }
  folder.rename(unfinished, name);
  folder.sync();
  return path;
}

function findEpoch(directory: Directory, { chain }: LogScan, epoch: number) {
  const part = chain.files.find(({ file, end }) => file.header.start.epoch < epoch && epoch <= end.epoch);
  if (part === undefined) return undefined;
  const file = directory.open(part.file.name, 'read');
  try {
    for (const header of segmentsOf(file, part.file, FILE_HEADER_BYTES, part.endOffset)) {
      if (header.kind === SEGMENT_KIND.epoch && header.epoch === epoch) return { file: part.file, header };
    }
    return undefined;
  } finally {
    file.close();
  }
}

/** Only the place in the file changes, so frames and certificate stay as they are. */
function writeSegmentFile(target: LogFile, source: LogFile, header: CheckedHeader, home: FileHeader): void {
  const start = { epoch: header.epoch - 1, nextSeq: header.firstSeq, ...header.previous };
  const fileBytes = FILE_HEADER_BYTES + header.segmentBytes;
  const flags = home.flags & ~(FILE_FLAG.opening | FILE_FLAG.recycled);
  target.write(
    [encodeFileHeader({ ...home, flags, start, syncedThrough: header.epoch, wallClockMs: wallClockMs(), fileBytes })],
    0,
  );
  const encoded = new Uint8Array(SEGMENT_HEADER.bytes);
  encodeSegmentHeader(encoded, { ...header, fileOffset: FILE_HEADER_BYTES });
  target.write([encoded], FILE_HEADER_BYTES);
  const buffer = new Uint8Array(COPY_BYTES);
  for (let done = SEGMENT_HEADER.bytes; done < header.segmentBytes; ) {
    const piece = buffer.subarray(0, Math.min(buffer.length, header.segmentBytes - done));
    if (source.read(piece, header.fileOffset + done) < piece.length) {
      throw corrupt(source.name, header.fileOffset + done, 'the file ends within a segment');
    }
    target.write([piece], FILE_HEADER_BYTES + done);
    done += piece.length;
  }
}

/** What an exported segment holds. */
export interface SegmentFileReport {
  readonly logId: number;
  readonly incarnation: number;
  readonly pageBytes: number;
  readonly epoch: number;
  readonly firstSeq: number;
  readonly endSeq: number;
  readonly commitsApplied: number;
  readonly voids: number;
}

/**
 * Verifies an exported segment and then replays it.
 *
 * @param target - left out, the file is only verified
 * @throws {WalError} ERR_WAL_CORRUPT (before anything is replayed), ERR_WAL_VERSION, ERR_WAL_NOT_FOUND, ERR_WAL_IO
 */
export async function readSegmentFile(path: string, target?: ReplayTarget): Promise<SegmentFileReport> {
  const whole = resolve(path);
  const file = new NodeDirectory(dirname(whole)).open(basename(whole), 'read');
  try {
    const { home, header, voids } = verifySegmentFile(file);
    let commitsApplied = 0;
    for (const commit of target === undefined ? [] : commitsOf(new CommitReader(WINDOW_BYTES), file, header)) {
      await target?.commit(commit);
      commitsApplied += 1;
    }
    const { logId, incarnation, pageBytes } = home;
    const { epoch, firstSeq, endSeq } = header;
    return { logId, incarnation, pageBytes, epoch, firstSeq, endSeq, commitsApplied, voids };
  } finally {
    file.close();
  }
}

function verifySegmentFile(file: LogFile): { home: FileHeader; header: CheckedHeader; voids: number } {
  const bytes = new Uint8Array(FILE_HEADER_BYTES);
  const home = decodeFileHeader(bytes.subarray(0, file.read(bytes, 0)));
  if ('refused' in home) throw refused(file.name, 0, home.reason, home.refused === 'version');
  const header = readSegmentHeader(file, FILE_HEADER_BYTES);
  if (header === undefined) throw corrupt(file.name, FILE_HEADER_BYTES, 'the file ends within a segment');
  if ('refused' in header) throw refused(file.name, FILE_HEADER_BYTES, header.reason, header.refused === 'version');
  const isSame = isAtHome(header, home, FILE_HEADER_BYTES) && header.kind === SEGMENT_KIND.epoch;
  const fault = isSame ? chainFault(header, home.start) : 'header and segment do not belong together';
  if (fault !== undefined) throw corrupt(file.name, FILE_HEADER_BYTES, fault);
  if (file.size() !== FILE_HEADER_BYTES + header.segmentBytes)
    throw corrupt(file.name, FILE_HEADER_BYTES, 'the file has another length');
  const window = new FileWindow(file, new Uint8Array(WINDOW_BYTES));
  const result = verifySegment(file, window, header, home.pageBytes);
  if ('reason' in result) throw refused(file.name, result.offset, result.reason, result.isVersion);
  return { home, header, voids: result.voidCount };
}

/**
 * Removes a log. The caller holds its lock, and has brought the store up to it or does not want it.
 *
 * The oldest file goes first: whatever a crash leaves is noticed as a gap, and never taken for a whole, older log.
 *
 * @returns names that are no part of a log and were left, with the directory
 * @throws {WalError} ERR_WAL_IO
 */
export function removeLog(dbPath: string): string[] {
  const directory = new NodeDirectory(logDirectoryPath(dbPath));
  if (!directory.exists()) return [];
  const isOurs = (name: string): boolean =>
    parseLogFileName(name) !== undefined ||
    parseSpareFileName(name) !== undefined ||
    isUnfinishedName(name) ||
    isEvidenceName(name) ||
    /^[0-9a-f]{16}\.wal\.damaged-[0-9a-f]{8}$/.test(name);
  for (const name of directory.list().filter(isOurs).sort()) {
    directory.remove(name);
    directory.sync();
  }
  for (const name of [...CHECKPOINT_NAMES, ...MARK_NAMES, ...STATE_NAMES, LATCH_NAME, LOCK_NAME])
    if (directory.list().includes(name)) directory.remove(name);
  const left = directory.list();
  if (left.length === 0) removeEmptyDirectory(directory.path);
  return left;
}

function corrupt(file: string, offset: number, reason: string): WalError {
  return refused(file, offset, reason, false);
}

function refused(file: string, offset: number, reason: string, isVersion: boolean): WalError {
  const details = { file, offset, reason };
  if (isVersion)
    return new WalError('ERR_WAL_VERSION', `${file} at ${offset}: ${reason}. Use a newer library.`, details);
  return new WalError('ERR_WAL_CORRUPT', `${file} at ${offset}: ${reason}.`, details);
}
