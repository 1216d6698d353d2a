// Pages as a resource: the meta page, which says where the tree is, the list of free pages, and values too large for a
// node, which take pages of their own.

import { damaged, KvError } from './errors.js';
import { AT, HEADER_BYTES, KIND, MAGIC, META_AT, META_PAGE, REFERENCE_BYTES, VERSION, viewOf } from './layout.js';
import type { PageReader, PageWriter } from './pages.js';

/** The meta page. */
export class Meta {
  readonly #view: DataView;

  private constructor(bytes: Uint8Array) {
    this.#view = viewOf(bytes);
  }

  /** @throws {KvError} ERR_KV_NOT_A_TREE */
  static open(bytes: Uint8Array): Meta {
    const meta = new Meta(bytes);
    const view = meta.#view;
    if (view.getUint8(AT.kind) !== KIND.meta || view.getUint32(META_AT.magic, true) !== MAGIC) {
      throw new KvError('ERR_KV_NOT_A_TREE', 'The page store holds something else than a tree.');
    }
    const version = view.getUint32(META_AT.version, true);
    if (version !== VERSION) throw new KvError('ERR_KV_NOT_A_TREE', `The tree has the unknown version ${version}.`);
    return meta;
  }

  static format(bytes: Uint8Array, root: number): Meta {
    const meta = new Meta(bytes);
    meta.#view.setUint8(AT.kind, KIND.meta);
    meta.#view.setUint32(META_AT.magic, MAGIC, true);
    meta.#view.setUint32(META_AT.version, VERSION, true);
    meta.root = root;
    meta.height = 1;
    return meta;
  }

  get root(): number {
    return this.#view.getUint32(META_AT.root, true);
  }

  set root(page: number) {
    this.#view.setUint32(META_AT.root, page, true);
  }

  /** How many levels the tree has. */
  get height(): number {
    return this.#view.getUint32(META_AT.height, true);
  }

  set height(levels: number) {
    this.#view.setUint32(META_AT.height, levels, true);
  }

  /** The first free page; 0 when there is none. */
  get firstFree(): number {
    return this.#view.getUint32(META_AT.firstFree, true);
  }

  set firstFree(page: number) {
    this.#view.setUint32(META_AT.firstFree, page, true);
  }
}

/** Reads a page that another page refers to. */
export function readPage(pages: PageReader, page: number): Uint8Array {
  return pages.read(checkedPage(pages, page));
}

/** Edits a page that another page refers to. */
export function editPage(pages: PageWriter, page: number): Uint8Array {
  return pages.edit(checkedPage(pages, page));
}

function checkedPage(pages: PageReader, page: number): number {
  if (page <= META_PAGE || page > pages.sizePages) throw damaged(page, 'a page refers to it, but it cannot be one');
  return page;
}

/** A page of zeros to write on: a free one, or a new one at the end. */
export function takePage(pages: PageWriter, meta: Meta): { page: number; bytes: Uint8Array } {
  const free = meta.firstFree;
  const page = free === 0 ? pages.allocate() : free;
  const bytes = editPage(pages, page);
  if (free !== 0) {
    if (bytes[AT.kind] !== KIND.free) throw damaged(page, 'it is in the free list and not free');
    meta.firstFree = viewOf(bytes).getUint32(AT.next, true);
  }
  return { page, bytes: bytes.fill(0) };
}

/** Puts a page into the free list. */
export function freePage(pages: PageWriter, meta: Meta, page: number): void {
  const bytes = editPage(pages, page).fill(0);
  bytes[AT.kind] = KIND.free;
  viewOf(bytes).setUint32(AT.next, meta.firstFree, true);
  meta.firstFree = page;
}

/** Writes a large value onto pages of its own; returns the reference to it. */
export function writeLarge(pages: PageWriter, meta: Meta, value: Uint8Array): Uint8Array {
  let next = 0;
  const partBytes = pages.read(META_PAGE).length - HEADER_BYTES;
  // From the end to the beginning, because each page knows the one behind it.
  for (let start = partBytes * Math.floor((value.length - 1) / partBytes); start >= 0; start -= partBytes) {
    const part = value.subarray(start, start + partBytes);
    const { page, bytes } = takePage(pages, meta);
    const view = viewOf(bytes);
    view.setUint8(AT.kind, KIND.overflow);
    view.setUint16(AT.used, part.length, true);
    view.setUint32(AT.next, next, true);
    bytes.set(part, HEADER_BYTES);
    next = page;
  }
  const reference = new Uint8Array(REFERENCE_BYTES);
  viewOf(reference).setUint32(0, value.length, true);
  viewOf(reference).setUint32(4, next, true);
  return reference;
}

/** A large value. */
export function readLarge(pages: PageReader, owner: number, reference: Uint8Array): Uint8Array {
  const parts = [...largeParts(pages, owner, reference)].map(({ part }) => part);
  const value = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    value.set(part, at);
    at += part.length;
  }
  return value;
}

/** Frees the pages of a large value. */
export function freeLarge(pages: PageWriter, meta: Meta, owner: number, reference: Uint8Array): void {
  // All of them first: a page that is freed no longer says which is next.
  for (const { page } of [...largeParts(pages, owner, reference)]) freePage(pages, meta, page);
}

/**
 * The pages of a large value, in order, each with its part. Every one but the last is full, so a chain ends after as
 * many pages as its reference says, whatever is on them.
 */
export function* largeParts(
  pages: PageReader,
  owner: number,
  reference: Uint8Array,
): Generator<{ page: number; part: Uint8Array }> {
  if (reference.length !== REFERENCE_BYTES) throw damaged(owner, 'a reference to a large value has not its size');
  const view = viewOf(reference);
  let [rest, page] = [view.getUint32(0, true), view.getUint32(4, true)];
  if (rest === 0) throw damaged(owner, 'a large value is empty');
  while (rest > 0) {
    const bytes = readPage(pages, page);
    const size = Math.min(rest, bytes.length - HEADER_BYTES);
    if (bytes[AT.kind] !== KIND.overflow || viewOf(bytes).getUint16(AT.used, true) !== size) {
      throw damaged(page, 'not the part of a large value that it should be');
    }
    yield { page, part: bytes.subarray(HEADER_BYTES, HEADER_BYTES + size) };
    rest -= size;
    page = viewOf(bytes).getUint32(AT.next, true);
  }
  if (page !== 0) throw damaged(owner, 'a large value goes on beyond its end');
}
