// What a commit costs with a long history of the log behind it, beside a fresh log: two logs that differ in nothing
// else, in turns. A history of many bytes, every commit synced; and one of many epochs, one for each commit or two, as
// fast as they come. Neither log is checkpointed, so nothing of the history ever goes.

import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { openWal, type Wal } from '../src/index.js';
import { inDirectory, pointAt, quiet, ratios, round, summary } from './harness.js';
import type { RoundPlan } from './log-writer.js';
import type { BenchResult, Comparison, Plot } from './result.js';
import { WARM } from './warm-up.js';
import { type LogRound, rotateToBlocks, Writers } from './writers.js';

const WRITERS = 2;
const GIB = 2 ** 30;
/** Of the disk's free space that a history may take. */
const SPACE_SHARE = 0.4;
const GROW_SECONDS = 0.5;

/** How much is done. */
export interface HistoryCase {
  readonly historyBytes: number;
  readonly historyEpochs: number;
  readonly rounds: number;
  readonly seconds: number;
}

/** One kind of history. */
interface History {
  readonly id: 'history' | 'history-epochs';
  readonly fsync: 'full' | 'off';
  /** What makes it, until it is long enough. */
  readonly plan: Omit<RoundPlan, 'seconds'>;
  isLong(counters: ReturnType<Wal['counters']>): boolean;
}

/** The two logs' costs in microseconds a commit, and what is behind one of them. */
interface Costs {
  readonly fresh: number[];
  readonly old: number[];
  readonly bytes: number;
  readonly epochs: number;
  /** While the history was made. */
  readonly epochsPerSecond: number;
}

export async function benchHistory(parent: string, given: HistoryCase): Promise<BenchResult> {
  return inDirectory(parent, async (directory) => {
    const disk = statfsSync(directory);
    const historyBytes = Math.min(given.historyBytes, disk.bavail * disk.bsize * SPACE_SHARE);
    const long: History = {
      id: 'history',
      fsync: 'full',
      plan: { kind: 'window', pages: 8, window: 100 },
      isLong: ({ bytesWritten }) => bytesWritten >= historyBytes,
    };
    const many: History = {
      id: 'history-epochs',
      fsync: 'off',
      plan: { kind: 'wait', pages: 1 },
      isLong: ({ epochs }) => epochs >= given.historyEpochs,
    };
    const [bytes, epochs] = [await costsOf(directory, long, given), await costsOf(directory, many, given)];
    const gib = `${round(bytes.bytes / GIB, 1)} GiB, ${bytes.epochs} epochs`;
    const rate = `${epochs.epochs} epochs, ${round(epochs.epochsPerSecond, 0)} a second`;
    return {
      comparisons: [comparison(long, bytes, gib), comparison(many, epochs, rate)],
      plots: [plot(long, bytes, gib), plot(many, epochs, rate)],
      notes:
        historyBytes < given.historyBytes
          ? [`History: ${gib}, because the disk has no room for ${given.historyBytes / GIB} GiB.`]
          : [],
      figures: { bytes, epochs },
    };
  });
}

async function costsOf(parent: string, history: History, { rounds, seconds }: HistoryCase): Promise<Costs> {
  return inDirectory(parent, async (directory) => {
    const options = { fsync: history.fsync, lanes: WRITERS, maxLogBytes: 2 ** 42 } as const;
    await using fresh = await openWal(join(directory, 'fresh'), options);
    await using old = await openWal(join(directory, 'old'), options);
    const [freshWriters, oldWriters] = await Promise.all([Writers.start(fresh, WRITERS), Writers.start(old, WRITERS)]);
    const growMs = await grow(old, oldWriters, history);
    const plan: RoundPlan = { kind: 'wait', seconds, pages: 1 };
    const { bytesWritten, epochs } = old.counters();
    for (const wal of [fresh, old]) await rotateToBlocks(wal);
    const costs = { fresh: [] as number[], old: [] as number[] };
    const cost = (run: LogRound): number => 1e6 / run.commitsPerSecond;
    for (const writers of [freshWriters, oldWriters]) await writers.run({ ...plan, ...WARM });
    for (let index = 0; index < rounds; index += 1) {
      await quiet();
      const isFreshFirst = index % 2 === 0;
      const first = await (isFreshFirst ? freshWriters : oldWriters).run(plan);
      const second = await (isFreshFirst ? oldWriters : freshWriters).run(plan);
      costs.fresh.push(cost(isFreshFirst ? first : second));
      costs.old.push(cost(isFreshFirst ? second : first));
    }
    await Promise.all([freshWriters.stop(), oldWriters.stop()]);
    return { ...costs, bytes: bytesWritten, epochs, epochsPerSecond: (epochs / growMs) * 1000 };
  });
}

/** Milliseconds that it took. */
async function grow(wal: Wal, writers: Writers, { plan, isLong }: History): Promise<number> {
  const startMs = performance.now();
  while (!isLong(wal.counters())) await writers.run({ ...plan, seconds: GROW_SECONDS });
  return performance.now() - startMs;
}

function comparison({ id }: History, { fresh, old }: Costs, behind: string): Comparison {
  const [value, besideValue] = [summary(old), summary(fresh)];
  const what = `behind ${behind}`;
  return { id, what, beside: 'a fresh log', unit: 'µs a commit', value, besideValue, ratio: ratios(old, fresh) };
}

function plot({ id, fsync }: History, { fresh, old }: Costs, behind: string): Plot {
  return {
    id,
    title: `Cost of a commit behind ${behind}`,
    caption: `${WRITERS} writers, one page a commit, each waits, ${fsync}; neither log is ever checkpointed.`,
    kind: 'bars',
    x: { label: '', scale: 'linear' },
    y: { label: 'µs a commit', scale: 'linear' },
    series: [
      { name: 'fresh log', points: [pointAt('cost', fresh)], isReference: true },
      { name: 'behind its history', points: [pointAt('cost', old)] },
    ],
  };
}
