// How far an open log is, and waiting for it to get somewhere.

import { monotonicMs } from './base/clock.js';
import type { Control } from './epoch/control.js';
import type { MarkWaiter, WaitOptions } from './epoch/mark-waiter.js';
import { readPublishedEnd } from './epoch/sealing.js';
import type { Lane } from './lane/lane.js';

/** How far the log is. Each mark means everything up to it, and only moves forward. */
export interface Marks {
  /** Last commit published in a lane, with all before it. */
  readonly appendedSeq: number;
  /** Last commit that survives the death of the process. */
  readonly writtenSeq: number;
  /** Last commit that survives power loss; under `off` the same as written. */
  readonly durableSeq: number;
  /** Last epoch of which that is true. */
  readonly durableEpoch: number;
  /** Last epoch sealed. */
  readonly epoch: number;
}

/** Reads each mark once. */
export function readMarks(control: Control, lanes: readonly Lane[]): Marks {
  const appendedSeq = readPublishedEnd(control.commitSeqNext, lanes) - 1;
  const durableSeq = control.durableSeq.load();
  const durableEpoch = control.durableEpoch.load();
  const writtenSeq = control.writtenSeq.load();
  const epoch = control.sealedEpoch.load();
  return { appendedSeq, writtenSeq, durableSeq, durableEpoch, epoch };
}

/** Resolves when an epoch is durable. */
export async function epochDurable(
  control: Control,
  durable: MarkWaiter,
  epoch: number,
  { timeoutMs, signal }: WaitOptions,
): Promise<void> {
  const deadlineMs = timeoutMs === undefined ? undefined : monotonicMs() + timeoutMs;
  while (control.durableEpoch.load() < epoch) {
    const leftMs = deadlineMs === undefined ? undefined : Math.max(0, deadlineMs - monotonicMs());
    // Whichever commit is next brings the next epoch.
    await durable.wait(control.durableSeq.load() + 1, { timeoutMs: leftMs, signal });
  }
}
