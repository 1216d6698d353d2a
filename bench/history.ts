// What a commit costs with a long history of the log behind it, beside a fresh log: two logs that differ in nothing
// else, in turns. Neither is checkpointed, so nothing of the history ever goes.

import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { openWal, type Wal } from '../src/index.js';
import { inDirectory, pointAt, quiet, ratios, round, summary } from './harness.js';
import type { RoundPlan } from './log-writer.js';
import type { BenchResult } from './result.js';
import { type LogRound, Writers } from './writers.js';

const WRITERS = 2;
const GIB = 2 ** 30;
/** Of the disk's free space that a history may take. */
const SPACE_SHARE = 0.4;

/** How much is done. */
export interface HistoryCase {
  readonly historyBytes: number;
  readonly rounds: number;
  readonly seconds: number;
}

export async function benchHistory(parent: string, given: HistoryCase): Promise<BenchResult> {
  return inDirectory(parent, async (directory) => {
    const disk = statfsSync(directory);
    const historyBytes = Math.min(given.historyBytes, disk.bavail * disk.bsize * SPACE_SHARE);
    const options = { fsync: 'full', lanes: WRITERS, maxLogBytes: 2 ** 42 } as const;
    await using fresh = await openWal(join(directory, 'fresh'), options);
    await using old = await openWal(join(directory, 'old'), options);
    const [freshWriters, oldWriters] = await Promise.all([Writers.start(fresh, WRITERS), Writers.start(old, WRITERS)]);
    await grow(old, oldWriters, historyBytes);
    const plan: RoundPlan = { kind: 'wait', seconds: given.seconds, pages: 1 };
    const before = old.counters();
    const costs = { fresh: [] as number[], old: [] as number[] };
    const cost = (run: LogRound): number => 1e6 / run.commitsPerSecond;
    // Behind a round that warms up.
    for (let index = 0; index <= given.rounds; index += 1) {
      await quiet();
      const isFreshFirst = index % 2 === 0;
      const first = await (isFreshFirst ? freshWriters : oldWriters).run(plan);
      const second = await (isFreshFirst ? oldWriters : freshWriters).run(plan);
      if (index === 0) continue;
      costs.fresh.push(cost(isFreshFirst ? first : second));
      costs.old.push(cost(isFreshFirst ? second : first));
    }
    await Promise.all([freshWriters.stop(), oldWriters.stop()]);
    const gib = `${round(before.bytesWritten / GIB, 1)} GiB, ${before.epochs} epochs`;
    return {
      comparisons: [
        {
          id: 'history',
          what: `behind ${gib}`,
          beside: 'a fresh log',
          unit: 'µs a commit',
          value: summary(costs.old),
          besideValue: summary(costs.fresh),
          ratio: ratios(costs.old, costs.fresh),
        },
      ],
      plots: [
        {
          id: 'history',
          title: 'Cost of a commit with a history behind it',
          caption: `${WRITERS} writers, one page a commit, each waits; neither log is ever checkpointed.`,
          kind: 'bars',
          x: { label: '', scale: 'linear' },
          y: { label: 'µs a commit', scale: 'linear' },
          series: [
            { name: 'fresh log', points: [pointAt('cost', costs.fresh)], isReference: true },
            { name: `behind ${gib}`, points: [pointAt('cost', costs.old)] },
          ],
        },
      ],
      notes:
        historyBytes < given.historyBytes
          ? [`History: ${gib}, because the disk has no room for ${given.historyBytes / GIB} GiB.`]
          : [],
      figures: { historyBytes: before.bytesWritten, epochs: before.epochs, usPerCommit: costs },
    };
  });
}

async function grow(wal: Wal, writers: Writers, bytes: number): Promise<void> {
  while (wal.counters().bytesWritten < bytes) {
    await writers.run({ kind: 'window', seconds: 0.5, pages: 8, window: 100 });
  }
}
