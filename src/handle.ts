// The handle: what other threads need to reach an open log. Memory and plain data, so it can be put into workerData
// or a message and used any number of times.

import { invalidArgument, WalError } from './base/errors.js';
import { MEMORY_VERSION } from './epoch/control.js';

/** Reaches an open log from another thread of the same process. Cloneable. */
export interface WalHandle {
  readonly kind: 'lanewal';
  /** Layout of the shared memory: both threads must run the same version of this package. */
  readonly memoryVersion: number;
  /** Names this opening of the log; writers connect to it. */
  readonly key: string;
  readonly flusherThreadId: number;
  readonly control: SharedArrayBuffer;
  readonly telemetry: SharedArrayBuffer;
  /** Names this opening of the log in its trace. */
  readonly traceId: string;
  readonly lanes: readonly SharedArrayBuffer[];
  readonly frameSeed: number;
  readonly shadowComparePerMille: number;
  readonly pageSize: number;
  readonly maxJumboBytes: number;
  readonly maxParallelCommitBytes: number;
  /** As set by option or environment; undefined means the default of the thread. */
  readonly appendTimeoutMs: number | undefined;
}

/**
 * Checks that something is a handle this code can use.
 *
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT, ERR_WAL_VERSION
 */
export function checkHandle(handle: WalHandle): WalHandle {
  const isHandle = typeof handle === 'object' && handle !== null && handle.kind === 'lanewal';
  if (!isHandle || !(handle.control instanceof SharedArrayBuffer))
    throw invalidArgument('This is no handle of an open log.');
  if (handle.memoryVersion === MEMORY_VERSION) return handle;
  throw new WalError('ERR_WAL_VERSION', 'The handle comes from another version of this package.', {
    memoryVersion: handle.memoryVersion,
    known: MEMORY_VERSION,
  });
}
