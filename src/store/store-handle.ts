// The handle of an open page store: what other threads need to reach it. Memory and plain data, so it can be put into
// workerData or a message and used any number of times.

import { invalidArgument } from '../base/errors.js';
import type { PageCacheMemory } from '../cache/cache-memory.js';
import { checkHandle, type WalHandle } from '../handle.js';

/** Reaches an open page store from another thread of the same process. Cloneable. */
export interface StoreHandle {
  readonly kind: 'lanewal-store';
  readonly wal: WalHandle;
  /** Names this opening of the store; sessions connect to it. */
  readonly key: string;
  readonly checkpointerThreadId: number;
  readonly pageFilePath: string;
  readonly logPath: string;
  readonly words: SharedArrayBuffer;
  readonly index: SharedArrayBuffer;
  readonly cache: PageCacheMemory;
  readonly latchTimeoutMs: number;
  /** What the threads count: see {@link StoreCounts}. */
  readonly counts: SharedArrayBuffer;
}

/**
 * Checks that something is a handle this code can use.
 *
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT, ERR_WAL_VERSION
 */
export function checkStoreHandle(handle: StoreHandle): StoreHandle {
  if (typeof handle !== 'object' || handle === null || handle.kind !== 'lanewal-store')
    throw invalidArgument('This is no handle of an open page store.');
  checkHandle(handle.wal);
  return handle;
}
