// What a stretch of the log makes of page files: where in the log the newest image of each page stands that the stretch
// writes, and the sizes that it sets. An image that is overwritten, or cut off, within the stretch is neither read
// again nor written. Not here: when a window is written (page-files-target.ts), and that its commits came in order.
//
// Kept (R10): a cut takes the images in front of it that lie beyond it, and the smallest size is known, to which the
// page file is cut before any image is written, so that whatever grows back is zero.

import { ascendingIndexes } from '../versions/ascending-indexes.js';
import type { NewestVersions } from '../versions/newest-versions.js';

/** What an image takes: its columns here, those of a sort, and those of the versions that come out. */
const IMAGE_BYTES = 80;

/** What the window holds for one space. */
interface SpaceWindow {
  imageCount: number;
  /** No image that was not cut off is of a higher page. */
  pageMax: number;
  /** Cuts that may take images: ascending by where they stand among the images, and by pages, both. */
  readonly cuts: { readonly index: number; readonly pages: number }[];
  /** The smallest size set. */
  cutPages: number | undefined;
  /** The last size set, which images behind it may exceed; undefined while none was. */
  sizePages: number | undefined;
}

/** What a window makes of one space. */
export interface WindowedSpace {
  readonly space: number;
  readonly cutPages: number | undefined;
  readonly sizePages: number | undefined;
  readonly versions: NewestVersions;
}

/** Notes of a bounded number of images, used again and again. */
export class PageWindow {
  readonly #spaceOf: Uint32Array;
  readonly #pageNumbers: Float64Array;
  readonly #fileNumbers: Float64Array;
  readonly #offsets: Float64Array;
  readonly #spaces = new Map<number, SpaceWindow>();
  #imageCount = 0;

  /** @param bytes - of memory; it holds at least one image */
  constructor(bytes: number) {
    const images = Math.max(1, Math.floor(bytes / IMAGE_BYTES));
    this.#spaceOf = new Uint32Array(images);
    this.#pageNumbers = new Float64Array(images);
    this.#fileNumbers = new Float64Array(images);
    this.#offsets = new Float64Array(images);
  }

  /** No further image fits in. */
  get isFull(): boolean {
    return this.#imageCount === this.#offsets.length;
  }

  /** Notes where an image of a page stands; there is room. */
  put(space: number, pageNumber: number, fileNumber: number, offset: number): void {
    const window = this.#of(space);
    const index = this.#imageCount;
    this.#spaceOf[index] = space;
    this.#pageNumbers[index] = pageNumber;
    this.#fileNumbers[index] = fileNumber;
    this.#offsets[index] = offset;
    this.#imageCount += 1;
    window.imageCount += 1;
    if (pageNumber > window.pageMax) window.pageMax = pageNumber;
  }

  /** Sets the size of a space. The room of images that are cut off stays used. */
  resize(space: number, pages: number): void {
    const window = this.#of(space);
    window.cutPages = Math.min(window.cutPages ?? pages, pages);
    window.sizePages = pages;
    if (pages >= window.pageMax) return;
    window.pageMax = pages;
    // What an earlier cut to more pages takes, this one takes too.
    const { cuts } = window;
    while ((cuts.at(-1)?.pages ?? -1) >= pages) cuts.pop();
    cuts.push({ index: this.#imageCount, pages });
  }

  /** What there is for each space, one after the other; in the end the window is empty. */
  *take(): Generator<WindowedSpace, void, void> {
    const indexesOf = this.#indexesBySpace();
    for (const [space, { cuts, cutPages, sizePages }] of this.#spaces) {
      const versions = this.#newest(indexesOf.get(space) as Uint32Array, cuts);
      yield { space, cutPages, sizePages, versions };
    }
    this.#spaces.clear();
    this.#imageCount = 0;
  }

  /** The images of each space, in their order: in one pass, because there may be thousands of spaces. */
  #indexesBySpace(): Map<number, Uint32Array> {
    const all = new Map([...this.#spaces].map(([space, { imageCount }]) => [space, new Uint32Array(imageCount)]));
    const counts = new Map<number, number>();
    for (let index = 0; index < this.#imageCount; index += 1) {
      const space = this.#spaceOf[index] as number;
      const count = counts.get(space) ?? 0;
      (all.get(space) as Uint32Array)[count] = index;
      counts.set(space, count + 1);
    }
    return all;
  }

  #newest(indexes: Uint32Array, cuts: SpaceWindow['cuts']): NewestVersions {
    const imageCount = indexes.length;
    const pages = new Float64Array(imageCount);
    for (let at = 0; at < imageCount; at += 1) pages[at] = this.#pageNumbers[indexes[at] as number] as number;
    const order = ascendingIndexes(pages);
    const pageNumbers = new Float64Array(imageCount);
    const fileNumbers = new Float64Array(imageCount);
    const offsets = new Float64Array(imageCount);
    let count = 0;
    for (let at = 0; at < imageCount; at += 1) {
      const page = pages[order[at] as number] as number;
      // Of the images of one page the last one counts.
      if (at + 1 < imageCount && pages[order[at + 1] as number] === page) continue;
      const index = indexes[order[at] as number] as number;
      if (isCutOff(cuts, index, page)) continue;
      pageNumbers[count] = page;
      fileNumbers[count] = this.#fileNumbers[index] as number;
      offsets[count] = this.#offsets[index] as number;
      count += 1;
    }
    return {
      pageNumbers: pageNumbers.subarray(0, count),
      fileNumbers: fileNumbers.subarray(0, count),
      offsets: offsets.subarray(0, count),
    };
  }

  #of(space: number): SpaceWindow {
    let window = this.#spaces.get(space);
    if (window === undefined) {
      window = { imageCount: 0, pageMax: 0, cuts: [], cutPages: undefined, sizePages: undefined };
      this.#spaces.set(space, window);
    }
    return window;
  }
}

/** Whether a cut behind an image takes it. */
function isCutOff(cuts: SpaceWindow['cuts'], index: number, page: number): boolean {
  // The first cut behind the image is the smallest of those.
  let first = 0;
  for (let end = cuts.length; first < end; ) {
    const middle = (first + end) >> 1;
    if ((cuts[middle] as { index: number }).index > index) end = middle;
    else first = middle + 1;
  }
  const cut = cuts[first];
  return cut !== undefined && cut.pages < page;
}
