// Bytes of one segment: a sealed epoch on disk. Header, the frames of each lane back to back, certificate, zeros up to
// a multiple of 4 KiB, and in the last four bytes the checksum of everything from the certificate on. Specified in
// design/format.md, "Segment" and "Certificate". A mark segment has a header and an empty certificate only.

import { defineLayout } from '../base/layout.js';

/** The bytes `PWAL`, read as a little-endian number. */
export const SEGMENT_MAGIC = 0x4c_41_57_50;
/** The bytes `CERT`. */
export const CERTIFICATE_MAGIC = 0x54_52_45_43;
/** Kinds of segment; zero means "never written". */
export const SEGMENT_KIND = {
  /** The frames of one epoch. */
  epoch: 1,
  /** No frames and no epoch of its own: carries `syncedThrough` and perhaps the clean flag. */
  mark: 2,
} as const;

/** Bits of the segment header's `flags`; a bit not listed makes the version unknown. */
export const SEGMENT_FLAG = {
  /** The log was closed in order and nothing follows in this incarnation. */
  clean: 1,
} as const;

/** Bits of the certificate's `flags`. */
export const CERTIFICATE_FLAG = {
  /** The epoch was written while a fallback was active. */
  fallback: 1,
} as const;

/** Segments start at multiples of this and are padded to it. */
export const SEGMENT_ALIGNMENT = 4096;

/** Header of a segment. `headerCrc` covers the 124 bytes before it. the `previous` fields chain the segments. */
export const SEGMENT_HEADER = defineLayout('segment header', 128, [
  [0, 'u32', 'magic'],
  [4, 'u16', 'version'],
  [6, 'u16', 'kind'],
  [8, 'u64', 'logId'],
  [16, 'u32', 'incarnation'],
  [20, 'u32', 'flags'],
  [24, 'u64', 'epoch'],
  [32, 'u64', 'firstSeq'],
  [40, 'u64', 'endSeq'],
  [48, 'u64', 'fileNumber'],
  [56, 'u64', 'fileOffset'],
  [64, 'u64', 'segmentBytes'],
  [72, 'u64', 'framesBytes'],
  [80, 'u32', 'frameCount'],
  [84, 'u32', 'laneCount'],
  [88, 'u32', 'previousHeaderCrc'],
  [92, 'u32', 'previousCertificateCrc'],
  [96, 'u64', 'syncedThrough'],
  [104, 'u64', 'wallClockMs'],
  [112, 'u32', 'certificateBytes'],
  [116, 'u32', 'reserved0'],
  [120, 'u32', 'reserved1'],
  [124, 'u32', 'headerCrc'],
]);

/** Fixed part of the certificate; the lists of voids, lanes and sizes follow in this order. */
export const CERTIFICATE = defineLayout('certificate', 64, [
  [0, 'u32', 'magic'],
  [4, 'u16', 'version'],
  [6, 'u16', 'flags'],
  [8, 'u64', 'epoch'],
  [16, 'u64', 'firstSeq'],
  [24, 'u64', 'endSeq'],
  [32, 'u32', 'frameCount'],
  [36, 'u32', 'voidCount'],
  [40, 'u32', 'laneCount'],
  [44, 'u32', 'sizeCount'],
  [48, 'u64', 'pageCount'],
  [56, 'u32', 'framesDigest'],
  [60, 'u32', 'certificateBytes'],
]);

/** One void: a commit sequence whose writer died before it published. Ascending. */
export const CERTIFICATE_VOID = defineLayout('certificate void', 8, [[0, 'u64', 'commitSeq']]);

/** One lane that has frames in the epoch, in the order in which the lanes' frames stand in the segment. */
export const CERTIFICATE_LANE = defineLayout('certificate lane', 16, [
  [0, 'u32', 'lane'],
  [4, 'u32', 'frameCount'],
  [8, 'u64', 'bytes'],
]);

/** Size of one space in pages after the epoch; only spaces whose size the epoch set, ascending by space. */
export const CERTIFICATE_SIZE = defineLayout('certificate size', 16, [
  [0, 'u32', 'space'],
  [4, 'u32', 'reserved0'],
  [8, 'u64', 'pages'],
]);

/** Bytes of the checksum that ends every segment. */
export const CERTIFICATE_CRC_BYTES = 4;
