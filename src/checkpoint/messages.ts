// Everything that crosses threads around the checkpointer, as plain data: what it is started with, what sessions and
// the owner ask and hear.

import type { WireError } from '../base/errors.js';
import type { PageCacheMemory } from '../cache/cache-memory.js';

/** What the checkpointer's thread is started with. */
export interface CheckpointerStart {
  /** Path of the log directory; not used when it runs inline on directories that it is given. */
  readonly logPath: string;
  readonly pageFilePath: string;
  /** Ports of sessions are sent to this key. */
  readonly key: string;
  readonly control: SharedArrayBuffer;
  readonly words: SharedArrayBuffer;
  readonly index: SharedArrayBuffer;
  readonly cache: PageCacheMemory;
  /** Of the log: where its flusher takes requests. */
  readonly flusherThreadId: number;
  readonly walKey: string;
  /** What the page file holds: the last checkpoint. */
  readonly checkpoint: CheckpointMark;
  readonly settings: CheckpointerSettings;
}

/** Settings that the checkpointer goes by; see the table of settings. */
export interface CheckpointerSettings {
  readonly pageSize: number;
  readonly fsync: 'full' | 'normal' | 'off';
  readonly maxLogBytes: number;
  readonly checkpointBytes: number;
  readonly checkpointIntervalMs: number;
  readonly checkpointBytesPerSecond: number;
}

/** A page file that is complete as of a sequence. */
export interface CheckpointMark {
  readonly throughSeq: number;
  readonly sizePages: number;
}

/**
 * How far a checkpoint goes. `passive`: as far as snapshots and backups allow now; `full`: everything appended before
 * the call, waiting until they allow it; `truncate`: the same, and no older log file is left that nobody else needs.
 */
export type CheckpointMode = 'passive' | 'full' | 'truncate';

/** What a checkpoint did. */
export interface CheckpointReport {
  /** The page file holds every commit up to this one, synced. */
  readonly throughSeq: number;
  readonly pagesWritten: number;
  readonly bytesWritten: number;
  readonly durationMs: number;
}

/** What sessions and the owner ask of the checkpointer. */
export type CheckpointerRequest =
  /** Answered with the {@link SizesAt} of a sequence, once everything through it is indexed. */
  | { readonly kind: 'index'; readonly seq: number }
  | { readonly kind: 'checkpoint'; readonly mode: CheckpointMode; readonly timeoutMs: number | undefined }
  /** The page file is this log's: checkpoints may be taken from here on. Owner only. */
  | { readonly kind: 'begin' }
  /** Takes a last checkpoint, whatever comes of it, and writes nothing any more. Owner only. */
  | { readonly kind: 'close' }
  /** Owner only; the log has ended. */
  | { readonly kind: 'end' };

/** Sizes of the store in pages. */
export interface SizesAt {
  /** As of the sequence that was asked for. */
  readonly sizePages: number;
  /** The largest since the last checkpoint. */
  readonly largestPages: number;
}

/** What the checkpointer tells its owner unasked. */
export type CheckpointerNotice =
  | { readonly kind: 'checkpoint'; readonly report: CheckpointReport }
  | { readonly kind: 'checkpointFailed'; readonly error: WireError };

/** The first message on a session's port. */
export type SessionWelcome = { readonly session: number } | { readonly error: WireError };
