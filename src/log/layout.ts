// First 4 KiB of a log file. Specified in design/format.md, "File header". The header says where the log stood when the
// file was started: that is what connects the files to one chain, names are only a convenience.

import { defineLayout } from '../base/layout.js';

/** The bytes `LWALFILE`, as two little-endian words. */
export const FILE_MAGIC_LOW = 0x4c_41_57_4c;
export const FILE_MAGIC_HIGH = 0x45_4c_49_46;

/** Bits of the file header's `flags`; a bit not listed makes the version unknown. */
export const FILE_FLAG = {
  /** First file of its incarnation: what older incarnations hold above `startEpoch` is superseded by it. */
  opening: 1,
  /** The file held older segments before; bytes behind its own may be stale rather than zero. */
  recycled: 2,
} as const;

/**
 * Fields of the file header; zeros follow up to {@link FILE_HEADER_BYTES}. `headerCrc` covers the 124 bytes before
 * it.
 */
export const FILE_HEADER = defineLayout('file header', 128, [
  [0, 'u32', 'magicLow'],
  [4, 'u32', 'magicHigh'],
  [8, 'u16', 'version'],
  [10, 'u16', 'flags'],
  [12, 'u32', 'incarnation'],
  [16, 'u64', 'logId'],
  [24, 'u64', 'fileNumber'],
  [32, 'u32', 'pageBytes'],
  [36, 'u32', 'reserved0'],
  [40, 'u64', 'startEpoch'],
  [48, 'u64', 'startSeq'],
  [56, 'u32', 'startHeaderCrc'],
  [60, 'u32', 'startCertificateCrc'],
  [64, 'u64', 'syncedThrough'],
  [72, 'u64', 'wallClockMs'],
  [80, 'u64', 'fileBytes'],
  [88, 'u64', 'reserved1'],
  [96, 'u64', 'reserved2'],
  [104, 'u64', 'reserved3'],
  [112, 'u64', 'reserved4'],
  [120, 'u32', 'reserved5'],
  [124, 'u32', 'headerCrc'],
]);

/** The header's place in the file; the first segment follows it. */
export const FILE_HEADER_BYTES = 4096;
