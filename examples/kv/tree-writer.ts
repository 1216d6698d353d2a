// Changing the tree. What a write latches decides what can go on beside it, because a transaction holds its latches to
// its end (README.md, "Latches"):
//
//   sharing     meta and inner nodes shared, the leaf exclusive: enough for whatever stays inside one leaf
//   exclusive   the meta page first, exclusive: nobody else is in the tree, so nodes may split, empty and move
//
// A sharing writer that finds that it needs more gives up before it has done it; the transaction is run again.

import { WalError } from 'lanewal';
import { KvError } from './errors.js';
import { CELL_HEADER_BYTES, cellBytesMax, keyBytesMax, META_PAGE } from './layout.js';
import { type Cell, childCell, compareKeys, FIRST_KEY, Node, separator } from './node.js';
import type { PageWriter } from './pages.js';
import { editPage, freeLarge, freePage, Meta, takePage, writeLarge } from './space.js';
import { type Path, type Step, TreeReader } from './tree-reader.js';

/** One change of a batch: a value, or none to delete the key. */
export type Change = readonly [key: Uint8Array, value: Uint8Array | undefined];

/**
 * What a sharing writer throws that has to change more than a leaf. To wait for the meta page while sharing it is a
 * deadlock as soon as two do it, so that is what it is called, and the page store runs the transaction again.
 */
function needsExclusive(): WalError {
  return new WalError('ERR_WAL_DEADLOCK', 'The transaction has to change more than a leaf: it runs again, alone.');
}

/** The largest value, so that its size fits the reference to it. */
const VALUE_BYTES_MAX = 2 ** 31 - 1;

function checkValue(value: Uint8Array | undefined): void {
  if (value === undefined || (value instanceof Uint8Array && value.length <= VALUE_BYTES_MAX)) return;
  throw new KvError('ERR_KV_INVALID_ARGUMENT', `A value is a Uint8Array of at most ${VALUE_BYTES_MAX} bytes.`);
}

/** Makes a page store that has no pages an empty tree. */
export function formatTree(pages: PageWriter): void {
  const meta = pages.edit(pages.allocate());
  const root = pages.allocate();
  Node.format(root, 0, pages.edit(root));
  Meta.format(meta, root);
}

/**
 * The tree as one transaction changes it.
 *
 * Every method throws {@link KvError} with ERR_KV_INVALID_ARGUMENT for a key or a value that is too large, with
 * ERR_KV_DAMAGED when a page is not what it has to be, and what the page store throws, ERR_WAL_DEADLOCK above all: let
 * it through, and the transaction is run again.
 */
export class TreeWriter extends TreeReader {
  readonly #pages: PageWriter;
  readonly #pageBytes: number;
  readonly #isExclusive: boolean;
  #hasGivenUp = false;
  #failure: unknown;

  constructor(pages: PageWriter, isExclusive: boolean) {
    super(pages);
    this.#pages = pages;
    this.#pageBytes = (isExclusive ? pages.edit(META_PAGE) : pages.read(META_PAGE)).length;
    this.#isExclusive = isExclusive;
  }

  /** Whether this transaction needs the tree for itself when it is run again. */
  get hasGivenUp(): boolean {
    return this.#hasGivenUp;
  }

