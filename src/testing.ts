// The public test kit: directories that are no file system, and a log that runs on them in one thread.

import type { Directory } from './storage/directory.js';
import { NodeDirectory } from './storage/node-directory.js';
import { openStoreOn, type StoreOptions } from './store/open.js';
import type { PageStore } from './store/page-store.js';
import { EventLoopHold } from './thread/keep-alive.js';
import { type OpenOptions, Wal } from './wal.js';

export type { Directory, LogFile, OpenMode } from './storage/directory.js';
export {
  type DirectoryCheck,
  type DirectoryTraits,
  directoryContract,
  type MakeDirectory,
} from './storage/directory-contract.js';
export { MemoryDirectory, type MemoryDirectoryOptions } from './storage/memory-directory.js';
export type { CrashPoint, CrashState, CrashStateOptions } from './storage/simulated-crash.js';
export {
  type DiskOperation,
  SimulatedDirectory,
  type SimulatedDiskOptions,
} from './storage/simulated-directory.js';
export { type Fault, type OperationKind, SimulatedCrash } from './storage/simulated-fault.js';
export { openTypedLogOn } from './typed/open.js';
export { replayEntriesOn } from './typed/replay.js';
export { NodeDirectory };

/**
 * Opens a log over any directory, with its flusher on this thread: the same code as in production, in one thread.
 *
 * Blocking waits (`waitDurable`) would wait for themselves: use the promises.
 *
 * @throws {WalError} as `openWal`, but for ERR_WAL_LOCKED: the caller sees to it that nobody else has the directory
 */
export function openWalOn(directory: Directory, options: OpenOptions = {}): Promise<Wal> {
  const lock = { release: (): void => undefined };
  return new EventLoopHold().during(Wal.open({ directory, lock: () => lock, isThreaded: false }, options));
}

/** Name of the page file that {@link openPageStoreOn} keeps beside the log. */
export const PAGE_FILE_NAME = 'pages';

/**
 * Opens a page store over any directory, in which log and page file are side by side, with flusher and checkpointer on
 * this thread: the same code as in production, in one thread.
 *
 * Whatever blocks would wait for itself: use `store.transaction` and promises, with a cache and lanes that are large
 * enough.
 *
 * @throws {WalError} as `openPageStore`, but for ERR_WAL_LOCKED: the caller sees to it that nobody else has the
 *   directory
 */
export function openPageStoreOn(directory: Directory, options: StoreOptions = {}): Promise<PageStore> {
  const lock = { release: (): void => undefined };
  const place = { log: directory, pages: directory, pageFileName: PAGE_FILE_NAME, lock: () => lock, isThreaded: false };
  return new EventLoopHold().during(openStoreOn(place, options));
}
