// Bytes of one record: a page image, a new size of a space, or a logical operation. Specified in design/format.md,
// "Record". Records stand back to back in a frame; each is a header followed by its bytes, each part padded to 8.

import { defineLayout } from '../base/layout.js';

/** Kinds of record; zero means "never written". */
export const RECORD_KIND = {
  /** `number` is the page; `bytes` of after image, then `beforeBytes` of optional before image. */
  page: 1,
  /** `number` is the new size of the space in pages; no bytes. Size records stand first in their frame. */
  size: 2,
  /** `number` is the caller's operation code; `bytes` of payload, not interpreted. */
  operation: 3,
  /** In lanes only: `number` identifies the buffer that was handed to the flusher; no bytes. */
  jumboReference: 4,
} as const;

/** Header of one record. */
export const RECORD_HEADER = defineLayout('record header', 24, [
  [0, 'u32', 'kind'],
  [4, 'u32', 'space'],
  [8, 'u64', 'number'],
  [16, 'u32', 'bytes'],
  [20, 'u32', 'beforeBytes'],
]);

/** Every part of a record starts at a multiple of this. */
export const RECORD_ALIGNMENT = 8;

/** Largest page image and largest page size, in bytes; the largest page SQLite has. */
export const PAGE_BYTES_MAX = 65_536;
/** Smallest page size, in bytes: one disk sector. */
export const PAGE_BYTES_MIN = 512;

/** `bytes` rounded up to the next multiple of `alignment`, a power of two. Exact up to 2^53. */
export function alignUp(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
