// Errors that a simulated disk is told to give, and the crash that ends its process. Not here: what the disk does
// besides.

import { attempt as attemptCall, attemptSync as attemptSyncCall } from './system-call.js';

/** What is done to a directory or to one of its files. One of the kinds is one system call. */
export type OperationKind =
  | 'createDirectory'
  | 'list'
  | 'create'
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'size'
  | 'truncate'
  | 'close'
  | 'rename'
  | 'remove'
  | 'syncDirectory';

/** Which operations fail, and how. */
export interface Fault {
  readonly on: OperationKind | readonly OperationKind[];
  /** The system error's name, such as `EIO`. ENOSPC and EDQUOT mean that the disk is full. */
  readonly errno: string;
  /** Only files whose name matches; default any. A directory as a whole has the name ''. */
  readonly name?: RegExp | undefined;
  /** The first of these operations from now on that fails; default 1, the next one. */
  readonly from?: number | undefined;
  /** How many fail from there on; default all. */
  readonly times?: number | undefined;
}

/** The faults in force. */
export class Faults {
  /** Operations that failed so far. */
  count = 0;
  #active: { readonly fault: Fault; readonly kinds: ReadonlySet<OperationKind>; met: number }[] = [];

  add(fault: Fault): void {
    this.#active.push({ fault, kinds: new Set([fault.on].flat()), met: 0 });
  }

  clear(): void {
    this.#active = [];
  }

  /** Throws what the system would; every fault that matches counts the operation. */
  meet(kind: OperationKind, name: string): void {
    let errno: string | undefined;
    for (const active of this.#active) {
      const { from = 1, times = Number.POSITIVE_INFINITY, name: pattern } = active.fault;
      if (!active.kinds.has(kind) || pattern?.test(name) === false) continue;
      active.met += 1;
      if (active.met >= from && active.met < from + times) errno ??= active.fault.errno;
    }
    if (errno === undefined) return;
    this.count += 1;
    throw systemError(errno, `${kind} ${name}`.trim());
  }
}

/** An error as the system gives it. */
export function systemError(errno: string, doing: string): Error {
  return Object.assign(new Error(`${errno}: simulated, ${doing}`), { code: errno });
}

/** Thrown at the operation a simulated directory was told to crash at, and at every one after it. */
export class SimulatedCrash extends Error {
  override readonly name = 'SimulatedCrash';
}

function throughCrash<A extends readonly unknown[], T>(
  run: (doing: string, path: string, operation: () => T, ...more: A) => T,
): (doing: string, path: string, operation: () => T, ...more: A) => T {
  return (doing, path, operation, ...more) => {
    let crash: SimulatedCrash | undefined;
    const watched = (): T => {
      try {
        return operation();
      } catch (error) {
        if (error instanceof SimulatedCrash) crash = error;
        throw error;
      }
    };
    try {
      return run(doing, path, watched, ...more);
    } catch (error) {
      throw crash ?? error;
    }
  };
}

/** {@link attemptCall}, but a crash is no error of the system. */
export const attempt = throughCrash(attemptCall);
/** {@link attemptSyncCall}, but a crash is no error of the system. */
export const attemptSync = throughCrash(attemptSyncCall);
