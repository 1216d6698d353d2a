// Makes applying transactions one by one give what SQLite's rule gives. The rule looks at the end only: of each page
// the newest committed frame wins, else the base's content, and the result is cut to the last commit's size. Our log
// cuts on the way, and a page that was cut off is zero when the store grows again. The two differ where a transaction
// grows the database over a page that it does not write and that has content by the rule: from before a cut, or from a
// frame beyond its own commit's size. Such a transaction gets that page as one more write, so that both agree after
// every transaction.

import type { SqliteBase } from './input-file.js';
import type { SqliteTrace } from './sqlite-wal.js';

/** Entries in the order of the transactions, as they grow. */
class Entries {
  readonly pageNumbers: number[] = [];
  readonly imageOffsets: number[] = [];

  add(pageNumber: number, imageOffset: number): void {
    this.pageNumbers.push(pageNumber);
    this.imageOffsets.push(imageOffset);
  }
}

/**
 * The trace with a write of every page that a transaction grows over although it has content by SQLite's rule.
 *
 * @param base - what the trace is replayed onto; its images may become part of the result's `bytes`
 * @returns a trace over shared memory in all its parts, so that any number of workers gets it without a copy; numbers,
 *   sizes and counts of the transactions are unchanged
 */
export function writeRegrownPages(trace: SqliteTrace, base: SqliteBase): SqliteTrace {
  const { entryStarts, pageNumbers, imageOffsets, commitSizePages, beyond } = trace;
  const entries = new Entries();
  const starts = sharedUint32(commitSizePages.length + 1);
  const newest = new Map<number, number>();
  const images = new BaseImages(trace.bytes.length, base);
  let highest = base.pages;
  let beyondAt = 0;
  let sizeBefore = base.pages;
  commitSizePages.forEach((size, transaction) => {
    const first = entryStarts[transaction] ?? 0;
    const end = entryStarts[transaction + 1] ?? first;
    const own = size > sizeBefore ? new Set(pageNumbers.subarray(first, end)) : undefined;
    // Without `own` nothing grows; beyond `highest` no page has any content.
    for (let page = sizeBefore + 1; own !== undefined && page <= Math.min(size, highest); page++) {
      const offset = own.has(page) ? undefined : (newest.get(page) ?? images.offsetOf(page));
      if (offset !== undefined) entries.add(page, offset);
    }
    const note = (page: number, offset: number): void => {
      newest.set(page, offset);
      if (page > highest) highest = page;
    };
    for (let entry = first; entry < end; entry++) {
      const [page, offset] = [pageNumbers[entry] ?? 0, imageOffsets[entry] ?? 0];
      entries.add(page, offset);
      note(page, offset);
    }
    for (; beyond.transactions[beyondAt] === transaction; beyondAt++) {
      note(beyond.pageNumbers[beyondAt] ?? 0, beyond.imageOffsets[beyondAt] ?? 0);
    }
    starts[transaction + 1] = entries.pageNumbers.length;
    sizeBefore = size;
  });
  return shared(trace, entries, starts, images);
}

/** Images of base pages that are needed, behind the bytes of the trace. */
class BaseImages {
  readonly #start: number;
  readonly #base: SqliteBase;
  readonly #offsets = new Map<number, number>();

  constructor(start: number, base: SqliteBase) {
    this.#start = start;
    this.#base = base;
  }

  /** Where the image of a base page is going to be; undefined for a page the base does not have. */
  offsetOf(page: number): number | undefined {
    if (page > this.#base.pages) return undefined;
    const offset = this.#offsets.get(page) ?? this.#start + this.#offsets.size * this.#base.pageBytes;
    this.#offsets.set(page, offset);
    return offset;
  }

  /** The trace's bytes with the images behind them; the same bytes when there are none. */
  appendedTo(bytes: Uint8Array): Uint8Array {
    if (this.#offsets.size === 0) return bytes;
    const { pageBytes } = this.#base;
    const all = new Uint8Array(new SharedArrayBuffer(this.#start + this.#offsets.size * pageBytes));
    all.set(bytes);
    for (const [page, offset] of this.#offsets) {
      all.set(this.#base.bytes.subarray((page - 1) * pageBytes, page * pageBytes), offset);
    }
    return all;
  }
}

function shared(trace: SqliteTrace, entries: Entries, entryStarts: Uint32Array, images: BaseImages): SqliteTrace {
  const count = entries.pageNumbers.length;
  const pageNumbers = sharedUint32(count);
  pageNumbers.set(entries.pageNumbers);
  const imageOffsets = new Float64Array(new SharedArrayBuffer(count * 8));
  imageOffsets.set(entries.imageOffsets);
  const commitSizePages = sharedUint32(trace.commitSizePages.length);
  commitSizePages.set(trace.commitSizePages);
  return { ...trace, bytes: images.appendedTo(trace.bytes), entryStarts, pageNumbers, imageOffsets, commitSizePages };
}

function sharedUint32(length: number): Uint32Array {
  return new Uint32Array(new SharedArrayBuffer(length * 4));
}
