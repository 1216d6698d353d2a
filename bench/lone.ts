// The latency of one writer that waits for each commit, blocking in a worker and awaited on the main thread, beside the
// raw disk writing and syncing the same bytes.

import { join } from 'node:path';
import { openWal } from '../src/index.js';
import { inDirectory, quantile, RawDisk, round, summary } from './harness.js';
import { Writers } from './writers.js';

/** A segment of one page: header, frame, certificate, padded to 4 KiB. */
const SEGMENT_BYTES = 8192;

export async function benchLone(parent: string, rounds: number, commits: number): Promise<Record<string, unknown>> {
  return inDirectory(parent, async (directory) => {
    const raw = new RawDisk(directory);
    await using wal = await openWal(join(directory, 'db'), { fsync: 'full', lanes: 2 });
    const writers = await Writers.start(wal, 1);
    const image = new Uint8Array(4096).fill(3);
    const medians = { raw: [] as number[], blocking: [] as number[], awaited: [] as number[] };
    const p99s = { raw: [] as number[], blocking: [] as number[], awaited: [] as number[] };
    const note = (name: keyof typeof medians, latenciesMs: readonly number[]): void => {
      medians[name].push(quantile(latenciesMs, 0.5) * 1000);
      p99s[name].push(quantile(latenciesMs, 0.99) * 1000);
    };
    for (let index = 0; index < rounds; index += 1) {
      note('raw', raw.syncedWrites(SEGMENT_BYTES, commits));
      const { results } = await writers.round({ kind: 'wait', commits, pages: 1, window: 1 });
      note('blocking', [...(results[0]?.latenciesMs ?? [])]);
      const awaited: number[] = [];
      for (let count = 0; count < commits; count += 1) {
        const startMs = performance.now();
        await wal
          .connect()
          .append({ pages: [{ pageNumber: 1, image }] })
          .durable();
        awaited.push(performance.now() - startMs);
      }
      note('awaited', awaited);
      await wal.checkpoint({ throughSeq: wal.marks().durableSeq });
    }
    await writers.stop();
    raw.close();
    const ratio = (name: 'blocking' | 'awaited'): number =>
      round(
        quantile(
          medians[name].map((value, index) => value / (medians.raw[index] as number)),
          0.5,
        ),
      );
    return {
      unit: 'us, median of the rounds',
      rawMedian: summary(medians.raw),
      blockingMedian: summary(medians.blocking),
      awaitedMedian: summary(medians.awaited),
      p99: {
        raw: summary(p99s.raw).median,
        blocking: summary(p99s.blocking).median,
        awaited: summary(p99s.awaited).median,
      },
      ratioBlocking: ratio('blocking'),
      ratioAwaited: ratio('awaited'),
    };
  });
}
