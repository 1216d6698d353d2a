// Checks a whole tree: each node is one, keys are in order and between the keys above them, leaves are linked in the
// order of the tree, values are complete, and every page is in use or free, exactly once. Reads everything.

import { KvError } from './errors.js';
import { AT, KIND, META_PAGE, viewOf } from './layout.js';
import { Node } from './node.js';
import type { PageReader } from './pages.js';
import { largeParts, Meta, readPage } from './space.js';

/** What a tree is made of, and what is wrong with it. */
export interface VerifyReport {
  readonly entries: number;
  readonly height: number;
  readonly pages: { readonly leaf: number; readonly inner: number; readonly overflow: number; readonly free: number };
  /** How much of the leaves is in use, from 0 to 1. */
  readonly fill: number;
  /** Empty when all is well. */
  readonly faults: readonly string[];
}

/** @throws what the page store throws; damage is reported, not thrown */
export function verifyTree(pages: PageReader): VerifyReport {
  return new Verifier(pages).run();
}

/** Keys of a node: from `low`, inclusive, up to `high`, exclusive. */
interface Bounds {
  readonly low?: Uint8Array | undefined;
  readonly high?: Uint8Array | undefined;
}

class Verifier {
  readonly #pages: PageReader;
  /** What each page was found to be. */
  readonly #found = new Map<number, string>();
  readonly #faults: string[] = [];
  readonly #counts = { leaf: 0, inner: 0, overflow: 0, free: 0 };
  readonly #leaves: { readonly page: number; readonly prev: number; readonly next: number }[] = [];
  #entries = 0;
  #usedBytes = 0;

  constructor(pages: PageReader) {
    this.#pages = pages;
  }

  run(): VerifyReport {
    let height = 0;
    this.#during(() => {
      const meta = Meta.open(this.#pages.read(META_PAGE));
      height = meta.height;
      this.#meet(META_PAGE, 'the meta page');
      this.#during(() => this.#checkNode(meta.root, height - 1, {}));
      this.#during(() => this.#checkFree(meta.firstFree));
      this.#checkLinks();
      this.#checkLost();
    });
    const pageBytes = this.#pages.sizePages > 0 ? this.#pages.read(META_PAGE).length : 0;
    const fill = this.#counts.leaf === 0 ? 0 : this.#usedBytes / (this.#counts.leaf * pageBytes);
    return { entries: this.#entries, height, pages: this.#counts, fill, faults: this.#faults };
  }

  #checkNode(page: number, level: number, bounds: Bounds): void {
    const bytes = this.#meetNext(page, level > 0 ? 'inner' : 'leaf');
    const node = Node.open(page, level, bytes);
    this.#checkKeys(node, bounds);
    if (level > 0) this.#checkChildren(node, bounds);
    else this.#checkLeaf(node, bytes.length);
  }

  #checkLeaf(leaf: Node, pageBytes: number): void {
    const { page, count, prev, next } = leaf;
    this.#leaves.push({ page, prev, next });
    this.#entries += count;
    this.#usedBytes += pageBytes - leaf.freeBytes;
    if (count === 0 && (prev !== 0 || next !== 0)) this.#fault(`Leaf ${page} is empty.`);
    for (let index = 0; index < count; index += 1) {
      const { payload, isLarge } = leaf.cell(index);
      if (isLarge) this.#during(() => this.#checkLarge(page, payload));
    }
  }

  #checkChildren(node: Node, { low, high }: Bounds): void {
    if (node.key(0).length > 0) this.#fault(`The first key of inner node ${node.page} is not the empty one.`);
    for (let index = 0; index < node.count; index += 1) {
      const bounds = {
        low: index === 0 ? low : node.key(index),
        high: index + 1 < node.count ? node.key(index + 1) : high,
      };
      this.#during(() => this.#checkNode(node.child(index), node.level - 1, bounds));
    }
  }

  #checkKeys(node: Node, { low, high }: Bounds): void {
    // The first key of an inner node stands for its lower bound.
    const first = node.level > 0 ? 1 : 0;
    for (let index = first; index < node.count; index += 1) {
      if (index > 0 && node.compare(index, node.key(index - 1)) <= 0) {
        this.#fault(`Key ${index} of page ${node.page} is not above the one before it.`);
      }
    }
    if (node.count <= first) return;
    if (low !== undefined && node.compare(first, low) < 0) {
      this.#fault(`The first key of page ${node.page} is below what its parent says.`);
    }
    if (high !== undefined && node.compare(node.count - 1, high) >= 0) {
      this.#fault(`The last key of page ${node.page} is above what its parent says.`);
    }
  }

  #checkLarge(owner: number, reference: Uint8Array): void {
    for (const { page } of largeParts(this.#pages, owner, reference)) {
      this.#counts.overflow += 1;
      this.#meet(page, 'overflow');
    }
  }

  #checkFree(first: number): void {
    for (let page = first; page !== 0; ) {
      const bytes = this.#meetNext(page, 'free');
      if (bytes[AT.kind] !== KIND.free) this.#fault(`Page ${page} is in the free list and not free.`);
      page = viewOf(bytes).getUint32(AT.next, true);
    }
  }

  #checkLinks(): void {
    for (const [index, { page, prev, next }] of this.#leaves.entries()) {
      const [left, right] = [this.#leaves[index - 1]?.page ?? 0, this.#leaves[index + 1]?.page ?? 0];
      if (prev === left && next === right) continue;
      this.#fault(`Leaf ${page} is linked to ${prev} and ${next}, but stands between ${left} and ${right}.`);
    }
  }

  #checkLost(): void {
    for (let page = 1; page <= this.#pages.sizePages; page += 1) {
      if (!this.#found.has(page)) this.#fault(`Page ${page} is neither in use nor free.`);
    }
  }

  /** Reads a page met for the first time; one that was met before would lead round in a circle. */
  #meetNext(page: number, what: 'leaf' | 'inner' | 'free'): Uint8Array {
    const bytes = readPage(this.#pages, page);
    this.#counts[what] += 1;
    this.#meet(page, what);
    return bytes;
  }

  #meet(page: number, what: string): void {
    const before = this.#found.get(page);
    if (before !== undefined) {
      throw new KvError('ERR_KV_DAMAGED', `Page ${page} is used twice: as ${before} and as ${what}.`);
    }
    this.#found.set(page, what);
  }

  #fault(text: string): void {
    this.#faults.push(text);
  }

  /** Goes on elsewhere when something is damaged. */
  #during(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      this.#fault(error.message);
    }
  }
}
