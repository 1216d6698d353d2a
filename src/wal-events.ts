// What an open log tells its owner unasked.

import type { WalError } from './base/errors.js';
import type { FallbackReason } from './epoch/mode.js';
import type { CheckpointReason } from './flusher/checkpoint-need.js';
import type { LogFileInfo } from './flusher/messages.js';

/** Events of an open log, with their arguments. */
export interface WalEvents {
  /** The disk is full, or the log is at its bound; commits are taken while the lanes have room. */
  stalled: [error: WalError];
  resumed: [];
  failed: [error: WalError];
  /** The log has gone on in a new file; this one is closed, and may be archived. */
  rotated: [file: LogFileInfo];
  /** The log is conservative from here on, until `wal.resumeAuto()`. */
  fallback: [reason: FallbackReason, message: string];
  /** Log files are held back, which is tried again and told once until `archiveResumed`; or a pruning failed. */
  archiveFailing: [error: WalError];
  archiveResumed: [];
  /** So much was written since the last checkpoint, or the log nears its bound: what is attached is checkpointed. */
  checkpointWanted: [reason: CheckpointReason];
  /** That checkpoint failed; it is tried again with the next need. */
  checkpointFailed: [error: WalError];
}
