// The bounds of a wait, as callers give them: checked, and turned into a timer.

import { invalidArgument } from './errors.js';

/** Bounds of a wait without blocking. */
export interface WaitOptions {
  /** Milliseconds; without it the wait has no bound of its own. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The longest period of a timer, 24 days; Node ends a longer one at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * Checks the bounds of a wait: not a number would mean for ever, or at once.
 *
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT
 */
export function checkWaitBounds({ timeoutMs, signal }: WaitOptions): void {
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs >= 0)) {
    throw invalidArgument('timeoutMs must be a number of milliseconds, from 0.', { timeoutMs: String(timeoutMs) });
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalidArgument('signal must be an AbortSignal.');
}

/** Calls back when the time is over; a bound that no timer can hold, Infinity among them, is none. */
export function startTimer(timeoutMs: number | undefined, onOver: () => void): NodeJS.Timeout | undefined {
  return timeoutMs === undefined || timeoutMs > TIMER_MS_MAX ? undefined : setTimeout(onOver, timeoutMs);
}
