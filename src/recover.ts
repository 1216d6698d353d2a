// Recovery and verification for users, wired to the lock: the functions of recovery/ with what they are given.

import { LOCK_NAME } from './log/names.js';
import {
  logDirectoryPath,
  type RecoverOptions,
  recoverWal as recover,
  type VerifyReport,
  verifyWal as verify,
} from './recovery/recover.js';
import type { RecoveryReport } from './recovery/report.js';
import { scanLog } from './recovery/scan.js';
import { listSegments, removeLog } from './recovery/segment-file.js';
import type { Directory } from './storage/directory.js';
import { acquireLock } from './storage/lock.js';
import { NodeDirectory } from './storage/node-directory.js';

/**
 * Brings a store up to the log of `dbPath`: page files, a `Map` of pages, or a callback that is given every commit.
 *
 * The log is not changed; doing it twice gives the same bytes. Takes the lock of the log unless `dryRun` is set.
 *
 * @throws {WalError} ERR_WAL_CORRUPT, ERR_WAL_GAP (damage: nothing was changed), ERR_WAL_NOT_FOUND (a page file),
 *   ERR_WAL_WRONG_STORE, ERR_WAL_LOCKED, ERR_WAL_VERSION, ERR_WAL_IO
 * Durability: page files are synced when this resolves.
 * Source: design/recovery.md.
 */
export function recoverWal(dbPath: string, options: RecoverOptions = {}): Promise<RecoveryReport> {
  return recover(dbPath, options, { lock: (directoryPath) => acquireLock(directoryPath, LOCK_NAME) });
}

/**
 * Checks every file, segment, frame and certificate of the log of `dbPath`. Takes no lock and changes nothing.
 *
 * @throws {WalError} ERR_WAL_VERSION, ERR_WAL_IO; damage is in the report
 */
export function verifyWal(
  dbPath: string,
  options: Pick<RecoverOptions, 'recoveryMemoryBytes' | 'onProgress'> = {},
): Promise<VerifyReport> {
  return verify(dbPath, options);
}

/**
 * Removes the log of `dbPath` with everything in it: for when the store holds all of it, or is not wanted.
 *
 * @returns names in the directory that are no part of a log; they were left, and the directory with them
 * @throws {WalError} ERR_WAL_LOCKED, ERR_WAL_IO
 */
export function removeWal(dbPath: string): string[] {
  const path = logDirectoryPath(dbPath);
  if (!new NodeDirectory(path).exists()) return [];
  const lock = acquireLock(path, LOCK_NAME);
  try {
    return removeLog(dbPath);
  } finally {
    lock.release();
  }
}

/** One segment of a log. */
export interface SegmentInfo {
  readonly epoch: number;
  readonly firstSeq: number;
  /** The first sequence behind it; a mark segment has none of its own. */
  readonly endSeq: number;
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
  readonly frames: number;
}

/** The segments of the proven log in a directory, in order. */
export async function segmentsIn(directory: Directory): Promise<SegmentInfo[]> {
  const segments: SegmentInfo[] = [];
  for (const { file, header } of listSegments(directory, await scanLog(directory))) {
    const { epoch, firstSeq, endSeq, fileOffset: offset, segmentBytes: bytes, frameCount: frames } = header;
    segments.push({ epoch, firstSeq, endSeq, file, offset, bytes, frames });
  }
  return segments;
}
