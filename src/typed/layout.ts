// Bytes that a log of entries adds to those of the log: the codes of its operations, and what a mark of ids and a saved
// state look like. Specified in design/format.md, "Entry mark" and "Saved state".

import { defineLayout } from '../base/layout.js';

/** Operation codes of a log of entries, in space 0; other codes are not its own, and not counted. */
export const ENTRY_KIND = {
  /** One entry, as its codec encoded it. */
  entry: 1,
  /** An {@link ENTRY_MARK}: which id the entries behind a commit go on with. */
  mark: 2,
} as const;

/** Ties ids to the log, so that they go on when what is in front leaves the log. */
export const ENTRY_MARK = defineLayout('entry mark', 24, [
  [0, 'u64', 'throughSeq'],
  [8, 'u64', 'throughId'],
  [16, 'u64', 'firstId'],
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
