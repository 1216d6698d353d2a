// Segment headers and certificates to bytes and back. Decoding trusts nothing: magic, version and reserved bits are
// separate outcomes, lengths are compared with what is there before they are used (design/format.md, "Segment").

import { assert } from '../base/assert.js';
import { crc32c } from '../base/checksum.js';
import { FORMAT_VERSION } from '../base/format-version.js';
import { readU64, writeU64 } from '../base/layout.js';
import {
  CERTIFICATE,
  CERTIFICATE_CRC_BYTES,
  CERTIFICATE_FLAG,
  CERTIFICATE_LANE,
  CERTIFICATE_MAGIC,
  CERTIFICATE_SIZE,
  CERTIFICATE_VOID,
  SEGMENT_ALIGNMENT,
  SEGMENT_FLAG,
  SEGMENT_HEADER,
  SEGMENT_KIND,
  SEGMENT_MAGIC,
} from './layout.js';

/** What chains segments: the two checksums that cover all of a segment's bytes; zeros before the first one. */
export interface SegmentDigest {
  readonly headerCrc: number;
  readonly certificateCrc: number;
}

/** Everything a segment header says, but for magic, version and checksum. */
export interface SegmentHeader {
  readonly kind: number;
  readonly logId: number;
  readonly incarnation: number;
  readonly flags: number;
  readonly epoch: number;
  readonly firstSeq: number;
  readonly endSeq: number;
  readonly fileNumber: number;
  readonly fileOffset: number;
  readonly segmentBytes: number;
  readonly framesBytes: number;
  readonly frameCount: number;
  readonly laneCount: number;
  readonly previous: SegmentDigest;
  readonly syncedThrough: number;
  readonly wallClockMs: number;
  readonly certificateBytes: number;
}

/** Frames of one lane in a segment. */
export interface LaneShare {
  readonly lane: number;
  readonly frameCount: number;
  readonly bytes: number;
}

/** What a certificate vouches for. */
export interface Certificate {
  readonly flags: number;
  readonly epoch: number;
  readonly firstSeq: number;
  readonly endSeq: number;
  readonly frameCount: number;
  readonly pageCount: number;
  readonly framesDigest: number;
  readonly voids: readonly number[];
  readonly lanes: readonly LaneShare[];
  readonly sizes: readonly { readonly space: number; readonly pages: number }[];
}

/** Why bytes were not accepted: not ours at all, of an unknown version, or damaged. */
export interface Refusal {
  readonly refused: 'foreign' | 'version' | 'damaged';
  readonly reason: string;
}

const H = SEGMENT_HEADER.at;
const C = CERTIFICATE.at;

/** Writes a segment header with its checksum into the first 128 bytes of `target`; returns the checksum. */
export function encodeSegmentHeader(target: Uint8Array, header: SegmentHeader): number {
  const view = new DataView(target.buffer, target.byteOffset, SEGMENT_HEADER.bytes);
  target.fill(0, 0, SEGMENT_HEADER.bytes);
  view.setUint32(H.magic, SEGMENT_MAGIC, true);
  view.setUint16(H.version, FORMAT_VERSION, true);
  view.setUint16(H.kind, header.kind, true);
  writeU64(view, H.logId, header.logId);
  view.setUint32(H.incarnation, header.incarnation, true);
  view.setUint32(H.flags, header.flags, true);
  writeU64(view, H.epoch, header.epoch);
  writeU64(view, H.firstSeq, header.firstSeq);
  writeU64(view, H.endSeq, header.endSeq);
  writeU64(view, H.fileNumber, header.fileNumber);
  writeU64(view, H.fileOffset, header.fileOffset);
  writeU64(view, H.segmentBytes, header.segmentBytes);
  writeU64(view, H.framesBytes, header.framesBytes);
  view.setUint32(H.frameCount, header.frameCount, true);
  view.setUint32(H.laneCount, header.laneCount, true);
  view.setUint32(H.previousHeaderCrc, header.previous.headerCrc, true);
  view.setUint32(H.previousCertificateCrc, header.previous.certificateCrc, true);
  writeU64(view, H.syncedThrough, header.syncedThrough);
  writeU64(view, H.wallClockMs, header.wallClockMs);
  view.setUint32(H.certificateBytes, header.certificateBytes, true);
  const crc = crc32c(target.subarray(0, H.headerCrc));
  view.setUint32(H.headerCrc, crc, true);
  return crc;
}

