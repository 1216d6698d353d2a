// The pages that one thread has latched for its open transaction. One latch a page however often it is used, all given
// back together: isolation needs them held to the append (design/page-store.md, "Transaction").

import { WalError } from '../base/errors.js';
import type { SharedPageCache } from '../cache/shared-page-cache.js';
import type { StoreCounts } from '../store-metrics.js';

interface Held {
  readonly frame: number;
  readonly isExclusive: boolean;
}

/** Latches of one transaction at a time, for one thread. */
export class PageLatches {
  readonly #cache: SharedPageCache;
  readonly #timeoutMs: number;
  readonly #counts: StoreCounts;
  readonly #held = new Map<number, Held>();
  #seenSeq = 0;

  constructor(cache: SharedPageCache, timeoutMs: number, counts: StoreCounts) {
    this.#cache = cache;
    this.#timeoutMs = timeoutMs;
    this.#counts = counts;
  }

  /** The newest commit whose image was seen since the latches were last given back. */
  get seenSeq(): number {
    return this.#seenSeq;
  }

  /** The frame in which this thread holds a page, undefined when it does not. */
  frameOf(pageNumber: number): number | undefined {
    return this.#held.get(pageNumber)?.frame;
  }

  /** The image of a page, valid until the latches are given back. */
  share(pageNumber: number): Uint8Array {
    const held = this.#held.get(pageNumber);
    if (held !== undefined) return this.#cache.view(held.frame);
    const frame = this.#counted(() => this.#cache.latchShared(pageNumber, this.#timeoutMs));
    this.#held.set(pageNumber, { frame, isExclusive: false });
    this.#seenSeq = Math.max(this.#seenSeq, this.#cache.seqOf(frame));
    return this.#cache.view(frame);
  }

  /**
   * Latches a page for this thread alone.
   *
   * @param isOverwrite - the image does not matter, and is not loaded
   */
  exclude(pageNumber: number, isOverwrite: boolean): Uint8Array {
    const held = this.#held.get(pageNumber);
    if (held?.isExclusive === true) return this.#cache.view(held.frame);
    const frame = this.#counted(() => this.#cache.latchExclusive(pageNumber, this.#timeoutMs, isOverwrite));
    this.#held.set(pageNumber, { frame, isExclusive: true });
    this.#seenSeq = Math.max(this.#seenSeq, this.#cache.seqOf(frame));
    return this.#cache.view(frame);
  }

  #counted(latch: () => number): number {
    const { evictions } = this.#cache;
    try {
      const frame = latch();
      this.#counts.add(this.#cache.wasMiss ? 'cacheMisses' : 'cacheHits');
      return frame;
    } catch (error) {
      if (error instanceof WalError && error.code === 'ERR_WAL_DEADLOCK') this.#counts.add('latchTimeouts');
      throw error;
    } finally {
      if (this.#cache.evictions > evictions) this.#counts.add('cacheEvictions', this.#cache.evictions - evictions);
    }
  }

  /** Puts the image of a commit in the place of the one before it. The page is held exclusively. */
  install(pageNumber: number, image: Uint8Array, seq: number): void {
    const { frame } = this.#held.get(pageNumber) as Held;
    this.#cache.view(frame).set(image);
    this.#cache.setSeq(frame, seq);
  }

  /** Gives one page back, which must not be used any more. */
  release(pageNumber: number): void {
    const held = this.#held.get(pageNumber);
    if (held === undefined) return;
    this.#held.delete(pageNumber);
    if (held.isExclusive) this.#cache.unlatchExclusive(held.frame);
    else this.#cache.unlatchShared(held.frame);
  }

  /** Gives back an exclusively held page that no longer is one of the store. */
  forget(pageNumber: number): void {
    const { frame } = this.#held.get(pageNumber) as Held;
    this.#held.delete(pageNumber);
    this.#cache.abandon(frame);
  }

  releaseAll(): void {
    for (const pageNumber of this.#held.keys()) this.release(pageNumber);
    this.#seenSeq = 0;
  }
}
