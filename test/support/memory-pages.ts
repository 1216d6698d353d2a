// A page store in memory, for tests of what is built on one: transactions one after the other, private copies that a
// commit makes everybody's, another run after ERR_WAL_DEADLOCK, snapshots that stay. Its pages can be damaged, and its
// reads counted.

import { setImmediate } from 'node:timers/promises';
import { WalError } from '../../src/index.js';

/** What a transaction or a snapshot of it can do. */
class MemoryView {
  readonly #owner: MemoryPages;
  readonly #pageBytes: number;
  readonly #pages: readonly Uint8Array[];
  readonly #own = new Map<number, Uint8Array>();
  #sizePages: number;

  constructor(owner: MemoryPages, pages: readonly Uint8Array[], pageBytes: number) {
    this.#owner = owner;
    this.#pages = pages;
    this.#pageBytes = pageBytes;
    this.#sizePages = pages.length;
  }

  get sizePages(): number {
    return this.#sizePages;
  }

  read(pageNumber: number): Uint8Array {
    this.#owner.countRead();
    if (!Number.isSafeInteger(pageNumber) || pageNumber < 1 || pageNumber > this.#sizePages) {
      throw new Error(`page ${pageNumber} is asked for; there are ${this.#sizePages}`);
    }
    return this.#page(pageNumber);
  }

  edit(pageNumber: number): Uint8Array {
    const own = this.#own.get(pageNumber) ?? this.read(pageNumber).slice();
    this.#own.set(pageNumber, own);
    return own;
  }

  allocate(): number {
    this.#sizePages += 1;
    return this.#sizePages;
  }

  /** The pages as this transaction leaves them. */
  result(): Uint8Array[] {
    return Array.from({ length: this.#sizePages }, (_, index) => this.#page(index + 1));
  }

  close(): void {}

  #page(pageNumber: number): Uint8Array {
    return this.#own.get(pageNumber) ?? this.#pages[pageNumber - 1] ?? new Uint8Array(this.#pageBytes);
  }
}

/** The store. Committed pages are never changed, only replaced: a snapshot is the list of them. */
export class MemoryPages {
  readonly pageBytes: number;
  #pages: readonly Uint8Array[] = [];
  #last: Promise<unknown> = Promise.resolve();
  #readsLeft = Number.POSITIVE_INFINITY;
  /** How many transactions committed, and how many were rolled back. */
  commits = 0;
  rollbacks = 0;

  constructor(pageBytes: number) {
    this.pageBytes = pageBytes;
  }

  get pages(): readonly Uint8Array[] {
    return this.#pages;
  }

  /** A store with other bytes: a copy of this one that is damaged, or goes its own way. */
  copy(change: (pages: Uint8Array[]) => void = () => undefined): MemoryPages {
    const other = new MemoryPages(this.pageBytes);
    const pages = this.#pages.map((page) => page.slice());
    change(pages);
    other.#pages = pages;
    return other;
  }

  /** Whoever reads more often than this goes round in a circle. */
  limitReads(count: number): void {
    this.#readsLeft = count;
  }

  countRead(): void {
    this.#readsLeft -= 1;
    if (this.#readsLeft < 0) throw new Error('too many reads: this goes on for ever');
  }

  transaction<Result>(work: (view: MemoryView) => Result | Promise<Result>): Promise<Result> {
    const result = this.#last.then(() => this.#run(work));
    this.#last = result.catch(() => undefined);
    return result;
  }

  async snapshot(): Promise<MemoryView> {
    await setImmediate();
    return new MemoryView(this, this.#pages, this.pageBytes);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #run<Result>(work: (view: MemoryView) => Result | Promise<Result>): Promise<Result> {
    const view = new MemoryView(this, this.#pages, this.pageBytes);
    try {
      const result = await work(view);
      this.#pages = view.result();
      this.commits += 1;
      return result;
    } catch (error) {
      this.rollbacks += 1;
      if (error instanceof WalError && error.code === 'ERR_WAL_DEADLOCK') return this.#run(work);
      throw error;
    }
  }
}
