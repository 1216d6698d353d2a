// Several tortures side by side, until there were kills or time enough, or one went wrong.

import { monotonicMs } from '../../base/clock.js';

/** How long it goes on. */
export interface JobBounds<Tally> {
  readonly jobs: number;
  readonly kills: number;
  readonly seconds: number;
  onProgress(tally: Tally): void;
}

/** What is counted while it does. */
interface Progress {
  readonly kills: number;
  readonly failures: readonly unknown[];
  seconds: number;
}

/**
 * Tortures one subject after the other in each job.
 *
 * @param torture - one subject, by its name, which no other one has; looks itself whether all is over
 */
export async function runJobs<Tally extends Progress>(
  bounds: JobBounds<Tally>,
  tally: Tally,
  torture: (name: string, isOver: () => boolean) => Promise<void>,
): Promise<void> {
  const startedMs = monotonicMs();
  const isOver = (): boolean => {
    tally.seconds = (monotonicMs() - startedMs) / 1000;
    bounds.onProgress(tally);
    return tally.kills >= bounds.kills || tally.seconds >= bounds.seconds || tally.failures.length > 0;
  };
  const jobs = Array.from({ length: bounds.jobs }, async (_, job) => {
    for (let count = 1; !isOver(); count += 1) await torture(`${job + 1}-${count}`, isOver);
  });
  await Promise.all(jobs);
}
