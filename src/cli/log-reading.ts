// Reading a log without its lock, right after a kill or beside a running writer. A scan looks at one place after the
// other, and a writer that goes on meanwhile can make the end look damaged: segments that came behind the end say that
// they are synced. Damage stays where it is, so it is believed when two scans in a row find the same.

import { setTimeout as sleep } from 'node:timers/promises';
import { WalError } from '../base/errors.js';
import { FILE_HEADER_BYTES } from '../log/layout.js';
import { logDirectoryPath } from '../recovery/recover.js';
import { type ReplayCommit, replayCommitOf, segmentsOf } from '../recovery/replay.js';
import type { DamageEntry } from '../recovery/report.js';
import { type LogScan, scanLog } from '../recovery/scan.js';
import { CommitReader } from '../segment/commit-reader.js';
import { FileWindow } from '../segment/file-window.js';
import { SEGMENT_KIND } from '../segment/layout.js';
import { type CheckedCertificate, type CheckedHeader, readSegmentCertificate } from '../segment/reader.js';
import { NodeDirectory } from '../storage/node-directory.js';
import { checkDatabasePath } from './page-files.js';

/** Attempts before what a reading says is taken as it is. */
const ATTEMPTS_MAX = 8;
const PAUSE_MS = 20;

/** A certificate never needs more for the logs that this project writes; a larger one is read apart. */
const CERTIFICATE_WINDOW_BYTES = 64 * 1024;
const COMMIT_BUFFER_BYTES = 8 * 2 ** 20;

/**
 * The log directory of a database.
 *
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT for a path that cannot have one
 */
export function logDirectoryOf(dbPath: string): NodeDirectory {
  checkDatabasePath(dbPath);
  return new NodeDirectory(logDirectoryPath(dbPath));
}

/**
 * Repeats a reading until it finds nothing wrong, or the same twice in a row.
 *
 * @throws {WalError} what the last attempt threw; ERR_WAL_IO when files kept vanishing while they were read
 */
export async function readSteadily<Found>(
  read: () => Promise<Found>,
  problemsOf: (found: Found) => readonly Pick<DamageEntry, 'file' | 'epoch' | 'offset'>[],
): Promise<Found> {
  let before: string | undefined;
  for (let attempts = 1; ; attempts++) {
    const found = await read().catch((thrown: unknown) => {
      if (attempts === ATTEMPTS_MAX || !isPassing(thrown)) throw asUnsteady(thrown);
      return undefined;
    });
    if (found !== undefined) {
      const problems = problemsOf(found);
      const places = JSON.stringify(problems.map(({ file, epoch, offset }) => [file, epoch, offset]));
      if (problems.length === 0 || places === before || attempts === ATTEMPTS_MAX) return found;
      before = places;
    }
    await sleep(PAUSE_MS);
  }
}

/** Scans a log that somebody may be writing to. */
export function scanSteadily(directory: NodeDirectory): Promise<LogScan> {
  return readSteadily(
    () => scanLog(directory),
    ({ damage }) => damage,
  );
}

/** Whether a running writer can be the reason: a file was renamed, or recycled, between two looks at it. */
function isPassing(thrown: unknown): boolean {
  return thrown instanceof WalError && (thrown.code === 'ERR_WAL_NOT_FOUND' || thrown.code === 'ERR_WAL_CORRUPT');
}

/** A file of the log that is not there is no wrong call of the user's. */
function asUnsteady(thrown: unknown): unknown {
  if (!(thrown instanceof WalError) || thrown.code !== 'ERR_WAL_NOT_FOUND') return thrown;
  const message = `The log changes faster than it can be read: ${thrown.message}`;
  return new WalError('ERR_WAL_IO', message, thrown.details, thrown);
}

/** One segment of the chain, with the means to read what is in it while it is being visited. */
export interface VisitedSegment {
  readonly file: string;
  readonly header: CheckedHeader;
  readonly certificate: CheckedCertificate;
  commits(): Iterable<ReplayCommit>;
}

/**
 * The segments that recovery would replay, in order, marks included.
 *
 * @throws {WalError} ERR_WAL_CORRUPT, ERR_WAL_NOT_FOUND when they are no longer what the scan saw: a running writer may
 *   have recycled a file, so try again; ERR_WAL_IO
 */
export function* segmentsOfChain(directory: NodeDirectory, scan: LogScan): Generator<VisitedSegment, void, void> {
  const reader = new CommitReader(COMMIT_BUFFER_BYTES);
  const windowBuffer = new Uint8Array(CERTIFICATE_WINDOW_BYTES);
  for (const part of scan.chain.files) {
    const file = directory.open(part.file.name, 'read');
    try {
      for (const header of segmentsOf(file, part.file, FILE_HEADER_BYTES, part.endOffset)) {
        const certificate = readSegmentCertificate(file, new FileWindow(file, windowBuffer), header);
        if ('reason' in certificate) {
          const { reason, offset } = certificate;
          throw new WalError('ERR_WAL_CORRUPT', `${file.name} changed while it was read: ${reason}.`, {
            offset,
            reason,
          });
        }
        const commits = function* (): Generator<ReplayCommit, void, void> {
          if (header.kind !== SEGMENT_KIND.epoch) return;
          for (const commit of reader.commits(file, header)) yield replayCommitOf(commit, header);
        };
        yield { file: file.name, header, certificate, commits };
      }
      // A recycled file has another name, and what was read from it last may have been overwritten already.
      if (directory.list().includes(file.name)) continue;
      throw new WalError('ERR_WAL_NOT_FOUND', `${file.name} was taken away while it was read.`, { file: file.name });
    } finally {
      file.close();
    }
  }
}
