// A node of the tree: a slotted page. Slots are in the order of the keys and say where each cell is; cells are always
// packed against the end of the page, so that what is free is one piece and nothing has ever to be compacted.
//
// A leaf (level 0) maps keys to values. An inner node maps keys to children: child i holds the keys from key i up to
// but not including key i + 1, and the first key is empty, below all others.

import { damaged, type KvError } from './errors.js';
import { AT, CELL_HEADER_BYTES, HEADER_BYTES, KIND, LARGE, SLOT_BYTES, viewOf } from './layout.js';

/** What a node stores under a key: a value, the reference to a large one, or a child. */
export interface Cell {
  readonly key: Uint8Array;
  readonly payload: Uint8Array;
  /** The payload refers to overflow pages. */
  readonly isLarge: boolean;
}

/** The first key of every inner node. */
export const FIRST_KEY = new Uint8Array(0);

export class Node {
  readonly page: number;
  readonly level: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  private constructor(page: number, level: number, bytes: Uint8Array) {
    this.page = page;
    this.level = level;
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }

  /**
   * The node that a page holds. Levels fall by one from the root to the leaves: a path can never go round in a circle.
   *
   * @throws {KvError} ERR_KV_DAMAGED when it holds no node of that level
   */
  static open(page: number, level: number, bytes: Uint8Array): Node {
    const node = new Node(page, level, bytes);
    const view = node.#view;
    if (view.getUint8(AT.kind) !== KIND.node || view.getUint8(AT.level) !== level) {
      throw damaged(page, `not a node of level ${level}`);
    }
    if (node.freeBytes < 0) throw damaged(page, 'more cells than fit');
    if (node.count === 0 && level > 0) throw damaged(page, 'no children');
    return node;
  }

  /** Makes a page of zeros an empty node. */
  static format(page: number, level: number, bytes: Uint8Array): Node {
    const node = new Node(page, level, bytes);
    node.#view.setUint8(AT.kind, KIND.node);
    node.#view.setUint8(AT.level, level);
    return node;
  }

  get count(): number {
    return this.#view.getUint16(AT.count, true);
  }

