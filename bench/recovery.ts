// Recovery of a long log into a page file: time, and peak resident memory above an empty process. Each measurement runs in
// a process of its own, because a peak never comes down.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openWal, recoverWal } from '../src/index.js';
import { inDirectory, peakMemoryMiB, round } from './harness.js';

const SELF = fileURLToPath(import.meta.url);

/** Writes a log of `pages` pages and measures its recovery. */
export async function benchRecovery(parent: string, pages: number): Promise<Record<string, unknown>> {
  return inDirectory(parent, async (directory) => {
    const db = join(directory, 'db');
    const wal = await openWal(db, { fsync: 'normal', maxLogBytes: 2 ** 40 });
    const image = new Uint8Array(4096);
    for (let first = 1; first <= pages; first += 8) {
      image.fill(first & 0xff);
      const writes = Array.from({ length: 8 }, (_, index) => ({ pageNumber: first + index, image }));
      await wal.connect().appendAsync({ pages: writes });
    }
    await wal.close();
    const measured = (what: string): { seconds: number; peakMiB: number } =>
      JSON.parse(execFileSync(process.execPath, [SELF, what, db], { encoding: 'utf8' })) as never;
    const empty = measured('empty');
    const run = measured('recover');
    return {
      pages,
      seconds: round(run.seconds),
      megabytesPerSecond: round((pages * 4096) / run.seconds / 1e6, 0),
      memoryAboveEmptyMiB: round(run.peakMiB - empty.peakMiB, 0),
    };
  });
}

if (process.argv[1] === SELF) {
  const [what, db] = process.argv.slice(2);
  const startMs = performance.now();
  if (what === 'recover' && db !== undefined) {
    const { closeSync, openSync } = await import('node:fs');
    closeSync(openSync(db, 'a'));
    await recoverWal(db);
  }
  process.stdout.write(JSON.stringify({ seconds: (performance.now() - startMs) / 1000, peakMiB: peakMemoryMiB() }));
}
