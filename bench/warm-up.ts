// Warm code. In the first thousands of its commits a thread runs code that is not compiled yet: eight waiting writers
// commit half as fast there as behind them. So before anything is measured every thread commits so often, the same for
// all that are compared, and the rounds that count run on the same threads and files.

import type { RoundPlan } from './log-writer.js';

/**
 * Of each writer; the seconds are for peers whose disk or lock is slow: theirs is native code, as fast from the first
 * commit on.
 */
export const WARM = { commits: 5000, seconds: 4 } as const;

/**
 * Warms up the writers of a log and its flusher: first each writer waits for each of its commits, which makes an epoch
 * of every few; then they do what is to be measured.
 */
export async function warmUp(
  run: (plan: RoundPlan) => Promise<unknown>,
  plan: Omit<RoundPlan, 'seconds' | 'commits'>,
): Promise<void> {
  await run({ kind: 'wait', pages: plan.pages, ...WARM });
  if (plan.kind !== 'wait') await run({ ...plan, ...WARM });
}
