// Looking things up in the tree: one key, or all keys between two bounds.

import { damaged } from './errors.js';
import { META_PAGE } from './layout.js';
import { Node } from './node.js';
import type { PageReader } from './pages.js';
import { Meta, readLarge, readPage } from './space.js';

/** One key and its value; copies. */
export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Which entries, and in which order. */
export interface RangeOptions {
  /** The first key, inclusive; default: the lowest there is. */
  readonly from?: Uint8Array | undefined;
  /** The key behind the last one, exclusive; default: all up to the highest. */
  readonly to?: Uint8Array | undefined;
  /** How many entries at most. */
  readonly limit?: number | undefined;
  /** From the highest key to the lowest. */
  readonly reverse?: boolean | undefined;
}

/** An inner node on the way to a leaf, and which of its children was taken. */
export interface Step {
  readonly page: number;
  readonly index: number;
}

/** The way from the root to a leaf. */
export interface Path {
  readonly steps: Step[];
  readonly leaf: number;
}

const LOWEST = new Uint8Array(0);

/**
 * The tree as a transaction or a snapshot sees it.
 *
 * Every method throws {@link KvError} with ERR_KV_DAMAGED when a page is not what it has to be, and what the page store
 * throws.
 */
export class TreeReader {
  readonly #pages: PageReader;
  /** Counts what this reader's owner changed, so that a cursor notices that its leaf may be another one. */
  protected changes = 0;

  constructor(pages: PageReader) {
    this.#pages = pages;
  }

  /** The value of a key, as a copy; `undefined` when there is none. */
  get(key: Uint8Array): Uint8Array | undefined {
    const leaf = this.#leaf(this.descend(key).leaf);
    const index = leaf.lowerBound(key);
    return leaf.has(index, key) ? this.valueAt(leaf, index) : undefined;
  }

  /**
   * The entries from `from` up to but not including `to`. The transaction may write while it iterates: the cursor goes
   * on behind the last key that it gave.
   */
  *range({ from, to, limit = Number.POSITIVE_INFINITY, reverse = false }: RangeOptions = {}): Generator<Entry> {
    const end = reverse ? from : to;
    let { leaf, index } = this.#seek(reverse ? to : (from ?? LOWEST), reverse);
    for (let given = 0; given < limit; ) {
      if (index < 0 || index >= leaf.count) {
        const page = reverse ? leaf.prev : leaf.next;
        if (page === 0) return;
        leaf = this.#neighbour(leaf, page, reverse);
        index = reverse ? leaf.count - 1 : 0;
      }
      if (end !== undefined && (reverse ? leaf.compare(index, end) < 0 : leaf.compare(index, end) >= 0)) return;
      const key = leaf.key(index).slice();
      const { changes } = this;
      given += 1;
      yield { key, value: this.valueAt(leaf, index) };
      if (this.changes === changes) index += reverse ? -1 : 1;
      else ({ leaf, index } = this.#seek(reverse ? key : successor(key), reverse));
    }
  }

  protected get meta(): Meta {
    return Meta.open(this.#pages.read(META_PAGE));
  }

  /** The way to the leaf where a key belongs; to the last leaf without one. Touches no leaf. */
  protected descend(key: Uint8Array | undefined): Path {
    const { root, height } = this.meta;
    if (height < 1 || height > 255) throw damaged(META_PAGE, `the tree cannot have ${height} levels`);
    const steps: Step[] = [];
    let page = root;
    for (let level = height - 1; level > 0; level -= 1) {
      const inner = Node.open(page, level, readPage(this.#pages, page));
      const index = inner.childIndex(key);
      steps.push({ page, index });
      page = inner.child(index);
    }
    return { steps, leaf: page };
  }

  /** The value at a place, as a copy. */
  protected valueAt(leaf: Node, index: number): Uint8Array {
    const { payload, isLarge } = leaf.cell(index);
    return isLarge ? readLarge(this.#pages, leaf.page, payload) : payload.slice();
  }

  #leaf(page: number): Node {
    return Node.open(page, 0, readPage(this.#pages, page));
  }

  /** The place of the first key not below `key`, or in reverse of the last key below it; may be just off the leaf. */
  #seek(key: Uint8Array | undefined, reverse: boolean): { leaf: Node; index: number } {
    const leaf = this.#leaf(this.descend(key).leaf);
    const index = key === undefined ? leaf.count : leaf.lowerBound(key);
    return { leaf, index: reverse ? index - 1 : index };
  }

  /** The leaf beside another one. Keys go on in order, so whoever follows the links gets to an end. */
  #neighbour(leaf: Node, page: number, reverse: boolean): Node {
    const other = this.#leaf(page);
    if (other.count === 0 || leaf.count === 0) throw damaged(other.count === 0 ? page : leaf.page, 'an empty leaf');
    const [low, high] = reverse ? [other, leaf] : [leaf, other];
    if (low.compare(low.count - 1, high.key(0)) >= 0) throw damaged(page, 'its keys are not beyond those beside it');
    return other;
  }
}

/** The lowest key above another one. */
function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
