// The key-value store: a tree in a page store, one transaction for each call, or several calls in one transaction.

import type { Pages, PagesSnapshot, PageWriter, WaitFor } from './pages.js';
import { type Entry, type RangeOptions, TreeReader } from './tree-reader.js';
import { type Change, formatTree, TreeWriter } from './tree-writer.js';
import { type VerifyReport, verifyTree } from './verify.js';

/** How a transaction runs. */
export interface TransactionOptions {
  /** Default `durable`. */
  readonly waitFor?: WaitFor | undefined;
  /** Take the whole tree from the start: for work that is known to split nodes, such as a load. Default false. */
  readonly exclusive?: boolean | undefined;
}

/** The store as it was when the snapshot was made, while others write on. It pins the log: close it. */
export class KvSnapshot extends TreeReader {
  readonly #pages: PagesSnapshot;

  /** Use {@link Kv.snapshot}. */
  constructor(pages: PagesSnapshot) {
    super(pages);
    this.#pages = pages;
  }

  /** Checks the whole tree. */
  verify(): VerifyReport {
    return verifyTree(this.#pages);
  }

  close(): void {
    this.#pages.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * A key-value store with keys and values of bytes.
 *
 * Methods throw {@link KvError} for what the tree finds, and lanewal's `WalError` for what the page store does.
 *
 * Durability: what a method changed is durable when it returns, or as `waitFor` says.
 * Threading: one for each thread (`connectKv`); any number of threads.
 */
export class Kv {
  readonly #pages: Pages;

  private constructor(pages: Pages) {
    this.#pages = pages;
  }

  /** The tree in a page store, which becomes an empty one if it has no pages. */
  static async over(pages: Pages): Promise<Kv> {
    await pages.transaction((writer) => {
      if (writer.sizePages === 0) formatTree(writer);
    });
    return new Kv(pages);
  }

  /** The value of a key, `undefined` when there is none. */
  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.transaction((tree) => tree.get(key));
  }

  put(key: Uint8Array, value: Uint8Array): Promise<void> {
    return this.transaction((tree) => tree.put(key, value));
  }

  /** Resolves to whether the key was there. */
  delete(key: Uint8Array): Promise<boolean> {
    return this.transaction((tree) => tree.delete(key));
  }

  /** All of these changes or none; of one key the last counts. */
  batch(changes: Iterable<Change>, options?: TransactionOptions): Promise<void> {
    const all = [...changes];
    return this.transaction((tree) => tree.batch(all), options);
  }

  /** The entries between two keys, of one moment. */
  async *range(options?: RangeOptions): AsyncGenerator<Entry> {
    using snapshot = await this.snapshot();
    yield* snapshot.range(options);
  }

  /**
   * Runs `work` as one transaction: all that it writes becomes visible at once, and nothing of it if it throws.
   *
   * @param work - may run several times, when the transaction met another one or has to split a node: it must have no
   *   effects but those on the tree. Latches are held until it returns, so it does not wait for anything slow. Calls of
   *   one thread take effect in their order.
   * @returns what `work` returned
   */
  transaction<Result>(
    work: (tree: TreeWriter) => Result | Promise<Result>,
    { exclusive = false, waitFor = 'durable' }: TransactionOptions = {},
  ): Promise<Result> {
    let isExclusive = exclusive;
    const attempt = async (pages: PageWriter): Promise<Result> => {
      const tree = new TreeWriter(pages, isExclusive);
      try {
        const result = await work(tree);
        tree.checkWhole();
        return result;
      } finally {
        isExclusive ||= tree.hasGivenUp;
      }
    };
    return this.#pages.transaction(attempt, { waitFor });
  }

  async snapshot(): Promise<KvSnapshot> {
    return new KvSnapshot(await this.#pages.snapshot());
  }

  /** Checks the whole tree as it is now, while others write on. */
  async verify(): Promise<VerifyReport> {
    using snapshot = await this.snapshot();
    return snapshot.verify();
  }

  close(): Promise<void> {
    return this.#pages.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
