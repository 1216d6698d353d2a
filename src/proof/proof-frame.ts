// A commit as the bytes of its frame, in the plainest way: one pass over flat memory, every field by its place in the
// layouts and nothing else in common with the encoder of the parallel path (record/codec.ts, frame/codec.ts). So one
// can be held against the other, and a fault of one is not a fault of both.

import { crc32c } from '../base/checksum.js';
import { FRAME_ALIGNMENT, FRAME_HEADER, FRAME_KIND } from '../frame/layout.js';
import type { CheckedCommit } from '../record/commit.js';
import { RECORD_ALIGNMENT, RECORD_HEADER, RECORD_KIND } from '../record/layout.js';

const { at: header } = FRAME_HEADER;
const { at: record } = RECORD_HEADER;

/** A reference to a jumbo: a header and one record, padded to two headers. */
export const PROOF_REFERENCE_BYTES = 2 * FRAME_HEADER.bytes;

/** What one record says, whatever its kind. */
interface Fields {
  readonly kind: number;
  readonly space: number | undefined;
  readonly number: number;
  readonly parts: readonly Uint8Array[];
}

/** Bytes of the frame of a commit, added up anew. */
export function proofFrameBytes(commit: CheckedCommit): number {
  let bytes = FRAME_HEADER.bytes;
  for (const { parts } of fieldsOf(commit)) {
    bytes += RECORD_HEADER.bytes;
    for (const part of parts) bytes += padded(part.length, RECORD_ALIGNMENT);
  }
  return padded(bytes, FRAME_ALIGNMENT);
}

/**
 * Encodes everything of a frame but what its sequence decides, over all of `frame`.
 *
 * @param frame - {@link proofFrameBytes} long; whatever stands in it is overwritten
 * @param lane - index of the lane that it goes through
 */
export function encodeProofFrame(frame: Uint8Array, commit: CheckedCommit, lane: number): void {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  frame.fill(0);
  let offset: number = FRAME_HEADER.bytes;
  let records = 0;
  for (const { kind, space = 0, number, parts } of fieldsOf(commit)) {
    view.setUint32(offset + record.kind, kind, true);
    view.setUint32(offset + record.space, space, true);
    view.setBigUint64(offset + record.number, BigInt(number), true);
    view.setUint32(offset + record.bytes, parts[0]?.length ?? 0, true);
    view.setUint32(offset + record.beforeBytes, parts[1]?.length ?? 0, true);
    offset += RECORD_HEADER.bytes;
    for (const part of parts) {
      frame.set(part, offset);
      offset += padded(part.length, RECORD_ALIGNMENT);
    }
    records += 1;
  }
  view.setUint32(header.frameBytes, frame.length, true);
  view.setUint32(header.kind, FRAME_KIND.commit, true);
  view.setBigUint64(header.txnId, BigInt(commit.txnId), true);
  view.setBigUint64(header.txnEpoch, BigInt(commit.txnEpoch), true);
  view.setBigUint64(header.beginSeq, BigInt(commit.beginSeq), true);
  view.setUint32(header.recordCount, records, true);
  view.setUint32(header.pageCount, commit.pages.length, true);
  view.setUint32(header.sizeCount, commit.sizes.length, true);
  view.setUint32(header.lane, lane, true);
  view.setUint32(header.payloadCrc, crc32c(frame.subarray(FRAME_HEADER.bytes)), true);
}

/** Completes an encoded frame with its sequence. */
export function completeProofFrame(frame: Uint8Array, commitSeq: number, frameSeed: number): void {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  view.setBigUint64(header.commitSeq, BigInt(commitSeq), true);
  view.setUint32(header.headerCrc, crc32c(frame.subarray(0, header.headerCrc), frameSeed), true);
}

/**
 * The frame that stands in a lane for a jumbo, all but its sequence: the jumbo's header, and one record.
 *
 * @param reference - {@link PROOF_REFERENCE_BYTES} long
 * @param whole - the encoded jumbo
 */
export function encodeProofReference(reference: Uint8Array, whole: Uint8Array, jumboId: number): void {
  reference.fill(0);
  reference.set(whole.subarray(0, FRAME_HEADER.bytes));
  const view = new DataView(reference.buffer, reference.byteOffset, reference.length);
  view.setUint32(header.frameBytes, reference.length, true);
  view.setUint32(header.kind, FRAME_KIND.jumboReference, true);
  view.setUint32(header.payloadCrc, 0, true);
  view.setUint32(FRAME_HEADER.bytes + record.kind, RECORD_KIND.jumboReference, true);
  view.setBigUint64(FRAME_HEADER.bytes + record.number, BigInt(jumboId), true);
}

/** The records of a commit in the order in which they stand: sizes, pages, operations. */
function* fieldsOf({ sizes, pages, operations }: CheckedCommit): Generator<Fields> {
  for (const { space, pages: number } of sizes) yield { kind: RECORD_KIND.size, space, number, parts: [] };
  for (const { pageNumber: number, space, image, before } of pages) {
    yield { kind: RECORD_KIND.page, space, number, parts: before === undefined ? [image] : [image, before] };
  }
  for (const { code: number, space, bytes } of operations) {
    yield { kind: RECORD_KIND.operation, space, number, parts: [bytes] };
  }
}

function padded(bytes: number, alignment: number): number {
  return bytes + ((alignment - (bytes % alignment)) % alignment);
}
