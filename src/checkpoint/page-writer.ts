// Brings a page file from one sequence to a later one: the cut first, then the newest images in page order, joined to
// long writes, the size last (design/page-store.md, "Checkpoint"). A generator, so that whoever drives it decides
// after each write whether to pause, to sync, to do something else first, or to give up: the log still holds
// everything. Not here: which images those are, and when they may be written (C1).

import type { PageFile } from '../storage/page-file.js';

/** One write has at most this many bytes: longer ones are no faster, and hold up the log's own syncs. */
export const RUN_BYTES_MAX = 2 ** 20;

/** What a page file is brought up to. `Version` says where an image is; only the reader of images looks into it. */
export interface PageFileTarget<Version extends { readonly pageNumber: number }> {
  /** The smallest size since the page file was last complete, in pages: what it holds beyond is gone. */
  readonly cutPages: number | undefined;
  /** Size in pages in the end. */
  readonly sizePages: number;
  /** The newest version of each page, ascending by page number. One beyond the size makes the file larger. */
  readonly versions: Iterable<Version>;
}

/** Reads the image of a version into `target`, which has the bytes of a page. */
export type ReadImage<Version> = (version: Version, target: Uint8Array) => void;

/** Writes page files with one buffer. */
export class PageWriter<Version extends { readonly pageNumber: number }> {
  readonly #readImage: ReadImage<Version>;
  readonly #images: readonly Uint8Array[];

  constructor(pageBytes: number, readImage: ReadImage<Version>) {
    this.#readImage = readImage;
    const buffer = new Uint8Array(Math.max(RUN_BYTES_MAX, pageBytes));
    const count = Math.floor(buffer.length / pageBytes);
    this.#images = Array.from({ length: count }, (_, index) =>
      buffer.subarray(index * pageBytes, (index + 1) * pageBytes),
    );
  }

  /**
   * Brings `file` to `target`, one write each time it is asked for the next; yields the number of pages written, and
   * returns the size of the file in pages.
   *
   * Durability: none; sync the file. After a throw or an early end the file is somewhere between the two states, and
   * doing it again, to this or a later target, makes it whole.
   * @throws {WalError} ERR_WAL_STORAGE_FULL, ERR_WAL_IO, and whatever reading an image throws
   */
  *write(file: PageFile, { cutPages, sizePages, versions }: PageFileTarget<Version>): Generator<number, number, void> {
    // S1: first, so that no image written below is cut off again, and nothing cut off comes back when the file grows.
    if (cutPages !== undefined && cutPages < file.sizePages()) file.setSizePages(cutPages);
    let firstPage = 0;
    let count = 0;
    for (const version of versions) {
      if (count > 0 && (version.pageNumber !== firstPage + count || count === this.#images.length)) {
        file.writePages(firstPage, this.#images.slice(0, count));
        yield count;
        count = 0;
      }
      if (count === 0) firstPage = version.pageNumber;
      this.#readImage(version, this.#images[count] as Uint8Array);
      count += 1;
    }
    if (count > 0) {
      file.writePages(firstPage, this.#images.slice(0, count));
      yield count;
    }
    // A log that was never told the size of its store has pages beyond it.
    const pages = Math.max(sizePages, count === 0 ? 0 : firstPage + count - 1);
    if (file.sizePages() !== pages || file.partialPage() !== undefined) file.setSizePages(pages);
    return pages;
  }
}
