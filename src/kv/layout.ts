// Bytes of a logical record: a key-value operation as it is kept in a log. Specified in design/format.md, "Logical
// record". A header, then the fields of its kind back to back: 64-bit numbers, and byte strings behind their length.

import { defineLayout } from '../base/layout.js';

/** Kinds of logical record; zero means "never written". */
export const LOGICAL_KIND = {
  insert: 1,
  remove: 2,
  upsert: 3,
  increment: 4,
  compareAndSwap: 5,
  batchInsert: 6,
  batchIncrement: 7,
  checkpoint: 8,
  begin: 9,
  commit: 10,
  abort: 11,
  versionUpdate: 12,
  versionDurable: 13,
  versionCollected: 14,
  commitRank: 15,
} as const;

/** Bits of `flags`; a bit not listed makes the version unknown. */
export const LOGICAL_FLAG = {
  /** Of a compare-and-swap: it did swap. */
  success: 1,
} as const;

/** First bytes of every logical record. */
export const LOGICAL_HEADER = defineLayout('logical record', 24, [
  [0, 'u16', 'kind'],
  [2, 'u16', 'flags'],
  [4, 'u32', 'count'],
  [8, 'u64', 'txnId'],
  [16, 'u64', 'recordId'],
]);

/** The length that stands for "no byte string here". */
export const LOGICAL_BYTES_ABSENT = 0xffff_ffff;

/** Longest byte string of a logical record. */
export const LOGICAL_BYTES_MAX = 16 * 2 ** 20;
