// Bytes that a log of entries adds to those of the log: the code of its operations, a mark of ids, a saved state.
// Specified in design/format.md, "Entry mark" and "Saved state".

import { defineLayout } from '../base/layout.js';

/** Code of the operations, in space 0, that are entries; others are not a log of entries' own, and not counted. */
export const ENTRY_CODE = 1;

/** The bytes `EIDS`. */
export const MARK_MAGIC = 0x53_44_49_45;

/** Ties ids to the log, so that they go on when what is in front leaves it; `crc` covers all before it. */
export const ENTRY_MARK = defineLayout('entry mark', 48, [
  [0, 'u32', 'magic'],
  [4, 'u16', 'version'],
  [6, 'u16', 'reserved0'],
  [8, 'u64', 'logId'],
  [16, 'u64', 'throughSeq'],
  [24, 'u64', 'throughId'],
  [32, 'u64', 'firstId'],
  [40, 'u32', 'reserved1'],
  [44, 'u32', 'crc'],
]);

/** The bytes `ESTA`. */
export const STATE_MAGIC = 0x41_54_53_45;

/** Header of a saved state; `crc` covers all before it and the bytes behind it: metadata, then state. */
export const STATE_HEADER = defineLayout('saved state', 72, [
  [0, 'u32', 'magic'],
  [4, 'u16', 'version'],
  [6, 'u16', 'reserved0'],
  [8, 'u64', 'logId'],
  [16, 'u64', 'generation'],
  [24, 'u64', 'lastId'],
  [32, 'u64', 'throughSeq'],
  [40, 'u64', 'throughId'],
  [48, 'u64', 'wallClockMs'],
  [56, 'u64', 'stateBytes'],
  [64, 'u32', 'metadataBytes'],
  [68, 'u32', 'crc'],
]);
