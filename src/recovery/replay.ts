// Streams the commits of a scanned log into a target, in sequence order. Everything was verified by the scan before the
// first commit is handed over (R2), so damage changes nothing. Memory: one buffer, whatever the log's length, and what
// the target holds.

import { WalError } from '../base/errors.js';
import { FILE_HEADER_BYTES } from '../log/layout.js';
import type { DecodedRecord } from '../record/codec.js';
import type { SegmentHeader } from '../segment/codec.js';
import { CommitReader, type PlacedShape, type SegmentCommit } from '../segment/commit-reader.js';
import { FileWindow } from '../segment/file-window.js';
import { SEGMENT_KIND } from '../segment/layout.js';
import { type CheckedHeader, isAtHome, readSegmentHeader, verifySegment } from '../segment/reader.js';
import type { Directory, LogFile } from '../storage/directory.js';
import { contributingFiles } from './chain-walk.js';
import type { ListedFile } from './log-files.js';
import type { DamageEntry, OnProgress } from './report.js';
import { scanRest } from './rest-scan.js';
import { bytesOf, type LogScan, RECOVERY_MEMORY_BYTES } from './scan.js';

/** One commit of the log. */
export interface ReplayCommit {
  readonly seq: number;
  readonly epoch: number;
  readonly txnId: number | bigint;
  readonly txnEpoch: number | bigint;
  readonly beginSeq: number;
  readonly lane: number;
  readonly recordCount: number;
  readonly pageCount: number;
  /** Bytes of the frame. */
  readonly bytes: number;
  /** The records in order: sizes first. A record's views are valid until the next record or commit is asked for. */
  records(): IterableIterator<DecodedRecord>;
}

/** A commit, and where its records stand: for a target that reads them later. */
export interface PlacedCommit extends ReplayCommit {
  readonly fileNumber: number;
  /** What the records are, and where in the file; as {@link SegmentCommit.shapes}. */
  shapes(): Generator<PlacedShape, void, void>;
}

/** Takes commits in sequence order; a promise that it returns is awaited before the next commit. */
export interface ReplayTarget {
  commit(commit: PlacedCommit): void | Promise<void>;
  /** Behind the last commit: what was held back is done. */
  finish?(): Promise<void>;
  /** Behind a failure, its own included: resolves when nothing is under way any more. */
  abandon?(): Promise<void>;
}

/** What to replay. */
export interface ReplayOptions {
  /** Only commits above this sequence; default 0. */
  readonly afterSeq?: number | undefined;
  /** Only commits up to this sequence; default all. */
  readonly throughSeq?: number | undefined;
  /** Also apply whole segments behind the end of the chain, and list what is missing between them. */
  readonly isSalvage?: boolean | undefined;
  /** The target knows all commits from the scan already (log-notes.ts): none is handed over, it only finishes. */
  readonly isNoted?: boolean | undefined;
  /** Default 64 MiB. */
  readonly recoveryMemoryBytes?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/** What was replayed. */
export interface ReplayResult {
  readonly commitsApplied: number;
  /** Sequence of the last commit handed over, 0 for none. */
  readonly lastSeq: number;
  readonly bytesRead: number;
  /** What a salvage had to leave out. */
  readonly notRecovered: readonly DamageEntry[];
}

/** A buffer larger than this reads no faster. */
const BUFFER_BYTES_MAX = 8 * 2 ** 20;
/** What the buffer is of the memory of a recovery; the rest is the target's. */
const BUFFER_SHARE = 1 / 8;
const VERIFY_WINDOW_BYTES = 2 ** 20;

/**
 * Replays the chain that `scan` proved into `target`.
 *
 * @throws {WalError} ERR_WAL_IO, ERR_WAL_CORRUPT (the disk reads differently than during the scan), and whatever the
 *   target throws
 *
 * Durability: none; the target's.
 */
export async function replayLog(
  directory: Directory,
  scan: LogScan,
  target: ReplayTarget,
  options: ReplayOptions = {},
): Promise<ReplayResult> {
  const replay = new Replay(target, options);
  try {
    if (options.isNoted !== true) await replayFiles(directory, scan, replay, options);
    await target.finish?.();
    const bytesMax = bytesOf(scan.log);
    if (options.isNoted === true) options.onProgress?.({ step: 'apply', bytes: bytesMax, bytesMax });
  } catch (error) {
    await target.abandon?.();
    throw error;
  }
  const { commitsApplied, lastSeq, bytesRead, notRecovered } = replay;
  return { commitsApplied, lastSeq, bytesRead, notRecovered };
}

async function replayFiles(
  directory: Directory,
  scan: LogScan,
  replay: Replay,
  { isSalvage = false, onProgress }: ReplayOptions,
): Promise<void> {
  const bytesMax = bytesOf(scan.log);
  for (const part of scan.chain.files) {
    // Files below the checkpoint are not even opened.
    if (part.end.nextSeq - 1 <= replay.afterSeq) continue;
    const file = directory.open(part.file.name, 'read');
    try {
      for (const header of segmentsOf(file, part.file, FILE_HEADER_BYTES, part.endOffset))
        await replay.segment(file, header);
      onProgress?.({ step: 'apply', bytes: replay.bytesRead, bytesMax });
    } finally {
      file.close();
    }
  }
  if (isSalvage) await salvage(directory, scan, replay);
}

/** Headers of the segments in a range that was verified. */
export function* segmentsOf(
  file: LogFile,
  { header: home, fileNumber }: ListedFile,
  from: number,
  end: number,
): Generator<CheckedHeader, void, void> {
  for (let offset = from; offset < end; ) {
    const header = readSegmentHeader(file, offset);
    if (header === undefined || 'refused' in header || !isAtHome(header, { ...home, fileNumber }, offset)) {
      const message = `${file.name} was whole when it was verified and is not now. Check the disk.`;
      throw new WalError('ERR_WAL_CORRUPT', message, { file: file.name, offset });
    }
    yield header;
    offset += header.segmentBytes;
  }
}

class Replay {
  readonly afterSeq: number;
  readonly notRecovered: DamageEntry[] = [];
  commitsApplied = 0;
  lastSeq = 0;
  bytesRead = 0;
  readonly #throughSeq: number;
  readonly #target: ReplayTarget;
  readonly #reader: CommitReader;

