// Sizes of the store over the commits that are above the last checkpoint: a checkpoint that ends below the newest one,
// and a snapshot, need the size as of theirs. Filled by the indexer, in the order of the log.

/** Sizes in pages, by the commit that set them. */
export class SizeHistory {
  #seqs: number[] = [];
  #sizes: number[] = [];
  #before: number;

  /** @param sizePages - as of the last checkpoint */
  constructor(sizePages: number) {
    this.#before = sizePages;
  }

  set(seq: number, sizePages: number): void {
    this.#seqs.push(seq);
    this.#sizes.push(sizePages);
  }

  /** Size as of a sequence that is not below the last {@link release}. */
  asOf(seq: number): number {
    return this.#sizes[this.#firstAbove(seq) - 1] ?? this.#before;
  }

  /** The largest size since the last {@link release}. */
  largest(): number {
    return this.#sizes.reduce((largest, pages) => Math.max(largest, pages), this.#before);
  }

  /** Nobody will ask for less than this sequence any more. */
  release(throughSeq: number): void {
    const count = this.#firstAbove(throughSeq);
    this.#before = this.asOf(throughSeq);
    this.#seqs = this.#seqs.slice(count);
    this.#sizes = this.#sizes.slice(count);
  }

  #firstAbove(seq: number): number {
    let low = 0;
    let high = this.#seqs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#seqs[middle] as number) <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
