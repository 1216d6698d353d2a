// Bytes of one frame: one commit, in a lane and on disk alike, so that the flusher writes lane memory as it is.
// Specified in design/format.md, "Frame". The header is as large as the alignment, so it never wraps around the end
// of a ring. The payload checksum covers everything behind the header, padding included.

import { defineLayout } from '../base/layout.js';

/** Kinds of frame; zero means "never written". */
export const FRAME_KIND = {
  /** A whole commit. */
  commit: 1,
  /** In lanes only: stands for a commit larger than the lane, whose bytes the flusher was handed apart. */
  jumboReference: 2,
} as const;

/** Header of one frame. `headerCrc` covers the 60 bytes before it, seeded with {@link frameSeed}. */
export const FRAME_HEADER = defineLayout('frame header', 64, [
  [0, 'u32', 'frameBytes'],
  [4, 'u32', 'kind'],
  [8, 'u64', 'commitSeq'],
  [16, 'u64', 'txnId'],
  [24, 'u64', 'txnEpoch'],
  [32, 'u64', 'beginSeq'],
  [40, 'u32', 'recordCount'],
  [44, 'u32', 'pageCount'],
  [48, 'u32', 'sizeCount'],
  [52, 'u32', 'lane'],
  [56, 'u32', 'payloadCrc'],
  [60, 'u32', 'headerCrc'],
]);

/** Frames start at multiples of this, in lanes and in segments; their length is a multiple of it too. */
export const FRAME_ALIGNMENT = 64;

/** Largest frame in bytes, padding included: frame lengths stay below 2^31 with room for the segment around them. */
export const FRAME_BYTES_MAX = 2 ** 31 - 2 ** 16;
