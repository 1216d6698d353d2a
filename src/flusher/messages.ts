// Everything that crosses threads around the flusher, as plain data: what it is started with, what its owner asks and
// hears, what writers send, and the handle with which other threads reach it.

import type { WireError } from '../base/errors.js';
import type { LogStart } from '../log/log-writer.js';
import type { WorkerUrls } from '../thread/worker-files.js';
import type { FlusherSettings } from './flusher.js';

/** What the flusher's thread is started with. */
export interface FlusherStart {
  /** Path of the log directory; not used when the flusher runs inline on a directory that it is given. */
  readonly directoryPath: string;
  readonly workerUrls: WorkerUrls;
  /** Ports of writers are sent to this key. */
  readonly key: string;
  readonly control: SharedArrayBuffer;
  readonly lanes: readonly SharedArrayBuffer[];
  readonly logStart: LogStart;
  /** The newest checkpoint record; zeros when there is none. */
  readonly checkpoint: { readonly generation: number; readonly throughSeq: number };
  readonly settings: FlusherSettings & { readonly logFileBytes: number };
  readonly isTicking: boolean;
}

/** What the owner asks of the flusher. */
export type FlusherRequest =
  | { readonly kind: 'flush' }
  | { readonly kind: 'close' }
  | { readonly kind: 'ticker'; readonly isTicking: boolean }
  | { readonly kind: 'checkpoint'; readonly throughSeq: number }
  | { readonly kind: 'files' };

/** What the flusher tells its owner unasked. */
export type FlusherNotice =
  | { readonly kind: 'stalled'; readonly error: WireError }
  | { readonly kind: 'resumed' }
  | { readonly kind: 'failed'; readonly error: WireError };

/** One log file of an open log. */
export interface LogFileInfo {
  readonly fileNumber: number;
  readonly name: string;
  readonly bytes: number;
  /** First sequence that is not in this file or one before it. */
  readonly endSeq: number;
  readonly isCurrent: boolean;
}

/** The first message on a writer's port. */
export interface WriterWelcome {
  readonly writerId: number;
  readonly laneIndex: number;
}

/** What a writer sends to the flusher. */
export type WriterMessage =
  | { readonly kind: 'jumbo'; readonly jumboId: number; readonly frame: SharedArrayBuffer }
  | { readonly kind: 'dropJumbo'; readonly jumboId: number };
