// What attached pages have that the page file does not: images and sizes of the commits above the last checkpoint, so
// that a checkpoint can write the store as of any durable commit, whatever was committed behind it. One version of a
// page is kept for each commit that is not durable yet, and one that is: the lanes bound how many that are.

/** One image of a page. Never changed. */
interface Version {
  readonly seq: number;
  readonly image: Uint8Array;
}

/** One size of the store. */
interface Size {
  readonly seq: number;
  readonly pages: number;
  /** Smaller than the size before it: what lies beyond is gone. */
  readonly isCut: boolean;
}

/** The store as of a commit, as far as it differs from the page file. */
export interface StoreAsOf {
  /** To be applied first, or undefined: beyond it the page file holds what was cut off. */
  readonly cutPages: number | undefined;
  /** In page order. */
  readonly pages: readonly (readonly [pageNumber: number, image: Uint8Array])[];
  readonly sizePages: number;
}

/** The versions above the last checkpoint of one page file. */
export class DirtyPages {
  readonly #versions = new Map<number, Version[]>();
  #sizes: Size[] = [];
  /** Size as of the last checkpoint. */
  #checkpointPages: number;

  constructor(sizePages: number) {
    this.#checkpointPages = sizePages;
  }

  /** Size as of the last commit. */
  get sizePages(): number {
    return this.#sizes.at(-1)?.pages ?? this.#checkpointPages;
  }

  /** Pages with an image that the page file does not have. */
  get count(): number {
    return [...this.#versions.keys()].filter((pageNumber) => this.newest(pageNumber) instanceof Uint8Array).length;
  }

  /**
   * Takes a commit in; commits come in order.
   *
   * @param durableSeq - what is replaced at or below it is not needed any more
   */
  install(
    seq: number,
    writes: Iterable<readonly [number, Uint8Array]>,
    sizePages: number | undefined,
    durableSeq: number,
  ) {
    for (const [pageNumber, image] of writes) {
      const versions = this.#versions.get(pageNumber) ?? [];
      const firstNeeded = Math.max(
        0,
        versions.findLastIndex((version) => version.seq <= durableSeq),
      );
      this.#versions.set(pageNumber, [...versions.slice(firstNeeded), { seq, image }]);
    }
    if (sizePages === undefined || sizePages === this.sizePages) return;
    const sizes = [...this.#sizes, { seq, pages: sizePages, isCut: sizePages < this.sizePages }];
    this.#sizes = sizes.filter((size, index) => {
      const later = sizes.slice(index + 1);
      const isLater = size.seq > durableSeq || !later.some((other) => other.seq <= durableSeq);
      // A cut that a later one exceeds, and a growth that is over, have had their time.
      return isLater || (size.isCut && !later.some((o) => o.isCut && o.seq <= durableSeq && o.pages <= size.pages));
    });
  }

  /** The newest image of a page; `cut` when it was cut off since: then it is zeros; undefined when the file has it. */
  newest(pageNumber: number): Uint8Array | 'cut' | undefined {
    return this.#asOf(pageNumber, Number.POSITIVE_INFINITY);
  }

  /** What a checkpoint through `throughSeq` has to write. */
  asOf(throughSeq: number): StoreAsOf {
    const sizes = this.#sizes.filter(({ seq }) => seq <= throughSeq);
    const sizePages = sizes.at(-1)?.pages ?? this.#checkpointPages;
    const cuts = sizes.filter(({ isCut }) => isCut).map(({ pages }) => pages);
    const pages: (readonly [number, Uint8Array])[] = [];
    for (const pageNumber of this.#versions.keys()) {
      const image = this.#asOf(pageNumber, throughSeq);
      if (image instanceof Uint8Array) pages.push([pageNumber, image]);
    }
    pages.sort(([one], [other]) => one - other);
    return { cutPages: cuts.length === 0 ? undefined : Math.min(...cuts), pages, sizePages };
  }

  /** The page file holds everything up to `throughSeq`. */
  forget(throughSeq: number): void {
    for (const [pageNumber, versions] of this.#versions) {
      const left = versions.filter(({ seq }) => seq > throughSeq);
      if (left.length === 0) this.#versions.delete(pageNumber);
      else this.#versions.set(pageNumber, left);
    }
    this.#checkpointPages = this.#sizes.findLast(({ seq }) => seq <= throughSeq)?.pages ?? this.#checkpointPages;
    this.#sizes = this.#sizes.filter(({ seq }) => seq > throughSeq);
  }

  #asOf(pageNumber: number, throughSeq: number): Uint8Array | 'cut' | undefined {
    const version = this.#versions.get(pageNumber)?.findLast(({ seq }) => seq <= throughSeq);
    const from = version?.seq ?? -1;
    const isCut = this.#sizes.some(
      ({ seq, pages, isCut }) => isCut && seq <= throughSeq && seq > from && pages < pageNumber,
    );
    return isCut ? 'cut' : version?.image;
  }
}
