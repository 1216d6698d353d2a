// Frame headers to bytes and back, with their checksums. The header checksum is seeded with the log and its
// incarnation, so that a stale frame of a recycled file never passes (design/format.md, "Frame").

import { crc32c } from '../base/checksum.js';
import { readU64, writeU64 } from '../base/layout.js';
import type { ByteRing } from '../memory/byte-ring.js';
import { FRAME_ALIGNMENT, FRAME_BYTES_MAX, FRAME_HEADER, FRAME_KIND } from './layout.js';

const { at } = FRAME_HEADER;
const CRC_COVERS = at.headerCrc;

/** The seed of all frame header checksums of one incarnation of one log. */
export function frameSeed(logId: number, incarnation: number): number {
  const view = new DataView(new ArrayBuffer(12));
  writeU64(view, 0, logId);
  view.setUint32(8, incarnation, true);
  return crc32c(new Uint8Array(view.buffer));
}

/** Everything a frame header says, but for its checksum. */
export interface FrameHeader {
  readonly frameBytes: number;
  readonly kind: number;
  readonly commitSeq: number;
  readonly txnId: number | bigint;
  readonly txnEpoch: number | bigint;
  readonly beginSeq: number;
  readonly recordCount: number;
  readonly pageCount: number;
  readonly sizeCount: number;
  readonly lane: number;
  readonly payloadCrc: number;
}

/** Writes a frame header with its checksum at `position`, which is aligned so that it does not wrap. */
export function encodeFrameHeader(ring: ByteRing, position: number, header: FrameHeader, seed: number): void {
  ring.setU32(position + at.frameBytes, header.frameBytes);
  ring.setU32(position + at.kind, header.kind);
  ring.setU64(position + at.commitSeq, header.commitSeq);
  ring.setU64(position + at.txnId, header.txnId);
  ring.setU64(position + at.txnEpoch, header.txnEpoch);
  ring.setU64(position + at.beginSeq, header.beginSeq);
  ring.setU32(position + at.recordCount, header.recordCount);
  ring.setU32(position + at.pageCount, header.pageCount);
  ring.setU32(position + at.sizeCount, header.sizeCount);
  ring.setU32(position + at.lane, header.lane);
  ring.setU32(position + at.payloadCrc, header.payloadCrc);
  ring.setU32(position + at.headerCrc, ring.crc(position, CRC_COVERS, seed));
}

/** A decoded header with the checksum that stands in it. */
export type DecodedFrameHeader = FrameHeader & { readonly headerCrc: number };

/**
 * Decodes and checks the frame header in the first 64 bytes of `bytes`.
 *
 * @param bytesLeft - what is left of the region the frame stands in; bounds `frameBytes`
 * @returns the header, or a reason why these bytes are no frame of this incarnation on disk
 */
export function decodeFrameHeader(bytes: Uint8Array, bytesLeft: number, seed: number): DecodedFrameHeader | string {
  if (bytesLeft < FRAME_HEADER.bytes || bytes.length < FRAME_HEADER.bytes) return 'a frame header is cut short';
  const view = new DataView(bytes.buffer, bytes.byteOffset, FRAME_HEADER.bytes);
  const headerCrc = view.getUint32(at.headerCrc, true);
  if (crc32c(bytes.subarray(0, CRC_COVERS), seed) !== headerCrc) return 'a frame header fails its checksum';
  const frameBytes = view.getUint32(at.frameBytes, true);
  const kind = view.getUint32(at.kind, true);
  const commitSeq = readU64(view, at.commitSeq);
  const beginSeq = readU64(view, at.beginSeq);
  if (kind !== FRAME_KIND.commit) return 'a frame has an unknown kind';
  if (commitSeq === undefined || commitSeq === 0 || beginSeq === undefined) return 'a frame sequence is out of range';
  if (frameBytes <= FRAME_HEADER.bytes || frameBytes > FRAME_BYTES_MAX || frameBytes % FRAME_ALIGNMENT !== 0) {
    return 'a frame has an impossible length';
  }
  if (frameBytes > bytesLeft) return 'a frame is longer than what is left of its segment';
  return {
    frameBytes,
    kind,
    commitSeq,
    txnId: token(view, at.txnId),
    txnEpoch: token(view, at.txnEpoch),
    beginSeq,
    recordCount: view.getUint32(at.recordCount, true),
    pageCount: view.getUint32(at.pageCount, true),
    sizeCount: view.getUint32(at.sizeCount, true),
    lane: view.getUint32(at.lane, true),
    payloadCrc: view.getUint32(at.payloadCrc, true),
    headerCrc,
  };
}

/** Gives a frame another incarnation: only the header's checksum depends on it. `bytes` starts at the frame. */
export function reseedFrameHeader(bytes: Uint8Array, seed: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, FRAME_HEADER.bytes);
  const headerCrc = crc32c(bytes.subarray(0, CRC_COVERS), seed);
  view.setUint32(at.headerCrc, headerCrc, true);
  return headerCrc;
}

/** A caller's token: a number while it is exact, a bigint above that. */
function token(view: DataView, offset: number): number | bigint {
  return readU64(view, offset) ?? view.getBigUint64(offset, true);
}