/** Decodes the segment header in the first 128 bytes of `bytes` and checks all that it says about itself. */
export function decodeSegmentHeader(bytes: Uint8Array): (SegmentHeader & { headerCrc: number }) | Refusal {
  if (bytes.length < SEGMENT_HEADER.bytes) return damaged('a segment header is cut short');
  const view = new DataView(bytes.buffer, bytes.byteOffset, SEGMENT_HEADER.bytes);
  if (view.getUint32(H.magic, true) !== SEGMENT_MAGIC) {
    // Zeros and the middle of an older segment have none either; only the checksum tells a header that lost its own.
    if (isWithoutMagic(bytes)) return damaged('a segment header has lost its magic');
    return { refused: 'foreign', reason: 'no segment magic' };
  }
  const headerCrc = view.getUint32(H.headerCrc, true);
  if (crc32c(bytes.subarray(0, H.headerCrc)) !== headerCrc) return damaged('a segment header fails its checksum');
  if (view.getUint16(H.version, true) !== FORMAT_VERSION) return version('the format version is unknown');
  const flags = view.getUint32(H.flags, true);
  const reserved = view.getUint32(H.reserved0, true) | view.getUint32(H.reserved1, true);
  if ((flags & ~SEGMENT_FLAG.clean) !== 0 || reserved !== 0) return version('a reserved bit of a segment is set');
  const u64 = (offset: number): number => readU64(view, offset) ?? Number.NaN;
  const header = {
    kind: view.getUint16(H.kind, true),
    logId: u64(H.logId),
    incarnation: view.getUint32(H.incarnation, true),
    flags,
    epoch: u64(H.epoch),
    firstSeq: u64(H.firstSeq),
    endSeq: u64(H.endSeq),
    fileNumber: u64(H.fileNumber),
    fileOffset: u64(H.fileOffset),
    segmentBytes: u64(H.segmentBytes),
    framesBytes: u64(H.framesBytes),
    frameCount: view.getUint32(H.frameCount, true),
    laneCount: view.getUint32(H.laneCount, true),
    previous: {
      headerCrc: view.getUint32(H.previousHeaderCrc, true),
      certificateCrc: view.getUint32(H.previousCertificateCrc, true),
    },
    syncedThrough: u64(H.syncedThrough),
    wallClockMs: u64(H.wallClockMs),
    certificateBytes: view.getUint32(H.certificateBytes, true),
    headerCrc,
  };
  const contradiction = contradictionIn(header);
  return contradiction === undefined ? header : damaged(contradiction);
}

/** Whether everything but the magic is a segment header. */
function isWithoutMagic(bytes: Uint8Array): boolean {
  const copy = bytes.slice(0, SEGMENT_HEADER.bytes);
  const view = new DataView(copy.buffer, copy.byteOffset, SEGMENT_HEADER.bytes);
  view.setUint32(H.magic, SEGMENT_MAGIC, true);
  return crc32c(copy.subarray(0, H.headerCrc)) === view.getUint32(H.headerCrc, true);
}

