// What an append costs the appending thread: copy, checksum, sequence, publication; nobody waits, nothing is synced.
// tinybench runs it beside the copy and the checksum alone, on the same page.

import { join } from 'node:path';
import { Bench } from 'tinybench';
import { openWal } from '../src/index.js';
import { inDirectory, round } from './harness.js';

const require = (await import('node:module')).createRequire(import.meta.url);

/** Nanoseconds per 4 KiB page of an append and of its parts. */
export async function benchAppend(parent: string): Promise<Record<string, unknown>> {
  const { crc32c } = require('@node-rs/crc32') as { crc32c(bytes: Uint8Array): number };
  return inDirectory(parent, async (directory) => {
    await using wal = await openWal(join(directory, 'db'), {
      fsync: 'off',
      lanes: 1,
      laneBytes: 2 ** 28,
      maxLogBytes: 2 ** 40,
    });
    const writer = wal.connect();
    const image = new Uint8Array(4096).fill(7);
    const target = new Uint8Array(new SharedArrayBuffer(2 ** 24));
    let at = 0;
    const bench = new Bench({ time: 500, warmupTime: 200 });
    bench.add('copy 4 KiB', () => {
      at = (at + 4096) & (2 ** 24 - 1);
      target.set(image, at);
    });
    bench.add('checksum 4 KiB', () => void crc32c(image));
    for (const pages of [1, 8]) {
      const writes = Array.from({ length: pages }, (_, page) => ({ pageNumber: page + 1, image }));
      bench.add(`append of ${pages} page(s)`, () => void writer.append({ pages: writes }, { timeoutMs: 60_000 }));
    }
    await bench.run();
    const rows = bench.tasks.map(({ name, result }) => {
      const medianNs = 'latency' in result ? result.latency.p50 * 1e6 : Number.NaN;
      return [name, round(medianNs, 0)] as const;
    });
    return { unit: 'ns, median', ...Object.fromEntries(rows) };
  });
}