  /** Throws what ended a change in its middle, if somebody caught it: such a transaction must not commit. */
  checkWhole(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Sets the value of a key. */
  put(key: Uint8Array, value: Uint8Array): void {
    this.#modify(key, () => value);
  }

  /** Removes a key; returns whether it was there. */
  delete(key: Uint8Array): boolean {
    let wasThere = false;
    this.#modify(key, (leaf) => {
      wasThere = leaf !== undefined;
      return undefined;
    });
    return wasThere;
  }

  /**
   * Replaces the value of a key by one that is made of it; `undefined` stands for no value on both sides. Unlike `get`
   * and `put` one after the other it latches the leaf once, so two of them never wait for each other in a circle.
   *
   * @param change - must not use the tree itself; may be called again when the transaction is run again
   */
  update(key: Uint8Array, change: (value: Uint8Array | undefined) => Uint8Array | undefined): void {
    this.#modify(key, (leaf, index) => change(leaf && this.valueAt(leaf, index)));
  }

  /** Many changes, in the order of their keys: two batches never wait for each other in a circle. */
  batch(changes: Iterable<Change>): void {
    const sorted = [...changes].sort(([one], [other]) => compareKeys(one, other));
    for (const [key, value] of sorted) this.#modify(key, () => value);
  }

  /** Finds the place of a key, asks for its new value, given its leaf and index if it is there, and puts that in. */
  #modify(key: Uint8Array, change: (leaf: Node | undefined, index: number) => Uint8Array | undefined): void {
    this.checkWhole();
    this.#checkKey(key);
    const path = this.descend(key);
    const leaf = this.#edit(path.leaf, 0);
    const index = leaf.lowerBound(key);
    const isThere = leaf.has(index, key);
    const value = change(isThere ? leaf : undefined, index);
    checkValue(value);
    this.changes += 1;
    try {
      if (isThere) this.#remove(leaf, index);
      if (value !== undefined) this.#insert(path.steps, leaf, index, this.#cellOf(key, value));
      else if (isThere && leaf.count === 0) this.#dropEmpty(path, leaf);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  #checkKey(key: Uint8Array): void {
    const max = keyBytesMax(this.#pageBytes);
    if (key instanceof Uint8Array && key.length <= max) return;
    throw new KvError('ERR_KV_INVALID_ARGUMENT', `A key is a Uint8Array of at most ${max} bytes.`);
  }

  #cellOf(key: Uint8Array, value: Uint8Array): Cell {
    if (CELL_HEADER_BYTES + key.length + value.length <= cellBytesMax(this.#pageBytes)) {
      return { key, payload: value, isLarge: false };
    }
    return { key, payload: writeLarge(this.#pages, this.#metaToChange(), value), isLarge: true };
  }

  #remove(leaf: Node, index: number): void {
    const { payload, isLarge } = leaf.cell(index);
    if (isLarge) freeLarge(this.#pages, this.#metaToChange(), leaf.page, payload);
    leaf.remove(index);
  }

  /** Puts a cell before the one at `index`; a full node is split, and its right half put into its parent. */
  #insert(steps: Step[], node: Node, index: number, cell: Cell): void {
    if (node.fits(cell)) node.insert(index, cell);
    else this.#split(steps, node, index, cell);
  }

  #split(steps: Step[], node: Node, index: number, cell: Cell): void {
    const meta = this.#metaToChange();
    const right = this.#newNode(meta, node.level);
    // Behind the last key of all, keys probably go on rising: leaving the left half full packs the tree.
    const at = index === node.count && node.next === 0 ? index : node.middle();
    node.moveTail(at, right);
    if (index < at) node.insert(index, cell);
    else right.insert(index - at, cell);
    if (node.level === 0) this.#linkBehind(node, right);
    const first = right.key(0);
    // Between inner nodes a shorter key will not do: the last child of the left one holds keys beyond its own.
    const key = node.level === 0 ? separator(node.key(node.count - 1), first) : first.slice();
    if (node.level > 0) right.clearFirstKey();
    const step = steps.pop();
    if (step === undefined) this.#growRoot(meta, node, childCell(key, right.page));
    else this.#insert(steps, this.#edit(step.page, node.level + 1), step.index + 1, childCell(key, right.page));
  }

  #growRoot(meta: Meta, left: Node, right: Cell): void {
    const root = this.#newNode(meta, left.level + 1);
    root.insert(0, childCell(FIRST_KEY, left.page));
    root.insert(1, right);
    meta.root = root.page;
    meta.height += 1;
  }

  #linkBehind(left: Node, right: Node): void {
    right.prev = left.page;
    right.next = left.next;
    left.next = right.page;
    if (right.next !== 0) this.#edit(right.next, 0).prev = right.page;
  }

  /** Takes an empty leaf out of the tree, and with it the inner nodes that have no other child. */
  #dropEmpty({ steps }: Path, leaf: Node): void {
    if (steps.length === 0) return;
    const meta = this.#metaToChange();
    if (leaf.prev !== 0) this.#edit(leaf.prev, 0).next = leaf.next;
    if (leaf.next !== 0) this.#edit(leaf.next, 0).prev = leaf.prev;
    let node = leaf;
    for (let step = steps.pop(); step !== undefined && node.count === 0; step = steps.pop()) {
      freePage(this.#pages, meta, node.page);
      node = this.#edit(step.page, node.level + 1);
      node.remove(step.index);
      if (step.index === 0 && node.count > 0) node.clearFirstKey();
    }
    this.#lowerRoot(meta);
  }

  /** A root with one child gives way to it. */
  #lowerRoot(meta: Meta): void {
    while (meta.height > 1) {
      const root = this.#edit(meta.root, meta.height - 1);
      if (root.count > 1) return;
      const only = root.child(0);
      freePage(this.#pages, meta, root.page);
      meta.root = only;
      meta.height -= 1;
    }
  }

  #edit(page: number, level: number): Node {
    return Node.open(page, level, editPage(this.#pages, page));
  }

  #newNode(meta: Meta, level: number): Node {
    const { page, bytes } = takePage(this.#pages, meta);
    return Node.format(page, level, bytes);
  }

  /** The meta page, by somebody who is alone in the tree. */
  #metaToChange(): Meta {
    if (!this.#isExclusive) {
      this.#hasGivenUp = true;
      throw needsExclusive();
    }
    return Meta.open(this.#pages.edit(META_PAGE));
  }
}