function contradictionIn(header: SegmentHeader): string | undefined {
  const { kind, segmentBytes, framesBytes, certificateBytes, firstSeq, endSeq } = header;
  if (kind !== SEGMENT_KIND.epoch && kind !== SEGMENT_KIND.mark) return 'a segment has an unknown kind';
  const numbers = [header.logId, header.epoch, firstSeq, endSeq, header.fileNumber, header.fileOffset, segmentBytes];
  numbers.push(framesBytes, header.syncedThrough, header.wallClockMs);
  if (numbers.some(Number.isNaN)) return 'a number of a segment header is out of range';
  if (segmentBytes !== SEGMENT_HEADER.bytes + framesBytes + certificateBytes) return 'the parts of a segment disagree';
  if (segmentBytes % SEGMENT_ALIGNMENT !== 0) return 'the length of a segment is not aligned';
  if (certificateBytes < CERTIFICATE.bytes + CERTIFICATE_CRC_BYTES) return 'a certificate is cut short';
  if (firstSeq === 0 || endSeq < firstSeq) return 'the sequences of a segment are out of order';
  if (kind === SEGMENT_KIND.mark) {
    if (endSeq !== firstSeq || framesBytes !== 0 || header.frameCount !== 0) return 'a mark segment carries frames';
  } else if (endSeq === firstSeq || header.epoch === 0) return 'an epoch without sequences does not exist';
  if (header.frameCount > endSeq - firstSeq) return 'a segment has more frames than sequences';
  return undefined;
}

/** Bytes of the certificate without padding and checksum. */
function listedBytes(voids: number, lanes: number, sizes: number): number {
  return (
    CERTIFICATE.bytes + voids * CERTIFICATE_VOID.bytes + lanes * CERTIFICATE_LANE.bytes + sizes * CERTIFICATE_SIZE.bytes
  );
}

/**
 * The certificate region of a segment whose frames take `framesBytes`: listed parts, padding, checksum.
 *
 * @param scratch - memory to use if it is large enough; new memory otherwise
 */
export function encodeCertificate(
  certificate: Certificate,
  framesBytes: number,
  scratch?: Uint8Array,
): { bytes: Uint8Array; crc: number } {
  const { voids, lanes, sizes } = certificate;
  const listed = listedBytes(voids.length, lanes.length, sizes.length);
  const before = SEGMENT_HEADER.bytes + framesBytes;
  const total = alignedUp(before + listed + CERTIFICATE_CRC_BYTES) - before;
  const bytes = scratch !== undefined && scratch.length >= total ? scratch.subarray(0, total) : new Uint8Array(total);
  bytes.fill(0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, total);
  view.setUint32(C.magic, CERTIFICATE_MAGIC, true);
  view.setUint16(C.version, FORMAT_VERSION, true);
  view.setUint16(C.flags, certificate.flags, true);
  writeU64(view, C.epoch, certificate.epoch);
  writeU64(view, C.firstSeq, certificate.firstSeq);
  writeU64(view, C.endSeq, certificate.endSeq);
  view.setUint32(C.frameCount, certificate.frameCount, true);
  view.setUint32(C.voidCount, voids.length, true);
  view.setUint32(C.laneCount, lanes.length, true);
  view.setUint32(C.sizeCount, sizes.length, true);
  writeU64(view, C.pageCount, certificate.pageCount);
  view.setUint32(C.framesDigest, certificate.framesDigest, true);
  view.setUint32(C.certificateBytes, listed, true);
  let offset = CERTIFICATE.bytes;
  for (const commitSeq of voids) {
    writeU64(view, offset + CERTIFICATE_VOID.at.commitSeq, commitSeq);
    offset += CERTIFICATE_VOID.bytes;
  }
  for (const share of lanes) {
    view.setUint32(offset + CERTIFICATE_LANE.at.lane, share.lane, true);
    view.setUint32(offset + CERTIFICATE_LANE.at.frameCount, share.frameCount, true);
    writeU64(view, offset + CERTIFICATE_LANE.at.bytes, share.bytes);
    offset += CERTIFICATE_LANE.bytes;
  }
  for (const { space, pages } of sizes) {
    view.setUint32(offset + CERTIFICATE_SIZE.at.space, space, true);
    writeU64(view, offset + CERTIFICATE_SIZE.at.pages, pages);
    offset += CERTIFICATE_SIZE.bytes;
  }
  assert(offset === listed, 'a certificate lists exactly what it counts');
  const crc = crc32c(bytes.subarray(0, total - CERTIFICATE_CRC_BYTES));
  view.setUint32(total - CERTIFICATE_CRC_BYTES, crc, true);
  return { bytes, crc };
}

