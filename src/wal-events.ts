// What an open log tells its owner: marks when asked, events unasked.

import type { WalError } from './base/errors.js';
import type { CheckpointReason } from './flusher/checkpoint-need.js';

/** How far the log is. Each mark means everything up to it, and only moves forward. */
export interface Marks {
  /** Last commit published in a lane, with all before it. */
  readonly appendedSeq: number;
  /** Last commit that survives the death of the process. */
  readonly writtenSeq: number;
  /** Last commit that survives power loss; under `off` the same as written. */
  readonly durableSeq: number;
  /** Last epoch of which that is true. */
  readonly durableEpoch: number;
  /** Last epoch sealed. */
  readonly epoch: number;
}

/** Events of an open log, with their arguments. */
export interface WalEvents {
  /** The disk is full, or the log is at its bound; commits are taken while the lanes have room. */
  stalled: [error: WalError];
  resumed: [];
  failed: [error: WalError];
  /** Log files are held back, which is tried again and told once until `archiveResumed`; or a pruning failed. */
  archiveFailing: [error: WalError];
  archiveResumed: [];
  /** So much was written since the last checkpoint, or the log nears its bound: what is attached is checkpointed. */
  checkpointWanted: [reason: CheckpointReason];
  /** That checkpoint failed; it is tried again with the next need. */
  checkpointFailed: [error: WalError];
}
