// placeholder, body follows
import type { DecodedRecord } from '../record/codec.js';
/** One commit of the log, in sequence order. */
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
  /** The records in order. Views are valid until the next record is asked for; may be run once, or not at all. */
  records(): IterableIterator<DecodedRecord>;
}

/** Takes commits in sequence order. */
export interface ReplayTarget {
  commit(commit: ReplayCommit): void | Promise<void>;
}
