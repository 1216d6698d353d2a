// Everything that crosses threads around the flusher, as plain data: what it is started with, what its owner asks and
// hears, what writers send, and the handle with which other threads reach it.

import type { WireError } from '../base/errors.js';
import type { Fallback, FallbackReason } from '../epoch/mode.js';
import type { Jumbo } from '../lane/lane-writer.js';
import type { StoreIdentity } from '../log/checkpoint-record.js';
import type { LogStart } from '../log/log-writer.js';
import type { TraceRecord } from '../observe/trace.js';
import type { Mode, SyncMethod } from '../settings.js';
import type { WorkerUrls } from '../thread/worker-files.js';
import type { ArchiveStart } from './archive-hold.js';
import type { CheckpointReason } from './checkpoint-need.js';
import type { FlusherSettings } from './flusher.js';
import type { CheckpointStart, KeptBy } from './retention.js';

/** What the flusher's thread is started with. */
export interface FlusherStart {
  /** Path of the log directory; not used when the flusher runs inline on a directory that it is given. */
  readonly directoryPath: string;
  readonly workerUrls: WorkerUrls;
  /** Ports of writers are sent to this key. */
  readonly key: string;
  readonly control: SharedArrayBuffer;
  readonly telemetry: SharedArrayBuffer;
  /** Names this opening of the log in its trace. */
  readonly traceId: string;
  /** Where a controller shows its decisions; undefined for a log without one. */
  readonly decisions: SharedArrayBuffer | undefined;
  readonly lanes: readonly SharedArrayBuffer[];
  readonly logStart: LogStart;
  readonly checkpoint: CheckpointStart;
  readonly settings: FlusherSettings & {
    readonly logFileBytes: number;
    readonly maxLogBytes: number;
    readonly checkpointBytes: number;
    readonly logFileAgeMs: number;
    readonly spareFilesMax: number;
    readonly syncMethod: SyncMethod;
    readonly mode: Mode;
    readonly shadowComparePerMille: number;
    readonly shadowDirect: boolean;
  };
  /** Why the log was left conservative by an earlier opening, or is by this one. */
  readonly latched: Fallback;
  readonly isTicking: boolean;
  /** Undefined for a log without an archive. */
  readonly archive: ArchiveStart | undefined;
}

/** The key under which threads that checkpoint reach the flusher of the log `key`. */
export function requestsKey(key: string): string {
  return `${key}:requests`;
}

/** What the owner, or a thread that checkpoints, asks of the flusher. */
export type FlusherRequest =
  | { readonly kind: 'flush' }
  | { readonly kind: 'close' }
  | { readonly kind: 'ticker'; readonly isTicking: boolean }
  | { readonly kind: 'mode'; readonly mode: Mode }
  | { readonly kind: 'resumeAuto' }
  | { readonly kind: 'checkpoint'; readonly throughSeq: number; readonly store?: StoreIdentity | undefined }
  /** To go on in a new file, if the current one holds anything. */
  | { readonly kind: 'rotate' }
  /** Whether files are asked about before they go. */
  | { readonly kind: 'observe'; readonly isObserving: boolean }
  /** What the observers say about a file. */
  | { readonly kind: 'observed'; readonly fileNumber: number; readonly mayGo: boolean }
  | { readonly kind: 'files' };

/** What the flusher tells its owner, and threads that checkpoint, unasked. */
export type FlusherNotice =
  /** What was done while somebody listens to the trace, in order. Owner only. */
  | { readonly kind: 'traced'; readonly records: readonly TraceRecord[] }
  | { readonly kind: 'checkpointWanted'; readonly reason: CheckpointReason }
  /** The log has left a file for the next one. */
  | { readonly kind: 'rotated'; readonly file: LogFileInfo }
  /** The observers are asked whether the files may go. */
  | { readonly kind: 'mayGo'; readonly files: readonly LogFileInfo[] }
  /** Log files are held back, or the archive could not be pruned. */
  | { readonly kind: 'archiveFailing'; readonly error: WireError }
  | { readonly kind: 'archiveResumed' }
  | { readonly kind: 'stalled'; readonly error: WireError }
  | { readonly kind: 'resumed' }
  | { readonly kind: 'fallback'; readonly reason: FallbackReason; readonly message: string }
  | { readonly kind: 'failed'; readonly error: WireError };

/** One log file of an open log. */
export interface LogFileInfo {
  readonly fileNumber: number;
  readonly name: string;
  readonly bytes: number;
  /** First sequence that is not in this file or one before it. */
  readonly endSeq: number;
  readonly isCurrent: boolean;
  /** Who needs it, or the file in front of it; `none` when the next checkpoint lets it go. */
  readonly keptBy: KeptBy;
}

/** The first message on a writer's port. */
export interface WriterWelcome {
  readonly writerId: number;
  readonly laneIndex: number;
}

/** What a writer sends to the flusher. */
export type WriterMessage =
  | (Jumbo & { readonly kind: 'jumbo' })
  | { readonly kind: 'dropJumbo'; readonly jumboId: number };
