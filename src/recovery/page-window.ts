// What a stretch of the log makes of page files: the newest image of each page that it writes, copied into one buffer,
// and the sizes that it sets. An image that is overwritten, or cut off, within the stretch is never written. Not here:
// when a window is written (page-files-target.ts), and that its commits came in order.
//
// Kept (R10): a cut takes the images beyond it, and the file is cut as far as the smallest size before any image is
// written, so that whatever grows back is zero.

import type { PageFile } from '../storage/page-file.js';

/** What the window holds for one space. */
interface SpaceWindow {
  /** Where in the buffer the newest image of each page is, counted in pages. */
  readonly slots: Map<number, number>;
  /** No page in `slots` has a higher number. */
  pageMax: number;
  /** The smallest size set. */
  cutPages: number | undefined;
  /** The size in the end; undefined while none was set: then the file only grows by the pages written. */
  sizePages: number | undefined;
}

/** A bounded number of page images, used again and again. */
export class PageWindow {
  readonly #pageBytes: number;
  readonly #buffer: Uint8Array;
  readonly #spaces = new Map<number, SpaceWindow>();
  #slotsUsed = 0;

  /** @param bytes - of the buffer; it holds at least one page */
  constructor(pageBytes: number, bytes: number) {
    this.#pageBytes = pageBytes;
    this.#buffer = new Uint8Array(Math.max(1, Math.floor(bytes / pageBytes)) * pageBytes);
  }

  /** No further page fits in. */
  get isFull(): boolean {
    return this.#slotsUsed * this.#pageBytes === this.#buffer.length;
  }

  /** Spaces that the window changes. */
  get spaces(): IterableIterator<number> {
    return this.#spaces.keys();
  }

  /** Takes a copy of an image of a whole page; there is room. */
  put(space: number, pageNumber: number, image: Uint8Array): void {
    const window = this.#of(space);
    let slot = window.slots.get(pageNumber);
    if (slot === undefined) {
      slot = this.#slotsUsed;
      this.#slotsUsed += 1;
      window.slots.set(pageNumber, slot);
      if (pageNumber > window.pageMax) window.pageMax = pageNumber;
      if (window.sizePages !== undefined && pageNumber > window.sizePages) window.sizePages = pageNumber;
    }
    this.#buffer.set(image, slot * this.#pageBytes);
  }

  /** Sets the size of a space. The slots of images that are cut off stay used. */
  resize(space: number, pages: number): void {
    const window = this.#of(space);
    window.cutPages = Math.min(window.cutPages ?? pages, pages);
    window.sizePages = pages;
    if (pages >= window.pageMax) return;
    const { slots } = window;
    // A store that grows and shrinks by a few pages in each commit must not look at the whole window each time.
    if (window.pageMax - pages < slots.size)
      for (let page = pages + 1; page <= window.pageMax; page += 1) slots.delete(page);
    else for (const page of slots.keys()) if (page > pages) slots.delete(page);
    window.pageMax = pages;
  }

  /**
   * Brings the page file of a space from the beginning of the window to its end. The window stays as it is meanwhile.
   *
   * Durability: none; sync the file.
   * @throws {WalError} ERR_WAL_STORAGE_FULL, ERR_WAL_IO; the file is then somewhere between the two
   */
  async write(space: number, file: PageFile): Promise<void> {
    const { slots, cutPages, sizePages } = this.#of(space);
    if (cutPages !== undefined) file.cutToPages(cutPages);
    const underWay: (Promise<void> | undefined)[] = [];
    try {
      for (const { firstPage, pieces } of this.#runs(slots)) underWay.push(file.startWritePages(firstPage, pieces));
    } finally {
      // Nobody uses the buffer, or closes the file, under a write.
      await Promise.allSettled(underWay);
    }
    await Promise.all(underWay);
    if (sizePages !== undefined) file.setSizePages(sizePages);
  }

  /** Forgets everything. */
  clear(): void {
    this.#spaces.clear();
    this.#slotsUsed = 0;
  }

  /** Pages with neighbouring numbers, ascending. */
  *#runs(slots: ReadonlyMap<number, number>): Generator<{ firstPage: number; pieces: Uint8Array[] }, void, void> {
    const pageNumbers = Float64Array.from(slots.keys()).sort();
    for (let first = 0, end = 0; first < pageNumbers.length; first = end) {
      const firstPage = pageNumbers[first] as number;
      for (end = first + 1; end < pageNumbers.length; end += 1) if (pageNumbers[end] !== firstPage + end - first) break;
      yield { firstPage, pieces: this.#pieces(slots, pageNumbers.subarray(first, end)) };
    }
  }

  /** The images of neighbouring pages; those that are neighbours in the buffer, too, in one piece. */
  #pieces(slots: ReadonlyMap<number, number>, pageNumbers: Float64Array): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let first = -1;
    let end = -1;
    for (const pageNumber of pageNumbers) {
      const slot = slots.get(pageNumber) as number;
      if (slot !== end) {
        if (end > first) pieces.push(this.#slots(first, end));
        first = slot;
      }
      end = slot + 1;
    }
    pieces.push(this.#slots(first, end));
    return pieces;
  }

  #slots(first: number, end: number): Uint8Array {
    return this.#buffer.subarray(first * this.#pageBytes, end * this.#pageBytes);
  }

  #of(space: number): SpaceWindow {
    let window = this.#spaces.get(space);
    if (window === undefined) {
      window = { slots: new Map(), pageMax: 0, cutPages: undefined, sizePages: undefined };
      this.#spaces.set(space, window);
    }
    return window;
  }
}
