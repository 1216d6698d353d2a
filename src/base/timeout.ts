// A bound on how long somebody waits for work that goes on regardless.

/**
 * Settles like `work`, or rejects with `timedOut()` after `timeoutMs`; undefined means no bound.
 *
 * The work is not cancelled; a later rejection of it is not reported again.
 */
export async function withTimeout<T>(
  work: Promise<T>,
  timeoutMs: number | undefined,
  timedOut: () => Error,
): Promise<T> {
  if (timeoutMs === undefined) return work;
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(timedOut()), timeoutMs);
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, bound]);
  } finally {
    clearTimeout(timer);
  }
}
