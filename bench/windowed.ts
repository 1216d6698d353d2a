// Durable bandwidth of several writers with a window of commits in flight, in the steady state (log files recycled behind
// them) and in the first pass over fresh files, beside one raw stream that writes and syncs segments of the same size.

import { join } from 'node:path';
import { openWal } from '../src/index.js';
import { inDirectory, quantile, RawDisk, round, summary } from './harness.js';
import { recycleBehind, Writers } from './writers.js';

const MB = 1e6;
const WINDOW = 100;

/** One configuration. */
export interface WindowedCase {
  readonly writers: number;
  readonly pages: number;
  readonly fsync: 'full' | 'normal';
}

export async function benchWindowed(
  parent: string,
  { writers: count, pages, fsync }: WindowedCase,
  rounds: number,
  megabytes: number,
): Promise<Record<string, unknown>> {
  return inDirectory(parent, async (directory) => {
    const raw = new RawDisk(directory, 128 * 2 ** 20);
    await using wal = await openWal(join(directory, 'db'), { fsync, lanes: Math.min(count, 8), maxLogBytes: 2 ** 40 });
    const writers = await Writers.start(wal, count);
    const commits = Math.ceil((megabytes * MB) / (count * pages * 4096));
    const plan = { kind: 'window', commits, pages, window: WINDOW } as const;
    // A checkpoint for every four files, as a checkpointer would.
    const commitsPerCheckpoint = Math.ceil((4 * wal.settings.logFileBytes) / (pages * 4096));
    const firstPass = await writers.round(plan);
    const stopRecycling = recycleBehind(wal, commitsPerCheckpoint);
    // Frees the first pass and fills the pool: from here on every rotation finds a recycled file.
    await writers.round(plan);
    const bytes = commits * count * pages * 4096;
    const bandwidths: number[] = [];
    const ratios: number[] = [];
    let segmentBytes = 0;
    for (let index = 0; index < rounds; index += 1) {
      const before = wal.counters();
      const { seconds } = await writers.round(plan);
      const after = wal.counters();
      segmentBytes = (after.bytesWritten - before.bytesWritten) / (after.epochs - before.epochs);
      const unfilled = after.unfilledBytes - before.unfilledBytes;
      const rawBytes = Math.min(32 * 2 ** 20, Math.max(4096, Math.round(segmentBytes / 4096) * 4096));
      const rawMs = raw.syncedWrites(rawBytes, Math.max(8, Math.ceil((megabytes * MB) / rawBytes / 2)));
      const rawBandwidth = rawBytes / (rawMs.reduce((sum, ms) => sum + ms, 0) / rawMs.length / 1000) / MB;
      bandwidths.push(bytes / seconds / MB);
      ratios.push(bytes / seconds / MB / rawBandwidth);
      if (unfilled > 0) process.stderr.write(`  note: ${unfilled} bytes went to unfilled files in round ${index}\n`);
    }
    await stopRecycling();
    await writers.stop();
    raw.close();
    const steady = summary(bandwidths);
    return {
      writers: count,
      pages,
      fsync,
      unit: 'MB/s',
      steady: { ...steady, median: round(steady.median, 0), min: round(steady.min, 0), max: round(steady.max, 0) },
      commitsPerSecond: round((steady.median * MB) / (pages * 4096), 0),
      firstPass: round(bytes / firstPass.seconds / MB, 0),
      segmentKiB: round(segmentBytes / 1024, 0),
      ratioToRaw: round(quantile(ratios, 0.5)),
    };
  });
}
