// One transaction: private copies under latches until it commits, nothing afterwards if it does not
// (design/page-store.md, "Transaction"). Latches are held to the append and given back before the commit is durable: a
// later commit that saw it cannot be durable before it, because the log is one sequence.

import { invalidArgument } from '../base/errors.js';
import { CACHED_PAGE_MAX } from '../cache/cache-memory.js';
import type { Commit } from '../commit.js';
import type { CommitInput } from '../record/commit.js';

/** What a transaction needs of the thread's part of the store. */
export interface TransactionHost {
  readonly pageBytes: number;
  /** Size of the store in pages, as of the newest commit. */
  sizePages(): number;
  /** Latches a page shared; its image. */
  share(pageNumber: number): Uint8Array;
  /** Latches a page exclusively; its image, or anything if `isOverwrite`. */
  exclude(pageNumber: number, isOverwrite: boolean): Uint8Array;
  /** Latches the size for this thread. */
  latchSize(): void;
  /** Makes sure that nobody uses a page beyond `pages` until the transaction is over. The size is latched. */
  prepareShrink(pages: number): void;
  /** Appends, installs the images and gives everything back. A throw leaves all as it was, and gives nothing back. */
  commit(work: TransactionWork): Commit;
  /** The same, without blocking while the log has no space. */
  commitAsync(work: TransactionWork): Promise<Commit>;
  /** Gives everything back. */
  end(): void;
}

/** What a transaction wants to become of the store. */
export interface TransactionWork {
  readonly input: CommitInput | undefined;
  readonly images: ReadonlyMap<number, Uint8Array>;
  /** The smallest size the transaction went through, if below that before it. */
  readonly cutPages: number | undefined;
}

/**
 * A transaction of one thread.
 *
 * Threading: the thread that began it. An error of `read`, `write` and the others leaves it open: roll back, or, but
 * for ERR_WAL_DEADLOCK, go on.
 */
export class Transaction {
  readonly #host: TransactionHost;
  readonly #images = new Map<number, Uint8Array>();
  /** Size of the store once the transaction commits; undefined while it does not change it. */
  #sizePages: number | undefined;
  #cutPages: number | undefined;
  /** Size before, known once it is latched. */
  #sizeBefore = 0;
  #isOver = false;
  #committing: Promise<unknown> = Promise.resolve();

  /** @internal */
  constructor(host: TransactionHost) {
    this.#host = host;
  }

  /** Size of the store in pages, as this transaction sees it. */
  get sizePages(): number {
    return this.#sizePages ?? this.#host.sizePages();
  }

  /** Whether it was committed or rolled back. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * A page as this transaction sees it. Not a copy: valid until the transaction ends, and not to be changed.
   *
   * @param pageNumber - from 1 to {@link sizePages}
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT, ERR_WAL_DEADLOCK (roll back and try again), ERR_WAL_CACHE_FULL,
   *   ERR_WAL_TIMEOUT, ERR_WAL_IO, ERR_WAL_POISONED, ERR_WAL_CLOSED
   *
   * Others may read the page as well until this transaction ends; nobody commits to it.
   */
  read(pageNumber: number): Uint8Array {
    this.#check(pageNumber);
    return this.#images.get(pageNumber) ?? this.#host.share(pageNumber);
  }

  /**
   * Writes a whole page; the image is copied.
   *
   * @param image - exactly the bytes of a page
   * @throws {WalError} as {@link read}
   */
  write(pageNumber: number, image: Uint8Array): void {
    this.#check(pageNumber);
    if (!(image instanceof Uint8Array) || image.length !== this.#host.pageBytes) {
      throw invalidArgument(`An image must have the ${this.#host.pageBytes} bytes of a page.`, { pageNumber });
    }
    const own = this.#images.get(pageNumber);
    if (own !== undefined) own.set(image);
    else {
      this.#host.exclude(pageNumber, true);
      this.#images.set(pageNumber, image.slice());
    }
  }

