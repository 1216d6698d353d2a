// Records to bytes and back. Encoding trusts a checked commit; decoding trusts nothing: lengths are compared with what
// is left before they are used (faults.md F02, F31), and a record that does not fit ends the frame as damaged.

import { readU64 } from '../base/layout.js';
import type { ByteRing } from '../memory/byte-ring.js';
import type { CheckedCommit, PageWrite } from './commit.js';
import { OPERATION_BYTES_MAX } from './commit.js';
import { alignUp, PAGE_BYTES_MAX, RECORD_ALIGNMENT, RECORD_HEADER, RECORD_KIND } from './layout.js';

const { at } = RECORD_HEADER;

/** A decoded record; `bytes` and `before` are views of the input. */
export type DecodedRecord =
  | { kind: 'page'; space: number; pageNumber: number; image: Uint8Array; before: Uint8Array | undefined }
  | { kind: 'size'; space: number; pages: number }
  | { kind: 'operation'; space: number; code: number; bytes: Uint8Array };

/** Writes all records of a commit from `position`; returns the position behind them. */
export function encodeRecords(ring: ByteRing, position: number, commit: CheckedCommit): number {
  let end = position;
  // Sizes first: the flusher finds them behind the frame header without reading any page.
  for (const { space, pages } of commit.sizes) end = encodeHeader(ring, end, RECORD_KIND.size, space, pages, 0, 0);
  for (const page of commit.pages) end = encodePage(ring, end, page);
  for (const { code, bytes, space = 0 } of commit.operations) {
    end = encodeHeader(ring, end, RECORD_KIND.operation, space, code, bytes.length, 0);
    end = encodeBytes(ring, end, bytes);
  }
  return end;
}

/** Writes the record that stands, in a lane, for a commit whose bytes were handed over apart. */
export function encodeJumboReference(ring: ByteRing, position: number, jumboId: number): number {
  return encodeHeader(ring, position, RECORD_KIND.jumboReference, 0, jumboId, 0, 0);
}

/** Reads the id back out of a record made by {@link encodeJumboReference}. */
export function decodeJumboReference(ring: ByteRing, position: number): number {
  return ring.u64(position + at.number);
}

/** Reads one of the size records that stand first in a frame this process wrote. */
export function sizeRecordAt(ring: ByteRing, position: number): { space: number; pages: number } {
  return { space: ring.u32(position + at.space), pages: ring.u64(position + at.number) };
}

function encodePage(ring: ByteRing, position: number, { pageNumber, image, before, space = 0 }: PageWrite): number {
  const beforeBytes = before === undefined ? 0 : before.length;
  let end = encodeHeader(ring, position, RECORD_KIND.page, space, pageNumber, image.length, beforeBytes);
  end = encodeBytes(ring, end, image);
  return before === undefined ? end : encodeBytes(ring, end, before);
}

function encodeHeader(
  ring: ByteRing,
  position: number,
  kind: number,
  space: number,
  number: number,
  bytes: number,
  beforeBytes: number,
): number {
  ring.setU32(position + at.kind, kind);
  ring.setU32(position + at.space, space);
  ring.setU64(position + at.number, number);
  ring.setU32(position + at.bytes, bytes);
  ring.setU32(position + at.beforeBytes, beforeBytes);
  return position + RECORD_HEADER.bytes;
}

function encodeBytes(ring: ByteRing, position: number, bytes: Uint8Array): number {
  ring.copyIn(position, bytes);
  const padding = alignUp(bytes.length, RECORD_ALIGNMENT) - bytes.length;
  if (padding > 0) ring.zero(position + bytes.length, padding);
  return position + bytes.length + padding;
}

/** Where a record's header says its parts lie, or why it cannot be one. */
export interface RecordShape {
  readonly kind: number;
  readonly space: number;
  readonly number: number;
  readonly bytes: number;
  readonly beforeBytes: number;
  /** Header and padded parts together. */
  readonly recordBytes: number;
}

/**
 * Reads a record header and checks it against the `bytesLeft` of its frame.
 *
 * @param header - at least 24 bytes from `start`, where the record begins
 * @returns the shape, or a reason why these bytes are no record
 */
export function decodeRecordShape(header: DataView, bytesLeft: number, start = 0): RecordShape | string {
  if (bytesLeft < RECORD_HEADER.bytes) return 'a record is cut short by its frame';
  const kind = header.getUint32(start + at.kind, true);
  const space = header.getUint32(start + at.space, true);
  const number = readU64(header, start + at.number);
  const bytes = header.getUint32(start + at.bytes, true);
  const beforeBytes = header.getUint32(start + at.beforeBytes, true);
  if (number === undefined) return 'a record number is out of range';
  if (kind === RECORD_KIND.page) {
    if (number === 0) return 'a page has number 0';
    if (bytes === 0 || bytes > PAGE_BYTES_MAX) return 'a page image has an impossible length';
    if (beforeBytes !== 0 && beforeBytes !== bytes) return 'a before image differs in length from its after image';
  } else if (kind === RECORD_KIND.size) {
    if (bytes !== 0 || beforeBytes !== 0) return 'a size record carries bytes';
  } else if (kind === RECORD_KIND.operation) {
    if (bytes > OPERATION_BYTES_MAX || beforeBytes !== 0) return 'an operation has an impossible length';
    if (number === 0) return 'an operation has code 0';
  } else return 'a record has an unknown kind';
  const recordBytes = RECORD_HEADER.bytes + alignUp(bytes, RECORD_ALIGNMENT) + alignUp(beforeBytes, RECORD_ALIGNMENT);
  if (recordBytes > bytesLeft) return 'a record is longer than what is left of its frame';
  return { kind, space, number, bytes, beforeBytes, recordBytes };
}

/**
 * Decodes the record at `offset` of a frame's payload.
 *
 * @returns the record and its length, or a reason why the bytes are none
 */
export function decodeRecord(
  payload: Uint8Array,
  offset: number,
): { record: DecodedRecord; recordBytes: number } | string {
  const left = payload.length - offset;
  const shape = decodeRecordShape(new DataView(payload.buffer, payload.byteOffset + offset, Math.max(left, 0)), left);
  if (typeof shape === 'string') return shape;
  return { record: recordOf(shape, payload, offset), recordBytes: shape.recordBytes };
}

/** The record of a shape, which starts at `offset` of `payload` and is whole. */
export function recordOf(shape: RecordShape, payload: Uint8Array, offset: number): DecodedRecord {
  const { space, number } = shape;
  if (shape.kind === RECORD_KIND.size) return { kind: 'size', space, pages: number };
  const start = offset + RECORD_HEADER.bytes;
  const bytes = payload.subarray(start, start + shape.bytes);
  if (shape.kind === RECORD_KIND.operation) return { kind: 'operation', space, code: number, bytes };
  const beforeStart = start + alignUp(shape.bytes, RECORD_ALIGNMENT);
  const before = shape.beforeBytes === 0 ? undefined : payload.subarray(beforeStart, beforeStart + shape.beforeBytes);
  return { kind: 'page', space, pageNumber: number, image: bytes, before };
}
