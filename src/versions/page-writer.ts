// Brings a page file from one sequence to a later one: the cut first, then the newest images in page order, joined to
// long writes, the size last (design/page-store.md, "Checkpoint"). A long write is under way while the next images are
// read. Between two batches whoever drives it may pause, sync, do something else first, or give up by a throw: the log
// still holds everything. Not here: which images those are, and when they may be written (C1).

import type { PageFile } from '../storage/page-file.js';
import { ImageBatch } from './image-batch.js';
import type { LogReader } from './log-reader.js';
import type { NewestVersions } from './newest-versions.js';

/** One write has at most this many bytes: longer ones are no faster, and hold up the log's own syncs. */
export const RUN_BYTES_MAX = 2 ** 20;

/** What a page file is brought up to. */
export interface PageFileTarget {
  /** The smallest size since the page file was last complete, in pages: what it holds beyond is gone. */
  readonly cutPages: number | undefined;
  /** Size in pages in the end; undefined: the file only grows, by what is written. */
  readonly sizePages: number | undefined;
  /** The newest version of each page, live to the end. One beyond the size makes the file larger. */
  readonly versions: NewestVersions;
}

/** Writes page files with two buffers, each as long as a write and a quarter more. */
export class PageWriter {
  readonly #batches: readonly [ImageBatch, ImageBatch];

  /** @param runBytesMax - one write has at most this many bytes, or one page */
  constructor(pageBytes: number, log: LogReader, runBytesMax = RUN_BYTES_MAX) {
    const imagesMax = Math.max(1, Math.floor(runBytesMax / pageBytes));
    this.#batches = [new ImageBatch(log, pageBytes, imagesMax), new ImageBatch(log, pageBytes, imagesMax)];
  }

  /**
   * Brings `file` to `target`.
   *
   * Durability: none; sync the file. After a throw the file is somewhere between the two states, and doing it again, to
   * this or a later target, makes it whole. No write is under way any more when this settles.
   * @param written - called, and waited for, with the number of pages written since the last time
   * @returns the size of the file in pages
   * @throws {WalError} ERR_WAL_STORAGE_FULL, ERR_WAL_IO, ERR_WAL_CORRUPT, and whatever `written` throws
   */
  async write(
    file: PageFile,
    { cutPages, sizePages, versions }: PageFileTarget,
    written: (pages: number) => Promise<void>,
  ): Promise<number> {
    // S1: first, so that no image written below is cut off again, and nothing cut off comes back when the file grows.
    if (cutPages !== undefined) file.cutToPages(cutPages);
    await this.#writeImages(file, versions, written);
    if (sizePages === undefined) return file.sizePages();
    // A log that was never told the size of its store has pages beyond it.
    const pages = Math.max(sizePages, versions.pageNumbers.at(-1) ?? 0);
    if (file.sizePages() !== pages || file.partialPage() !== undefined) file.setSizePages(pages);
    return pages;
  }

  async #writeImages(
    file: PageFile,
    versions: NewestVersions,
    written: (pages: number) => Promise<void>,
  ): Promise<void> {
    const { length } = versions.pageNumbers;
    let [reading, writing] = this.#batches;
    let underWay = Promise.resolve();
    let pages = 0;
    try {
      for (let first = 0; first < length; first += reading.imagesMax) {
        const numbers = versions.pageNumbers.subarray(first, first + reading.imagesMax);
        const images = reading.read(versions, first, first + numbers.length);
        await underWay;
        if (pages > 0) await written(pages);
        pages = numbers.length;
        underWay = this.#writeRuns(file, numbers, images);
        [reading, writing] = [writing, reading];
      }
      await underWay;
      if (pages > 0) await written(pages);
    } finally {
      // Nobody uses the buffers, or closes the file, under a write.
      await underWay.catch(() => undefined);
    }
  }

  /** Writes images, pages with neighbouring numbers at once. */
  async #writeRuns(file: PageFile, pageNumbers: Float64Array, images: readonly Uint8Array[]): Promise<void> {
    for (let first = 0, end = 0; first < images.length; first = end) {
      const firstPage = pageNumbers[first] as number;
      for (end = first + 1; end < images.length; end += 1) if (pageNumbers[end] !== firstPage + end - first) break;
      await file.startWritePages(firstPage, images.slice(first, end));
    }
  }
}
