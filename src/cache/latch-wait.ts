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
 * @param attempt - told how long the caller has waited; answers a frame or one of {@link NO_FRAME}
 * @param refuse - the error when the time is over, or when waiting cannot help
 */
export function attemptWithin(
  turn: SessionTurn,
  bit: number,
  timeoutMs: number,
  attempt: (waitedMs: number) => number,
  refuse: (answer: number) => WalError,
  { lookAgainMs = Number.POSITIVE_INFINITY, awaitEvictable = () => undefined }: WaitPlan = {},
): number {
  const startMs = monotonicMs();
  let isEntered = false;
  try {
    for (let waitedMs = 0; ; waitedMs = monotonicMs() - startMs) {
      const seen = turn.load();
      const answer = attempt(waitedMs);
      if (answer >= 0) return answer;
      if (answer === NO_FRAME.again) continue;
      const leftMs = timeoutMs - waitedMs;
      if (leftMs <= 0 || answer === NO_FRAME.full || answer === NO_FRAME.deadlocked) throw refuse(answer);
      if (answer === NO_FRAME.unwritten) awaitEvictable(leftMs);
      else if (isEntered) turn.wait(seen, waitedMs < lookAgainMs ? Math.min(leftMs, lookAgainMs) : leftMs);
      else {
        // The next attempt is behind the load of the turn that follows: from here on no announcement is missed (K4).
        turn.enter(bit);
        isEntered = true;
      }
    }
  } finally {
    if (isEntered) turn.leave(bit);
  }
}