  /** Bytes of all cells. */
  get #used(): number {
    return this.#view.getUint16(AT.used, true);
  }

  get freeBytes(): number {
    return this.#bytes.length - HEADER_BYTES - this.count * SLOT_BYTES - this.#used;
  }

  /** The leaf to the right; 0 for the last. */
  get next(): number {
    return this.#view.getUint32(AT.next, true);
  }

  set next(page: number) {
    this.#view.setUint32(AT.next, page, true);
  }

  /** The leaf to the left; 0 for the first. */
  get prev(): number {
    return this.#view.getUint32(AT.prev, true);
  }

  set prev(page: number) {
    this.#view.setUint32(AT.prev, page, true);
  }

  /** A cell, as views of the page: they hold until the node is changed. */
  cell(index: number): Cell {
    const at = this.#cellAt(index);
    const key = at + CELL_HEADER_BYTES;
    const payload = key + this.#keyBytes(at);
    return {
      key: this.#bytes.subarray(key, payload),
      payload: this.#bytes.subarray(payload, payload + this.#payloadBytes(at)),
      isLarge: (this.#view.getUint16(at + 2, true) & LARGE) !== 0,
    };
  }

  key(index: number): Uint8Array {
    return this.cell(index).key;
  }

  child(index: number): number {
    const { payload } = this.cell(index);
    if (payload.length !== 4) throw this.#damaged(`cell ${index} has no child`);
    return viewOf(payload).getUint32(0, true);
  }

  /** Compares the key at `index` with another one, byte by byte; a prefix comes first. */
  compare(index: number, key: Uint8Array): number {
    const at = this.#cellAt(index);
    const [start, bytes] = [at + CELL_HEADER_BYTES, this.#keyBytes(at)];
    const common = Math.min(bytes, key.length);
    for (let i = 0; i < common; i += 1) {
      const difference = this.#view.getUint8(start + i) - (key[i] as number);
      if (difference !== 0) return difference;
    }
    return bytes - key.length;
  }

  has(index: number, key: Uint8Array): boolean {
    return index < this.count && this.compare(index, key) === 0;
  }

  /** The first index whose key is not below `key`; the count when there is none. */
  lowerBound(key: Uint8Array): number {
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.compare(middle, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The index of the child that holds `key`; of the last child without one. */
  childIndex(key: Uint8Array | undefined): number {
    if (key === undefined) return this.count - 1;
    const index = this.lowerBound(key);
    return this.has(index, key) ? index : Math.max(0, index - 1);
  }

  fits(cell: Cell): boolean {
    return cellBytes(cell) + SLOT_BYTES <= this.freeBytes;
  }

  /** Puts a cell, which has to fit, before the one at `index`. */
  insert(index: number, cell: Cell): void {
    if (!this.fits(cell)) throw this.#damaged('a cell does not fit where it should');
    const view = this.#view;
    const used = this.#used + cellBytes(cell);
    const at = this.#bytes.length - used;
    view.setUint16(at, cell.key.length, true);
    view.setUint16(at + 2, cell.payload.length | (cell.isLarge ? LARGE : 0), true);
    this.#bytes.set(cell.key, at + CELL_HEADER_BYTES);
    this.#bytes.set(cell.payload, at + CELL_HEADER_BYTES + cell.key.length);
    const slot = slotAt(index);
    this.#bytes.copyWithin(slot + SLOT_BYTES, slot, slotAt(this.count));
    view.setUint16(slot, at, true);
    view.setUint16(AT.count, this.count + 1, true);
    view.setUint16(AT.used, used, true);
  }

  /** Takes a cell out; the cells in front of it move up into its place. */
  remove(index: number): void {
    const view = this.#view;
    const at = this.#cellAt(index);
    const bytes = CELL_HEADER_BYTES + this.#keyBytes(at) + this.#payloadBytes(at);
    const start = this.#bytes.length - this.#used;
    this.#bytes.copyWithin(start + bytes, start, at);
    const slot = slotAt(index);
    this.#bytes.copyWithin(slot, slot + SLOT_BYTES, slotAt(this.count));
    view.setUint16(AT.count, this.count - 1, true);
    view.setUint16(AT.used, this.#used - bytes, true);
    for (let i = 0; i < this.count; i += 1) {
      const other = view.getUint16(slotAt(i), true);
      if (other < at) view.setUint16(slotAt(i), other + bytes, true);
    }
  }

  /** Sets the first key of an inner node to the one below all others. */
  clearFirstKey(): void {
    const first = childCell(FIRST_KEY, this.child(0));
    this.remove(0);
    this.insert(0, first);
  }

  /** Moves the cells from `index` on to an empty node. */
  moveTail(index: number, target: Node): void {
    for (let i = index; i < this.count; i += 1) target.insert(i - index, this.cell(i));
    while (this.count > index) this.remove(this.count - 1);
  }

  /** Where to split: the first index with half of the bytes before it. Both halves have room for one more cell then. */
  middle(): number {
    const half = (this.#used + this.count * SLOT_BYTES) / 2;
    let [index, bytes] = [0, 0];
    while (index < this.count && bytes < half) {
      bytes += cellBytes(this.cell(index)) + SLOT_BYTES;
      index += 1;
    }
    return index;
  }

  /** Where a cell begins, after a look at whether it can be there. */
  #cellAt(index: number): number {
    if (index >= this.count) throw this.#damaged(`there is no cell ${index}`);
    const at = this.#view.getUint16(slotAt(index), true);
    const end = this.#bytes.length;
    if (at < end - this.#used || at + CELL_HEADER_BYTES > end) throw this.#damaged(`slot ${index} points nowhere`);
    const cellEnd = at + CELL_HEADER_BYTES + this.#keyBytes(at) + this.#payloadBytes(at);
    if (cellEnd > end) throw this.#damaged(`cell ${index} goes beyond the page`);
    return at;
  }

  #keyBytes(at: number): number {
    return this.#view.getUint16(at, true);
  }

  #payloadBytes(at: number): number {
    return this.#view.getUint16(at + 2, true) & ~LARGE;
  }

  #damaged(reason: string): KvError {
    return damaged(this.page, reason);
  }
}

function slotAt(index: number): number {
  return HEADER_BYTES + index * SLOT_BYTES;
}

/** Bytes of a cell on its page, without its slot. */
export function cellBytes({ key, payload }: Cell): number {
  return CELL_HEADER_BYTES + key.length + payload.length;
}

/** The cell of an inner node. */
export function childCell(key: Uint8Array, child: number): Cell {
  const payload = new Uint8Array(4);
  viewOf(payload).setUint32(0, child, true);
  return { key, payload, isLarge: false };
}

/** The order of keys: byte by byte; a prefix comes first. */
export function compareKeys(one: Uint8Array, other: Uint8Array): number {
  const common = Math.min(one.length, other.length);
  for (let i = 0; i < common; i += 1) {
    const difference = (one[i] as number) - (other[i] as number);
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
}

/** The shortest key above `low` and not above `high`: what an inner node has to know of the two. */
export function separator(low: Uint8Array, high: Uint8Array): Uint8Array {
  let common = 0;
  while (common < low.length && low[common] === high[common]) common += 1;
  return high.slice(0, common + 1);
}
