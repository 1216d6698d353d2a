// Where things are on a page. All numbers are little-endian; zero is "never written".
//
//   every page   kind 1 | level 1 | count 2 | used 2 | reserved 2 | next 4 | prev 4 |
//   meta         ... | magic 4 | version 4 | root 4 | height 4 | first free page 4 | zeros
//   node         ... | slots, 2 bytes each, growing up | free | cells, growing down |
//   overflow     ... | `used` bytes of a value | zeros
//   free         ... | zeros
//   cell         key bytes 2 | payload bytes 2, top bit: large | key | payload

/** What a page is. */
export const KIND = { meta: 1, node: 2, overflow: 3, free: 4 } as const;

/** Offsets that all pages share. `used` is the bytes of all cells, or of the value's part; `prev` only leaves have. */
export const AT = { kind: 0, level: 1, count: 2, used: 4, next: 8, prev: 12 } as const;

/** Offsets of the meta page. */
export const META_AT = { magic: 16, version: 20, root: 24, height: 28, firstFree: 32 } as const;

export const HEADER_BYTES = 16;
export const SLOT_BYTES = 2;
export const CELL_HEADER_BYTES = 4;

export const META_PAGE = 1;
/** `kvT1`, as it stands in the file. */
export const MAGIC = 0x3154_766b;
export const VERSION = 1;

/** In a cell's payload size: the payload is a reference to a value on overflow pages. */
export const LARGE = 0x8000;
/** Such a reference: the value's bytes 4, its first page 4. */
export const REFERENCE_BYTES = 8;

/** At least four cells fit a node; so a split always makes room, and a tree is never higher than it has to be. */
export function cellBytesMax(pageBytes: number): number {
  return Math.floor((pageBytes - HEADER_BYTES) / 4) - SLOT_BYTES;
}

/** The longest key: with it, a reference still fits a cell. */
export function keyBytesMax(pageBytes: number): number {
  return cellBytesMax(pageBytes) - CELL_HEADER_BYTES - REFERENCE_BYTES;
}

/** The bytes of a page as numbers. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
