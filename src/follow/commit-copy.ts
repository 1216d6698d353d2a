// Commits of a segment as values of their own: copied out of the buffers and files they were read from, in batches, so
// that one look at the file proves a whole batch.

import type { DecodedRecord } from '../record/codec.js';
import type { CommitReader, SegmentCommit } from '../segment/commit-reader.js';
import type { FollowedSegment } from './log-follower.js';

/** One durable commit; it shares no memory with anything. */
export interface DurableCommit {
  readonly seq: number;
  readonly epoch: number;
  readonly txnId: number | bigint;
  readonly txnEpoch: number | bigint;
  readonly beginSeq: number;
  readonly lane: number;
  /** When its epoch was written, in milliseconds since 1970: informational, the order is that of `seq`. */
  readonly wallClockMs: number;
  /** In order: sizes first. */
  readonly records: readonly DecodedRecord[];
}

const BATCH_COMMITS_MAX = 256;
const BATCH_BYTES_MAX = 2 ** 20;

/**
 * The commits of a segment from `fromSeq` on, at most `countMax`, a few at a time.
 *
 * @param check - called behind the reading of each batch; throws when the bytes were not the segment's
 */
export function* copiedCommits(
  reader: CommitReader,
  { file, header }: FollowedSegment,
  fromSeq: number,
  countMax: number,
  check: () => void,
): Generator<readonly DurableCommit[], void, void> {
  let batch: DurableCommit[] = [];
  let bytes = 0;
  let left = countMax;
  for (const commit of reader.commits(file, header)) {
    if (commit.frame.commitSeq < fromSeq) continue;
    if (left === 0) break;
    left -= 1;
    batch.push(copyOf(commit, header));
    bytes += commit.frame.frameBytes;
    if (batch.length < BATCH_COMMITS_MAX && bytes < BATCH_BYTES_MAX) continue;
    check();
    yield batch;
    batch = [];
    bytes = 0;
  }
  check();
  if (batch.length > 0) yield batch;
}

function copyOf({ frame, records }: SegmentCommit, header: FollowedSegment['header']): DurableCommit {
  const { commitSeq: seq, txnId, txnEpoch, beginSeq, lane } = frame;
  const { epoch, wallClockMs } = header;
  return { seq, epoch, txnId, txnEpoch, beginSeq, lane, wallClockMs, records: Array.from(records(), recordCopy) };
}

function recordCopy(record: DecodedRecord): DecodedRecord {
  if (record.kind === 'page') return { ...record, image: record.image.slice(), before: record.before?.slice() };
  return record.kind === 'operation' ? { ...record, bytes: record.bytes.slice() } : record;
}
