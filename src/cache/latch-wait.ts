// Waiting for a latch: attempts, and sleep between them, without losing a wake-up (design/page-cache.md, "Waiting").

import { monotonicMs } from '../base/clock.js';
import type { WalError } from '../base/errors.js';
import { NO_FRAME } from './frame-sets.js';
import type { SessionTurn } from './session-turn.js';

interface WaitPlan {
  /** Attempts are repeated after this many milliseconds even if nobody announces anything. */
  readonly lookAgainMs?: number;
  readonly awaitEvictable?: (leftMs: number) => void;
}

/**
 * Attempts until a frame is had, and sleeps on the turn in between.
 *
 * @param first - the answer of the attempt that the caller has made
 * @param attempt - told how long the caller has waited; answers a frame or one of {@link NO_FRAME}
 * @param refuse - the error when the time is over, or when waiting cannot help
 */
export function attemptWithin(
  first: number,
  turn: SessionTurn,
  bit: number,
  timeoutMs: number,
  attempt: (waitedMs: number) => number,
  refuse: (answer: number) => WalError,
  { lookAgainMs = Number.POSITIVE_INFINITY, awaitEvictable = () => undefined }: WaitPlan = {},
): number {
  const startMs = monotonicMs();
  let isEntered = false;
  let seen = 0;
  try {
    for (let answer = first, waitedMs = 0; ; ) {
      const leftMs = timeoutMs - waitedMs;
      if (!isMoving(answer)) {
        if (leftMs <= 0 || answer === NO_FRAME.full || answer === NO_FRAME.deadlocked) throw refuse(answer);
        if (answer === NO_FRAME.unwritten) awaitEvictable(leftMs);
        else if (isEntered) turn.wait(seen, waitedMs < lookAgainMs ? Math.min(leftMs, lookAgainMs) : leftMs);
        else {
          turn.enter(bit);
          isEntered = true;
        }
      }
      // Behind `enter` and in front of the attempt: whatever moves from here on moves the turn, too (K4).
      if (isEntered) seen = turn.load();
      waitedMs = monotonicMs() - startMs;
      answer = attempt(waitedMs);
      if (answer >= 0) return answer;
    }
  } finally {
    if (isEntered) turn.leave(bit);
  }
}

/** Whether to look again at once, because what is asked for can be had or has just moved. */
function isMoving(answer: number): boolean {
  return answer === NO_FRAME.missing || answer === NO_FRAME.again;
}
