// Tail latency under a fixed load: commits come at moments that were fixed before, at a share of what the same writers
// do at their peak when each waits for its commit, and a commit counts from when it was due, so that one slow sync is
// charged to all that came meanwhile. Beside it the raw disk, with pieces of the size of the log's segments: one write
// and sync after the other, and as many a second as the log had epochs, at fixed moments too.

import { join } from 'node:path';
import { openWal, type Wal } from '../src/index.js';
import { inDirectory, ratios, summary } from './harness.js';
import { LatencyHistogram } from './histogram.js';
import { RawStreams } from './raw-disk.js';
import type { BenchResult, Comparison, Series } from './result.js';
import { WARM } from './warm-up.js';
import { fillPool, recycleBehind, segmentBytes, Writers } from './writers.js';

const WRITERS = 8;
/** Of the peak; the first is that of the rows, right behind the peak. */
const LOADS = [0.7, 0.5, 0.3] as const;
const [ROW_LOAD] = LOADS;

/** How much is done. */
export interface OpenLoopCase {
  readonly rounds: number;
  readonly seconds: number;
}

/** Latencies under one load, a histogram for each round. */
class LoadTrack {
  readonly load: number;
  readonly latencies: LatencyHistogram[] = [];
  readonly lateness: LatencyHistogram[] = [];
  readonly commitsPerEpoch: number[] = [];

  constructor(load: number) {
    this.load = load;
  }

  figures(): Record<string, unknown> {
    const { load, latencies, lateness, commitsPerEpoch } = this;
    const [us, overslept] = [all(latencies).summary(), all(lateness).summary()];
    return { load, fromDueUs: us, appendedLateUs: overslept, commitsPerEpoch: summary(commitsPerEpoch).median };
  }
}

export async function benchOpenLoop(parent: string, { rounds, seconds }: OpenLoopCase): Promise<BenchResult> {
  return inDirectory(parent, async (directory) => {
    const raw = await RawStreams.start(directory, 1);
    await using wal = await openWal(join(directory, 'db'), { fsync: 'full', lanes: WRITERS, maxLogBytes: 2 ** 40 });
    const stopRecycling = recycleBehind(wal);
    const writers = await Writers.start(wal, WRITERS);
    const tracks = LOADS.map((load) => new LoadTrack(load));
    const disk: LatencyHistogram[] = [];
    const diskAtFixedMoments: LatencyHistogram[] = [];
    const peaks: number[] = [];
    await fillPool(wal, writers, WRITERS);
    await writers.run({ kind: 'wait', pages: 1, ...WARM });
    for (let index = 0; index < rounds; index += 1) {
      const peak = await writers.run({ kind: 'wait', seconds: seconds / 2, pages: 1 });
      peaks.push(peak.commitsPerSecond);
      for (const track of tracks) {
        const { bytes, epochs } = await runLoad(wal, writers, track, peak.commitsPerSecond, seconds);
        if (track.load !== ROW_LOAD) continue;
        disk.push((await raw.round(bytes, seconds)).latencies);
        diskAtFixedMoments.push((await raw.openLoop(bytes, seconds, epochs / seconds)).latencies);
      }
    }
    await stopRecycling();
    await Promise.all([writers.stop(), raw.stop()]);
    const rawSeries: Series[] = [
      { name: 'raw write + fdatasync', points: all(disk).curve(), isReference: true },
      { name: 'raw, at fixed moments', points: all(diskAtFixedMoments).curve(), isReference: true },
    ];
    return {
      comparisons: comparisons((tracks[0] as LoadTrack).latencies, disk, diskAtFixedMoments),
      plots: [
        {
          id: 'open-loop',
          title: `Latency at fixed rates, ${WRITERS} writers`,
          caption:
            'Commits of one page, each counted from when it was due until it was durable, at shares of the ' +
            `${Math.round(summary(peaks).median)} commits/s that the same writers reach when each waits. Dashed: the ` +
            'disk alone, one write and sync after the other, and as many a second as the log had epochs at ' +
            `${ROW_LOAD * 100}%.`,
          kind: 'lines',
          x: { label: 'percentile', scale: 'percentile' },
          y: { label: 'latency, µs', scale: 'log' },
          series: [
            ...tracks.map(({ load, latencies }) => {
              return { name: `lanewal at ${load * 100}%`, points: all(latencies).curve() };
            }),
            ...rawSeries,
          ],
        },
      ],
      notes: [
        'Open loop: the peak is measured in each round, right before, by the same warm threads, each waiting for its ' +
          'commit. At a fixed rate a writer does not wait for a commit before it appends the next one that is due. ' +
          'It sleeps until then, and what the timer of the system oversleeps is in the latencies: `appendedLateUs` ' +
          'in the raw numbers. The disk one sync after the other counts a pause once; at fixed moments it counts it ' +
          'for each sync that was due meanwhile, as the log does for its commits.',
      ],
      figures: {
        peakCommitsPerSecond: peaks.map(Math.round),
        lanewal: tracks.map((track) => track.figures()),
        rawUs: all(disk).summary(),
        rawAtFixedMomentsUs: all(diskAtFixedMoments).summary(),
      },
    };
  });
}

/** @returns bytes of an average segment, and epochs */
async function runLoad(
  wal: Wal,
  writers: Writers,
  track: LoadTrack,
  peakPerSecond: number,
  seconds: number,
): Promise<{ bytes: number; epochs: number }> {
  const commitsPerSecond = (track.load * peakPerSecond) / WRITERS;
  const before = wal.counters();
  const { latencies, lateness } = await writers.run({ kind: 'open-loop', seconds, pages: 1, commitsPerSecond });
  const after = wal.counters();
  const epochs = after.epochs - before.epochs;
  track.latencies.push(latencies);
  track.lateness.push(lateness);
  track.commitsPerEpoch.push((after.commits - before.commits) / epochs);
  return { bytes: segmentBytes(before, after), epochs };
}

function all(rounds: readonly LatencyHistogram[]): LatencyHistogram {
  return LatencyHistogram.merged(rounds.map((each) => each.toText()));
}

function comparisons(
  loop: readonly LatencyHistogram[],
  disk: readonly LatencyHistogram[],
  atFixedMoments: readonly LatencyHistogram[],
): Comparison[] {
  const alone = 'p99 of the raw sync';
  return (
    [
      ['open-loop-p99', 99, disk, alone],
      ['open-loop-p99-fixed', 99, atFixedMoments, `${alone}, from due to durable`],
      ['open-loop-p999', 99.9, disk, alone],
    ] as const
  ).map(([id, percent, others, beside]) => {
    const values = loop.map((each) => each.us(percent));
    const besideValues = others.map((each) => each.us(99));
    return {
      id,
      what: `p${percent} from due to durable`,
      beside,
      unit: 'µs',
      value: summary(values),
      besideValue: summary(besideValues),
      ratio: ratios(values, besideValues),
    };
  });
}