  /**
   * A page to be changed in place: a private copy, which the commit makes everybody's.
   *
   * @throws {WalError} as {@link read}
   */
  edit(pageNumber: number): Uint8Array {
    this.#check(pageNumber);
    const own = this.#images.get(pageNumber);
    if (own !== undefined) return own;
    // A page gained is zero: nothing to load.
    const isNew = this.#sizePages !== undefined && pageNumber > this.#sizeBefore;
    const image = this.#host.exclude(pageNumber, isNew);
    const copy = isNew ? new Uint8Array(this.#host.pageBytes) : image.slice();
    this.#images.set(pageNumber, copy);
    return copy;
  }

  /**
   * Makes the store larger by one page, which is zero.
   *
   * @returns the number of the new page
   * @throws {WalError} ERR_WAL_DEADLOCK when another transaction that changes the size did not end in time
   */
  allocate(): number {
    this.#checkOpen();
    this.resize(this.#latchedSize() + 1);
    return this.#sizePages as number;
  }

  /**
   * Sets the size of the store in pages; pages beyond it are gone, pages gained are zero.
   *
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT, ERR_WAL_DEADLOCK
   */
  resize(pages: number): void {
    this.#checkOpen();
    if (!Number.isSafeInteger(pages) || pages < 0 || pages > CACHED_PAGE_MAX) {
      throw invalidArgument(`A size must be a whole number of pages, from 0 to ${CACHED_PAGE_MAX}.`, { pages });
    }
    const present = this.#latchedSize();
    if (pages < present) this.#shrink(pages);
    else this.#grow(present, pages);
    this.#sizePages = pages;
  }

  /**
   * Commits. Blocks while the log has no space, at most `appendTimeoutMs`, or a second.
   *
   * @returns the commit; await its `durable()` before acknowledging anything. Of a transaction that wrote nothing it is
   * the newest commit it saw.
   * @throws {WalError} those of `append`: nothing was committed, the transaction was rolled back
   *
   * Durability: none yet, but others see it already; what they commit cannot become durable before it.
   */
  commit(): Commit {
    this.#checkOpen();
    try {
      return this.#host.commit(this.#work());
    } finally {
      this.rollback();
    }
  }

  /** Like {@link commit}, without blocking while the log has no space. */
  async commitAsync(): Promise<Commit> {
    this.#checkOpen();
    const work = this.#work();
    this.#isOver = true;
    const committing = this.#host.commitAsync(work);
    this.#committing = committing.catch(() => undefined);
    try {
      return await committing;
    } finally {
      this.#end();
    }
  }

  /** @internal Rolls back, but for a commit under way: resolves when nothing of this transaction is held any more. */
  async leave(): Promise<void> {
    this.rollback();
    await this.#committing;
  }

  /** Forgets everything. Twice, or behind a commit, is harmless. */
  rollback(): void {
    if (this.#isOver) return;
    this.#end();
  }

  #end(): void {
    this.#isOver = true;
    this.#images.clear();
    this.#host.end();
  }

  #shrink(pages: number): void {
    // Announced before anything is dropped: a throw here leaves the transaction as it was.
    this.#host.prepareShrink(Math.min(pages, this.#cutPages ?? this.#sizeBefore));
    if (pages < (this.#cutPages ?? this.#sizeBefore)) this.#cutPages = pages;
    for (const pageNumber of [...this.#images.keys()]) if (pageNumber > pages) this.#images.delete(pageNumber);
  }

  /** Pages that this transaction cut off and gains again: one size record cannot say both, so they are written. */
  #grow(present: number, pages: number): void {
    if (this.#cutPages === undefined) return;
    for (let pageNumber = present + 1; pageNumber <= Math.min(pages, this.#sizeBefore); pageNumber += 1) {
      this.#host.exclude(pageNumber, true);
      this.#images.set(pageNumber, new Uint8Array(this.#host.pageBytes));
    }
  }

  #latchedSize(): number {
    if (this.#sizePages !== undefined) return this.#sizePages;
    this.#host.latchSize();
    this.#sizeBefore = this.#host.sizePages();
    this.#sizePages = this.#sizeBefore;
    return this.#sizePages;
  }

  #work(): TransactionWork {
    const images = this.#images;
    const isResized = this.#sizePages !== undefined && this.#sizePages !== this.#sizeBefore;
    const dbSizePages = isResized ? this.#sizePages : undefined;
    const pages = [...images].map(([pageNumber, image]) => ({ pageNumber, image }));
    const input = pages.length === 0 && dbSizePages === undefined ? undefined : { pages, dbSizePages };
    const cutPages = this.#cutPages !== undefined && isResized && (this.#sizePages as number) < this.#sizeBefore;
    return { input, images, cutPages: cutPages ? this.#sizePages : undefined };
  }

  #checkOpen(): void {
    if (this.#isOver) throw invalidArgument('The transaction is over.');
  }

  #check(pageNumber: number): void {
    this.#checkOpen();
    const { sizePages } = this;
    if (Number.isSafeInteger(pageNumber) && pageNumber >= 1 && pageNumber <= sizePages) return;
    throw invalidArgument(`Page ${String(pageNumber)} is not one of the ${sizePages} pages of the store.`, {
      pageNumber,
      sizePages,
    });
  }
}
