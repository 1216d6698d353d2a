// Bytes of a checkpoint record: how far the page files (or the user's own store) hold everything. Two slots are written
// in turn, so that a torn write leaves the other one. Specified in design/format.md, "Checkpoint record".

import { defineLayout } from '../base/layout.js';

/** The bytes `CKPT`. */
export const CHECKPOINT_MAGIC = 0x54_50_4b_43;

/** Bits of `flags`; a bit not listed makes the version unknown. */
export const CHECKPOINT_FLAG = {
  /** The store is one page file, of which size and first page are given. */
  store: 1,
} as const;

/** Who kept log files from being let go when the record was written; 0 is nobody. */
export const HOLDER_KIND = { reader: 1, snapshot: 2, backup: 3, archive: 4, observer: 5 } as const;
export type HolderName = keyof typeof HOLDER_KIND;

/** One record; `crc` covers the 92 bytes before it. */
export const CHECKPOINT_RECORD = defineLayout('checkpoint record', 96, [
  [0, 'u32', 'magic'],
  [4, 'u16', 'version'],
  [6, 'u16', 'flags'],
  [8, 'u64', 'logId'],
  [16, 'u64', 'generation'],
  [24, 'u64', 'throughSeq'],
  [32, 'u64', 'throughEpoch'],
  [40, 'u64', 'syncedThrough'],
  [48, 'u64', 'wallClockMs'],
  [56, 'u32', 'incarnation'],
  [60, 'u32', 'page1Crc'],
  [64, 'u64', 'storePages'],
  [72, 'u64', 'heldSeq'],
  [80, 'u64', 'originLogId'],
  [88, 'u32', 'heldBy'],
  [92, 'u32', 'crc'],
]);
