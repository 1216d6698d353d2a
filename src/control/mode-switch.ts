// Changing the mode of a running log (design/concurrency.md, "Mode switch"). Only the flusher's thread may use it.

import type { Control } from '../epoch/control.js';
import { GUARD_IDLE, type Lane } from '../lane/lane.js';
import type { Mode } from '../settings.js';

/** A guard of somebody who may be on the path of the mode before. */
export interface HeldGuard {
  readonly lane: Lane;
  readonly guard: number;
}

/**
 * Changes the mode, and returns how to ask who may still be on the path of the old one; nobody any more is for ever.
 *
 * A guard that is set now belongs to a writer that may have seen the old mode. The guards of a lane only grow, so one
 * that has changed is a later append's, which saw the new mode (M2). The guard of a dead writer goes when it is reaped.
 */
export function switchMode(control: Control, lanes: readonly Lane[], mode: Mode): () => readonly HeldGuard[] {
  control.mode = mode;
  // M2: behind the store of the mode.
  const seen = lanes.map((lane) => ({ lane, guard: lane.guard.load() }));
  let held = seen.filter(({ guard }) => guard !== GUARD_IDLE);
  return () => {
    held = held.filter(({ lane, guard }) => lane.guard.load() === guard);
    return held;
  };
}

/**
 * Resolves when nobody is on the old way. A writer is behind its guard for microseconds, or it is preempted, or dead
 * and about to be reaped.
 *
 * @param check - throws when the log has ended, and nobody is reaped any more
 */
export async function untilPassed(heldGuards: () => readonly HeldGuard[], check: () => void): Promise<void> {
  while (heldGuards().length > 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    check();
  }
}
