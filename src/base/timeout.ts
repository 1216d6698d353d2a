// A bound on how long somebody waits for work that goes on regardless.

import { checkWaitBounds, startTimer } from './wait-bounds.js';

/**
 * Settles like `work`, or rejects with `timedOut()` after `timeoutMs`; undefined means no bound.
 *
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT for a bound that is no number of milliseconds
 *
 * The work is not cancelled; a later rejection of it is not reported again.
 */
export async function withTimeout<T>(
  work: Promise<T>,
  timeoutMs: number | undefined,
  timedOut: () => Error,
): Promise<T> {
  checkWaitBounds({ timeoutMs });
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<never>((_, reject) => {
    timer = startTimer(timeoutMs, () => reject(timedOut()));
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, bound]);
  } finally {
    clearTimeout(timer);
  }
}