function alignedUp(bytes: number): number {
  return Math.ceil(bytes / SEGMENT_ALIGNMENT) * SEGMENT_ALIGNMENT;
}

/** What is said of a certificate whose bytes are not those that were written. */
export const CERTIFICATE_CHECKSUM_FAULT = 'a certificate fails its checksum';

/** Decodes a whole certificate region and checks its checksum and its lists against each other. */
export function decodeCertificate(region: Uint8Array): (Certificate & { crc: number }) | Refusal {
  if (region.length < CERTIFICATE.bytes + CERTIFICATE_CRC_BYTES) return damaged('a certificate is cut short');
  const view = new DataView(region.buffer, region.byteOffset, region.length);
  const crcOffset = region.length - CERTIFICATE_CRC_BYTES;
  const crc = view.getUint32(crcOffset, true);
  if (crc32c(region.subarray(0, crcOffset)) !== crc) return damaged(CERTIFICATE_CHECKSUM_FAULT);
  if (view.getUint32(C.magic, true) !== CERTIFICATE_MAGIC) return damaged('a certificate has no magic');
  if (view.getUint16(C.version, true) !== FORMAT_VERSION) return version('the certificate version is unknown');
  const flags = view.getUint16(C.flags, true);
  if ((flags & ~CERTIFICATE_FLAG.fallback) !== 0) return version('a reserved bit of a certificate is set');
  const voidCount = view.getUint32(C.voidCount, true);
  const laneCount = view.getUint32(C.laneCount, true);
  const sizeCount = view.getUint32(C.sizeCount, true);
  const listed = listedBytes(voidCount, laneCount, sizeCount);
  // Before any list is made: the lists must fit into the bytes that are really there.
  if (listed !== view.getUint32(C.certificateBytes, true) || listed > crcOffset) {
    return damaged('the lists of a certificate do not fit');
  }
  const u64 = (offset: number): number => readU64(view, offset) ?? Number.NaN;
  const voidsAt = CERTIFICATE.bytes;
  const lanesAt = voidsAt + voidCount * CERTIFICATE_VOID.bytes;
  const sizesAt = lanesAt + laneCount * CERTIFICATE_LANE.bytes;
  const certificate = {
    flags,
    epoch: u64(C.epoch),
    firstSeq: u64(C.firstSeq),
    endSeq: u64(C.endSeq),
    frameCount: view.getUint32(C.frameCount, true),
    pageCount: u64(C.pageCount),
    framesDigest: view.getUint32(C.framesDigest, true),
    voids: Array.from({ length: voidCount }, (_, index) => u64(voidsAt + index * CERTIFICATE_VOID.bytes)),
    lanes: Array.from({ length: laneCount }, (_, index) => {
      const at = lanesAt + index * CERTIFICATE_LANE.bytes;
      const frameCount = view.getUint32(at + CERTIFICATE_LANE.at.frameCount, true);
      return { lane: view.getUint32(at, true), frameCount, bytes: u64(at + CERTIFICATE_LANE.at.bytes) };
    }),
    sizes: Array.from({ length: sizeCount }, (_, index) => {
      const at = sizesAt + index * CERTIFICATE_SIZE.bytes;
      if (view.getUint32(at + CERTIFICATE_SIZE.at.reserved0, true) !== 0) return { space: 0, pages: Number.NaN };
      return { space: view.getUint32(at, true), pages: u64(at + CERTIFICATE_SIZE.at.pages) };
    }),
    crc,
  };
  const { epoch, firstSeq, endSeq, pageCount, voids, lanes, sizes } = certificate;
  const numbers = [
    epoch,
    firstSeq,
    endSeq,
    pageCount,
    ...lanes.map((share) => share.bytes),
    ...sizes.map((size) => size.pages),
  ];
  if (numbers.some(Number.isNaN) || voids.some(Number.isNaN))
    return damaged('a number of a certificate is out of range');
  return certificate;
}

function damaged(reason: string): Refusal {
  return { refused: 'damaged', reason };
}

function version(reason: string): Refusal {
  return { refused: 'version', reason };
}