  constructor(target: ReplayTarget, options: ReplayOptions) {
    const {
      afterSeq = 0,
      throughSeq = Number.POSITIVE_INFINITY,
      recoveryMemoryBytes = RECOVERY_MEMORY_BYTES,
    } = options;
    this.afterSeq = afterSeq;
    this.#throughSeq = throughSeq;
    this.#target = target;
    this.#reader = new CommitReader(Math.min(BUFFER_BYTES_MAX, recoveryMemoryBytes * BUFFER_SHARE));
  }

  async segment(file: LogFile, header: SegmentHeader): Promise<void> {
    if (header.kind !== SEGMENT_KIND.epoch || header.endSeq - 1 <= this.afterSeq) return;
    if (header.firstSeq > this.#throughSeq) return;
    this.bytesRead += header.segmentBytes;
    for (const found of this.#reader.commits(file, header)) {
      const { commitSeq } = found.frame;
      if (commitSeq <= this.afterSeq || commitSeq > this.#throughSeq) continue;
      const wait = this.#target.commit(replayCommitOf(found, header));
      // Only targets that wait cost a turn of the event loop for each commit.
      if (wait !== undefined) await wait;
      this.commitsApplied += 1;
      this.lastSeq = commitSeq;
    }
  }
}

/** A commit of the segment with this header. */
export function replayCommitOf(
  { frame, records, shapes }: SegmentCommit,
  { epoch, fileNumber }: SegmentHeader,
): PlacedCommit {
  const { commitSeq: seq, txnId, txnEpoch, beginSeq, lane, recordCount, pageCount, frameBytes: bytes } = frame;
  return { seq, epoch, txnId, txnEpoch, beginSeq, lane, recordCount, pageCount, bytes, records, fileNumber, shapes };
}

/**
 * Applies whole segments beyond the end of the chain, ascending by epoch, from the files that count.
 *
 * Each is valid on its own, but nothing proves that they belong together: whoever asks for this takes a store in which
 * commits are missing, and gets the list.
 */
async function salvage(directory: Directory, scan: LogScan, replay: Replay): Promise<void> {
  const last = scan.chain.files.at(-1);
  let { epoch, nextSeq } = last?.end ?? { epoch: 0, nextSeq: 1 };
  for (const { file: listed, epochMax } of contributingFiles(scan.log.files)) {
    if (last !== undefined && listed.fileNumber < last.file.fileNumber) continue;
    const { name, bytes, header: home } = listed;
    const file = directory.open(name, 'read');
    try {
      const window = new FileWindow(file, new Uint8Array(VERIFY_WINDOW_BYTES));
      for (const header of segmentsAnywhere(
        directory,
        listed,
        listed === last?.file ? last.endOffset : FILE_HEADER_BYTES,
      )) {
        const { fileOffset: offset, segmentBytes } = header;
        if (header.kind !== SEGMENT_KIND.epoch || header.epoch > epochMax || header.epoch <= epoch) continue;
        const entry = { file: name, epoch: header.epoch, offset, bytes: segmentBytes };
        const result =
          offset + segmentBytes > bytes
            ? { reason: 'the file ends within it' }
            : verifySegment(file, window, header, home.pageBytes);
        if ('reason' in result || header.firstSeq < nextSeq) {
          const reason = 'reason' in result ? result.reason : 'its sequences contradict those before it';
          replay.notRecovered.push({ ...entry, reason });
          continue;
        }
        if (header.epoch > epoch + 1) {
          const reason = `commits ${nextSeq} to ${header.firstSeq - 1} before this epoch are missing`;
          replay.notRecovered.push({ file: name, epoch: epoch + 1, offset, bytes: 0, reason });
        }
        await replay.segment(file, header);
        epoch = header.epoch;
        nextSeq = header.endSeq;
      }
    } finally {
      file.close();
    }
    replay.bytesRead += bytes;
  }
}

/** Headers of the segments that stand anywhere behind `from` and say that they belong there. */
function* segmentsAnywhere(
  directory: Directory,
  listed: ListedFile,
  from: number,
): Generator<CheckedHeader, void, void> {
  const { name, fileNumber, header } = listed;
  const home = { fileNumber, logId: header.logId, incarnationMin: header.incarnation };
  for (let offset = from; ; ) {
    let found: CheckedHeader | undefined;
    scanRest(directory, name, offset, home, (one) => {
      found = one;
      return true;
    });
    // Assigned in the callback, which the compiler does not see.
    const segment = found as CheckedHeader | undefined;
    if (segment === undefined) return;
    yield segment;
    offset = segment.fileOffset + segment.segmentBytes;
  }
}
