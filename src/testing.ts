// The public test kit: directories that are no file system, and a log that runs on them in one thread.

import type { Directory } from './storage/directory.js';
import { NodeDirectory } from './storage/node-directory.js';
import { EventLoopHold } from './thread/keep-alive.js';
import { type OpenOptions, Wal } from './wal.js';

export type { Directory, LogFile, OpenMode } from './storage/directory.js';
export { MemoryDirectory } from './storage/memory-directory.js';
export type { CrashPoint, CrashState, CrashStateOptions } from './storage/simulated-crash.js';
export {
  type DiskOperation,
  SimulatedDirectory,
  type SimulatedDiskOptions,
} from './storage/simulated-directory.js';
export { type Fault, type OperationKind, SimulatedCrash } from './storage/simulated-fault.js';
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
