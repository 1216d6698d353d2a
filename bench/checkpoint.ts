// A checkpoint of a closed-off set of pages: unthrottled, nobody writes meanwhile. Beside it the raw disk: the same
// pages in the same order written into a file that has all its blocks, as the page file has, 1 MiB at a time where they
// touch, as a checkpoint does, then synced once. The raw disk gets the same 1 MiB over and over, which stays in the
// processor's cache: it reads nothing. Both are done in turns in each round; what a checkpoint does besides (finding
// the images in the log, reading them, its record, letting go of the log) is in its time.

import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckpointFigures } from './figure-plots.js';
import { inDirectory, quantile, round, shuffled, summary } from './harness.js';
import { indexAll, isStamped, openQuietStore, PAGE_BYTES, stamp, writePages } from './store-pages.js';

const RAW_WRITE_BYTES = 2 ** 20;
const MB = 1e6;

/** What is checkpointed. */
export interface CheckpointCase {
  readonly pages: number;
  /** Every how many-th page of the store it is; 1: all of them. */
  readonly step: number;
  /** In which order the log has them; a checkpoint writes in page order and so reads the log in this one. */
  readonly logOrder: 'ascending' | 'shuffled';
}

/** Pages written per second by checkpoints, in `rounds` rounds. */
export async function benchCheckpoint(
  parent: string,
  { pages: count, step, logOrder }: CheckpointCase,
  rounds: number,
): Promise<CheckpointFigures> {
  return inDirectory(parent, async (directory) => {
    const sizePages = count * step;
    const path = join(directory, 'store');
    const store = await openQuietStore(path);
    await store.transaction((transaction) => transaction.resize(sizePages), { waitFor: 'appended' });
    // All blocks exist from here on, in both files.
    await writePages(store, shuffled(1, sizePages, 1), 0);
    await store.checkpoint({ mode: 'truncate' });
    const raw = new RawPages(join(directory, 'raw'), sizePages);
    const pages = Array.from({ length: count }, (_, index) => 1 + index * step);
    const rates: number[] = [];
    const ratios: number[] = [];
    const rawRates: number[] = [];
    for (let index = 1; index <= rounds; index += 1) {
      const order = logOrder === 'ascending' ? pages : shuffled(0, count - 1, index).map((at) => pages[at] as number);
      await writePages(store, order, index);
      await indexAll(store);
      const measureRaw = (): void => void rawRates.push(count / raw.write(pages, index));
      if (index % 2 === 0) measureRaw();
      const startMs = performance.now();
      const { pagesWritten } = await store.checkpoint({ mode: 'passive' });
      const seconds = (performance.now() - startMs) / 1000;
      if (pagesWritten !== count) throw new Error(`The checkpoint wrote ${pagesWritten} pages instead of ${count}.`);
      if (index % 2 === 1) measureRaw();
      rates.push(count / seconds);
      ratios.push((rates.at(-1) as number) / (rawRates.at(-1) as number));
    }
    verify(path, pages, rounds);
    await store.close();
    raw.close();
    const rate = summary(rates);
    return {
      pages: count,
      storePages: sizePages,
      logOrder,
      unit: 'pages/s',
      checkpoint: { ...rate, median: round(rate.median, 0), min: round(rate.min, 0), max: round(rate.max, 0) },
      megabytesPerSecond: round((rate.median * PAGE_BYTES) / MB, 0),
      raw: round(quantile(rawRates, 0.5), 0),
      ratioToRaw: round(quantile(ratios, 0.5)),
      ratios: ratios.map((ratio) => round(ratio)),
    };
  });
}

/** Every page of the last round is in the page file itself. */
function verify(path: string, pages: readonly number[], lastRound: number): void {
  const fd = openSync(path, 'r');
  const image = new Uint8Array(PAGE_BYTES);
  for (const pageNumber of pages) {
    readSync(fd, image, 0, PAGE_BYTES, (pageNumber - 1) * PAGE_BYTES);
    if (!isStamped(image, pageNumber, lastRound)) throw new Error(`Page ${pageNumber} is not in the page file.`);
  }
  closeSync(fd);
}

/** A file of pages, overwritten in page order. */
class RawPages {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(RAW_WRITE_BYTES);

  constructor(path: string, sizePages: number) {
    this.#fd = openSync(path, 'w');
    this.write(
      Array.from({ length: sizePages }, (_, index) => index + 1),
      0,
    );
  }

  /** Seconds to write and sync the pages, which are in ascending order. */
  write(pages: readonly number[], index: number): number {
    stamp(this.#buffer, 1, index);
    const startMs = performance.now();
    for (let at = 0; at < pages.length; ) {
      const first = pages[at] as number;
      let count = 1;
      while (pages[at + count] === first + count && (count + 1) * PAGE_BYTES <= RAW_WRITE_BYTES) count += 1;
      writeSync(this.#fd, this.#buffer, 0, count * PAGE_BYTES, (first - 1) * PAGE_BYTES);
      at += count;
    }
    fsyncSync(this.#fd);
    return (performance.now() - startMs) / 1000;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
