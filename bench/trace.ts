// What the trace costs the appending thread when nobody listens, and when somebody hears of every append. Batches of
// the two are interleaved on one log; the flusher is idle while one is measured. A second batch without a subscriber
// says how much two equal things differ.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { join } from 'node:path';
import { openWal } from '../src/index.js';
import { inDirectory, quantile, round } from './harness.js';

const CASES = ['nobody', 'nobody, again', 'append'] as const;
/** One of them is measured for the histogram. */
const BATCH = 64;

/** Nanoseconds per append of one page, quantiles over the batches. */
export async function benchTrace(parent: string, batches: number): Promise<Record<string, unknown>> {
  const results: Record<string, unknown> = {};
  for (const pageSize of [512, 4096]) results[`${pageSize} bytes`] = await measure(parent, pageSize, batches);
  return { unit: 'ns per append', ...results };
}

function measure(parent: string, pageSize: number, batches: number): Promise<Record<string, unknown>> {
  return inDirectory(parent, async (directory) => {
    await using wal = await openWal(join(directory, 'db'), { fsync: 'off', lanes: 1, pageSize, ticker: false });
    const writer = wal.connect();
    const commit = { pages: [{ pageNumber: 1, image: new Uint8Array(pageSize).fill(7) }] };
    const times: Record<string, number[]> = Object.fromEntries(CASES.map((name) => [name, []]));
    let heard = 0;
    const listener = (): void => {
      heard += 1;
    };
    for (let batch = 0; batch < batches; batch += 1) {
      for (const name of CASES) {
        if (name === 'append') subscribe('lanewal:append', listener);
        const startMs = performance.now();
        for (let count = 0; count < BATCH; count += 1) writer.append(commit, { timeoutMs: 60_000 });
        times[name]?.push(((performance.now() - startMs) * 1e6) / BATCH);
        if (name === 'append') unsubscribe('lanewal:append', listener);
        await wal.flush();
      }
      if (batch % 100 === 99) await wal.checkpoint({ throughSeq: wal.marks().durableSeq });
    }
    if (heard !== batches * BATCH) throw new Error('the subscriber did not hear every append');
    return Object.fromEntries(
      Object.entries(times).map(([name, list]) => {
        const settled = list.slice(batches >> 2);
        const [p10, p25, median] = [0.1, 0.25, 0.5].map((share) => round(quantile(settled, share), 0));
        return [name, { p10, p25, median, batches: settled.length }];
      }),
    );
  });
}
