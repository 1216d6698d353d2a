// What an append costs the appending thread: copy, checksum, sequence, publication; nobody waits, nothing is synced.
// First one thread in bursts that its lane has room for, beside copy and checksum of the same pages, both by tinybench.
// Then several threads as fast as the log takes it, back-pressure and all, beside the disk taking the same pieces.

import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Bench } from 'tinybench';
import { openWal, type Wal } from '../src/index.js';
import { crc32c } from './crc32c.js';
import { inDirectory, ratios, round, summary } from './harness.js';
import { PAGE_BYTES } from './log-writer.js';
import { RawStreams } from './raw-disk.js';
import type { BenchResult } from './result.js';
import { warmUp } from './warm-up.js';
import { fillPool, recycleBehind, segmentBytes, Writers } from './writers.js';

/** Pages of a burst: 8 MiB, which a lane of 16 MiB takes without waiting. */
const BURST = 2000;
const LANE_BYTES = 2 ** 24;
const MB = 1e6;

/** How long it may take. */
export interface AppendCase {
  readonly rounds: number;
  /** Of each figure in a round. */
  readonly seconds: number;
}

export async function benchAppend(parent: string, { rounds, seconds }: AppendCase): Promise<BenchResult> {
  return inDirectory(parent, async (directory) => {
    const raw = await RawStreams.start(directory, 1);
    const writerCount = Math.min(4, availableParallelism());
    const options = { fsync: 'off', lanes: writerCount + 1, laneBytes: LANE_BYTES, maxLogBytes: 2 ** 40 } as const;
    await using wal = await openWal(join(directory, 'db'), options);
    const stopRecycling = recycleBehind(wal);
    const writers = await Writers.start(wal, writerCount);
    const free = { kind: 'free', seconds, pages: 1 } as const;
    await fillPool(wal, writers, writerCount);
    await warmUp((plan) => writers.run(plan), free);
    await burstNs(wal, seconds);
    const bare: number[] = [];
    const append: number[] = [];
    const total: number[] = [];
    const rawRates: number[] = [];
    const collections: number[] = [];
    for (let index = 0; index < rounds; index += 1) {
      const burst = await burstNs(wal, seconds);
      bare.push(burst.bare);
      append.push(burst.append);
      const before = wal.counters();
      const run = await writers.run(free);
      total.push(run.bytesPerSecond / MB);
      collections.push(run.collectionsPerMillion);
      const bytes = segmentBytes(before, wal.counters());
      rawRates.push((await raw.round(bytes, seconds, 1, false)).bytesPerSecond / MB);
    }
    await stopRecycling();
    await Promise.all([writers.stop(), raw.stop()]);
    const pages = `${writerCount} writers, 1 page a commit, off`;
    return {
      comparisons: [
        {
          id: 'append-cost',
          what: 'append of 1 page, in bursts that fit the lane',
          beside: 'copy and CRC32C of a page',
          unit: 'ns',
          value: summary(append),
          besideValue: summary(bare),
          ratio: ratios(append, bare),
        },
        {
          id: 'append-total',
          what: pages,
          beside: 'overwriting a file in pieces of the same size, no sync',
          unit: 'MB/s',
          value: summary(total),
          besideValue: summary(rawRates),
          ratio: ratios(total, rawRates),
        },
        {
          id: 'append-collections',
          what: pages,
          beside: 'an append that allocates nothing',
          unit: 'collections',
          value: summary(collections),
          besideValue: summary([0]),
        },
      ],
      plots: [],
      notes: [
        `Append: bursts of ${BURST} pages into an empty lane of ${LANE_BYTES / 2 ** 20} MiB; between two bursts ` +
          'the log is flushed, outside of the time taken. The parts beside it copy the same page through 16 MiB of ' +
          'shared memory and compute its CRC32C with the same library.',
      ],
      figures: { burstPages: BURST, appendNs: append.map((ns) => round(ns, 0)), copyAndChecksumNs: bare },
    };
  });
}

/** Nanoseconds for each page of an append, and of a copy with a checksum; each the median of its bursts. */
async function burstNs(wal: Wal, seconds: number): Promise<{ bare: number; append: number }> {
  const writer = wal.connect();
  const image = new Uint8Array(PAGE_BYTES).fill(7);
  const pages = [{ pageNumber: 1, image }];
  const target = new Uint8Array(new SharedArrayBuffer(LANE_BYTES));
  let at = 0;
  let checksums = 0;
  const bench = new Bench({ time: seconds * 500, warmupTime: seconds * 100, iterations: 4, warmupIterations: 2 });
  bench.add('bare', () => {
    for (let page = 0; page < BURST; page += 1) {
      at = (at + PAGE_BYTES) & (LANE_BYTES - 1);
      target.set(image, at);
      checksums ^= crc32c(image);
    }
  });
  const append = (): void => {
    // Without a timeout: a lane without room would be an error, not a wait.
    for (let page = 0; page < BURST; page += 1) writer.append({ pages }, { timeoutMs: 0 });
  };
  bench.add('append', append, {
    beforeEach: async () => {
      await wal.flush();
    },
  });
  await bench.run();
  if (Number.isNaN(checksums)) throw new Error('The checksums were not computed.');
  const [bareNs, appendNs] = bench.tasks.map(({ result }) => {
    if (result.state !== 'completed') throw new Error(`A benchmark did not complete: ${JSON.stringify(result)}`);
    return (result.latency.p50 * 1e6) / BURST;
  });
  return { bare: bareNs as number, append: appendNs as number };
}
