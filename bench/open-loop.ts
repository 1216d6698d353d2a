// Tail latency under a fixed load: commits come at moments that were fixed before, at 70% of what the same writers do
// at their peak, and a commit counts from when it was due, so that one slow sync is charged to all that had to wait for
// it. Beside it the raw disk: one write and sync after the other, of the size of the log's segments.

import { join } from 'node:path';
import { openWal } from '../src/index.js';
import { inDirectory, ratios, summary } from './harness.js';
import { LatencyHistogram } from './histogram.js';
import { RawStreams } from './raw-disk.js';
import type { BenchResult, Comparison } from './result.js';
import { WARM } from './warm-up.js';
import { fillPool, recycleBehind, segmentBytes, Writers } from './writers.js';

const WRITERS = 8;
const LOAD = 0.7;

/** How much is done. */
export interface OpenLoopCase {
  readonly rounds: number;
  readonly seconds: number;
}

export async function benchOpenLoop(parent: string, { rounds, seconds }: OpenLoopCase): Promise<BenchResult> {
  return inDirectory(parent, async (directory) => {
    const raw = await RawStreams.start(directory, 1);
    await using wal = await openWal(join(directory, 'db'), { fsync: 'full', lanes: WRITERS, maxLogBytes: 2 ** 40 });
    const stopRecycling = recycleBehind(wal);
    const writers = await Writers.start(wal, WRITERS);
    const loop: LatencyHistogram[] = [];
    const disk: LatencyHistogram[] = [];
    const peaks: number[] = [];
    await fillPool(wal, writers, WRITERS);
    await writers.run({ kind: 'wait', pages: 1, ...WARM });
    for (let index = 0; index < rounds; index += 1) {
      const peak = await writers.run({ kind: 'wait', seconds: seconds / 2, pages: 1 });
      peaks.push(peak.commitsPerSecond);
      const commitsPerSecond = (LOAD * peak.commitsPerSecond) / WRITERS;
      const before = wal.counters();
      loop.push((await writers.run({ kind: 'open-loop', seconds, pages: 1, commitsPerSecond })).latencies);
      disk.push((await raw.round(segmentBytes(before, wal.counters()), seconds)).latencies);
    }
    await stopRecycling();
    await Promise.all([writers.stop(), raw.stop()]);
    const [all, allDisk] = [loop, disk].map((each) => LatencyHistogram.merged(each.map((one) => one.toText())));
    return {
      comparisons: comparisons(loop, disk),
      plots: [
        {
          id: 'open-loop',
          title: `Latency at ${LOAD * 100}% of the peak rate, ${WRITERS} writers`,
          caption:
            `Fixed arrivals, ${Math.round(LOAD * summary(peaks).median)} commits/s of one page, each counted from ` +
            'when it was due until it was durable. Dashed: the disk alone, one write and sync after the other.',
          kind: 'lines',
          x: { label: 'percentile', scale: 'percentile' },
          y: { label: 'latency, µs', scale: 'log' },
          series: [
            { name: 'lanewal, from due to durable', points: all?.curve() ?? [] },
            { name: 'raw write + fdatasync', points: allDisk?.curve() ?? [], isReference: true },
          ],
        },
      ],
      notes: [
        'Open loop: the peak is measured in each round, right before. A writer sleeps until its next commit is ' +
          'due; what the timer of the system oversleeps is in the latencies. A writer waits for its commit, so ' +
          'commits that are due meanwhile start late and are charged for it.',
      ],
      figures: { peakCommitsPerSecond: peaks.map(Math.round), lanewal: all?.summary(), raw: allDisk?.summary() },
    };
  });
}

function comparisons(loop: readonly LatencyHistogram[], disk: readonly LatencyHistogram[]): Comparison[] {
  const p99s = disk.map((each) => each.us(99));
  return (
    [
      ['open-loop-p99', 99],
      ['open-loop-p999', 99.9],
    ] as const
  ).map(([id, percent]) => {
    const values = loop.map((each) => each.us(percent));
    return {
      id,
      what: `p${percent} from due to durable`,
      beside: 'p99 of the raw sync',
      unit: 'µs',
      value: summary(values),
      besideValue: summary(p99s),
      ratio: ratios(values, p99s),
    };
  });
}
