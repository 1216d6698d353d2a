// Where a thread finds the image of a page that is in no frame: in the log, as the version index says, else in the page
// file (design/page-store.md, "Miss"). Not here: latches, and which thread may look.

import { WalError } from '../base/errors.js';
import type { PageSource } from '../cache/shared-page-cache.js';
import { STORE_SPACE } from '../checkpoint/checkpoint.js';
import type { PageFile } from '../storage/page-file.js';
import { type LogReader, readLiveImage } from '../versions/log-reader.js';
import type { VersionIndex } from '../versions/version-index.js';

/** What a thread reads pages from. */
export interface StorePagesParts {
  readonly index: VersionIndex;
  readonly log: LogReader;
  /** Opened by this thread. */
  readonly pageFile: PageFile;
  /** The newest commit that made the store smaller, or a later one. */
  cutSeq(): number;
  /** Blocks until everything through `seq` is indexed; false when the time was over before. */
  awaitIndexed(seq: number, timeoutMs: number): boolean;
  /** The last sequence taken. */
  lastSeq(): number;
  readonly timeoutMs: number;
}

/** The newest images, and those as of a sequence. */
export class StorePages implements PageSource {
  readonly #parts: StorePagesParts;
  #indexedThrough = 0;

  constructor(parts: StorePagesParts) {
    this.#parts = parts;
  }

  isEvictable(seq: number): boolean {
    // The mark only grows: what was seen of it once spares most looks.
    if (seq > this.#indexedThrough) this.#indexedThrough = this.#parts.index.indexedThrough;
    return seq <= this.#indexedThrough;
  }

  load(pageNumber: number, target: Uint8Array): number {
    // S3: of a page in no frame every commit is indexed, for only then frames are evicted; but a cut evicts nothing.
    const { timeoutMs } = this.#parts;
    const cutSeq = this.#parts.cutSeq();
    if (!this.#parts.awaitIndexed(cutSeq, timeoutMs)) {
      const message = `Page ${pageNumber} was not loaded: commit ${cutSeq} is not indexed within ${timeoutMs} ms.`;
      throw new WalError('ERR_WAL_TIMEOUT', message, { pageNumber, cutSeq, timeoutMs });
    }
    return this.readAsOf(pageNumber, Number.MAX_SAFE_INTEGER, target);
  }

  awaitEvictable(timeoutMs: number): void {
    const seen = this.#parts.index.indexedThrough;
    const lastSeq = this.#parts.lastSeq();
    if (lastSeq > seen) this.#parts.awaitIndexed(Math.min(lastSeq, seen + 1), timeoutMs);
  }

  /**
   * Reads the image of a page as of a sequence.
   *
   * @param asOf - everything through it that touches the page is indexed, and it is not below a checkpoint under way
   * @returns the commit it is of; 0 when it is older than everything in the log
   */
  readAsOf(pageNumber: number, asOf: number, target: Uint8Array): number {
    const { index, log, pageFile } = this.#parts;
    for (;;) {
      const found = index.find(STORE_SPACE, pageNumber, asOf);
      if (found === 'zero') {
        target.fill(0);
        return Math.min(asOf, this.#parts.cutSeq());
      }
      if (found === undefined) {
        // S1: no live version, so no checkpoint writes this page while it is read.
        if (!pageFile.readPage(pageNumber, target)) target.fill(0);
        return 0;
      }
      if (readLiveImage(log, found, target, () => index.isLive(found.id))) return found.seq;
      // A checkpoint has passed by meanwhile: the log file may be in use again, and the page file has the image.
    }
  }
}
