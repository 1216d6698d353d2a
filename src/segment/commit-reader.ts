// The commits of one verified segment in sequence order. Frames stand lane by lane, ascending within a lane, so the
// order is a merge of the lanes: one cursor and one piece of a shared buffer per lane, whatever the segment's length.
// Not here: verification. A segment that was verified before and reads differently now is an error, never an end.

import { assert } from '../base/assert.js';
import { WalError } from '../base/errors.js';
import { type DecodedFrameHeader, decodeFrameHeader, frameSeed } from '../frame/codec.js';
import { FRAME_HEADER } from '../frame/layout.js';
import { type DecodedRecord, decodeRecordShape, type RecordShape, recordOf } from '../record/codec.js';
import { RECORD_HEADER } from '../record/layout.js';
import type { LogFile } from '../storage/directory.js';
import type { SegmentHeader } from './codec.js';
import { FileWindow } from './file-window.js';
import { SEGMENT_HEADER } from './layout.js';
import { readSegmentCertificate } from './reader.js';

/** A commit as it stands in a segment. */
export interface SegmentCommit {
  readonly frame: DecodedFrameHeader;
  /** Where the frame stands in the file. */
  readonly offset: number;
  /** The records in order; views are valid until the next record, or the next commit, is asked for. */
  records(): Generator<DecodedRecord, void, void>;
  /** What the records are and where they stand, in order; their bytes are not looked at. As long as the records. */
  shapes(): Generator<PlacedShape, void, void>;
}

/** What a record is, and where in the file its image, or other bytes, start. */
export type PlacedShape = RecordShape & { readonly bytesAt: number };

/**
 * Least buffer a lane gets: a frame header. Less than any lane has on disk, so the buffer stays bounded by the file.
 * Records that are longer are read apart.
 */
const LANE_BUFFER_BYTES_MIN = FRAME_HEADER.bytes;

/** Smallest buffer for reading commits: a certificate and a few lanes. */
const BUFFER_BYTES_MIN = 64 * 1024;

interface LaneCursor {
  readonly window: FileWindow;
  readonly end: number;
  at: number;
  frame: DecodedFrameHeader;
}

/** Reads commits with one buffer that is used again for every segment. */
export class CommitReader {
  #buffer: Uint8Array;
  /** For the rare record that is longer than its lane's piece; grows to the longest one, at most 100 MiB. */
  #large = new Uint8Array(0);

  /** @param bufferBytes - memory to use, at least 64 KiB; with very many lanes more, 64 bytes each */
  constructor(bufferBytes: number) {
    this.#buffer = new Uint8Array(Math.max(bufferBytes, BUFFER_BYTES_MIN));
  }

  /**
   * The commits of the segment with this header.
   *
   * @throws {WalError} ERR_WAL_CORRUPT when the segment is no longer what was verified; ERR_WAL_IO
   */
  *commits(file: LogFile, header: SegmentHeader): Generator<SegmentCommit, void, void> {
    const heap: LaneCursor[] = [];
    for (const cursor of this.#cursors(file, header)) push(heap, cursor);
    const seed = frameSeed(header.logId, header.incarnation);
    for (let cursor = heap[0]; cursor !== undefined; cursor = heap[0]) {
      const { at, frame, window } = cursor;
      const records = (): Generator<DecodedRecord, void, void> => this.#records(file, window, at, frame);
      yield { frame, offset: at, records, shapes: () => shapesOf(file, window, at, frame) };
      cursor.at += frame.frameBytes;
      if (cursor.at < cursor.end) {
        cursor.frame = frameAt(file, window, cursor.at, cursor.end, seed);
        sink(heap, 0);
      } else {
        const last = heap.pop() as LaneCursor;
        if (heap.length > 0) {
          heap[0] = last;
          sink(heap, 0);
        }
      }
    }
  }

  *#cursors(file: LogFile, header: SegmentHeader): Generator<LaneCursor, void, void> {
    // Nothing behind the segment: small ones are read by the thousand a second.
    const end = header.fileOffset + header.segmentBytes;
    const certificate = readSegmentCertificate(file, new FileWindow(file, this.#buffer, end), header);
    if ('reason' in certificate) throw changed(file, certificate.offset, certificate.reason);
    const { lanes } = certificate;
    const least = lanes.length * LANE_BUFFER_BYTES_MIN;
    if (least > this.#buffer.length) this.#buffer = new Uint8Array(least);
    const share = Math.floor(this.#buffer.length / Math.max(lanes.length, 1) / FRAME_HEADER.bytes) * FRAME_HEADER.bytes;
    const isAllHeld = header.framesBytes <= this.#buffer.length;
    const seed = frameSeed(header.logId, header.incarnation);
    let at = header.fileOffset + SEGMENT_HEADER.bytes;
    let used = 0;
    for (const lane of lanes) {
      const bytes = isAllHeld ? lane.bytes : share;
      const end = at + lane.bytes;
      const window = new FileWindow(file, this.#buffer.subarray(used, used + bytes), end);
      yield { window, at, end, frame: frameAt(file, window, at, end, seed) };
      used += bytes;
      at = end;
    }
  }

  *#records(
    file: LogFile,
    window: FileWindow,
    at: number,
    frame: DecodedFrameHeader,
  ): Generator<DecodedRecord, void, void> {
    const end = at + frame.frameBytes;
    let recordAt = at + FRAME_HEADER.bytes;
    for (let index = 0; index < frame.recordCount; index += 1) {
      const shape = shapeAt(file, window, recordAt, end);
      yield recordOf(shape, this.#record(file, window, recordAt, shape.recordBytes), 0);
      recordAt += shape.recordBytes;
    }
  }

  #record(file: LogFile, window: FileWindow, at: number, length: number): Uint8Array {
    let bytes: Uint8Array | undefined;
    if (length <= window.capacity) bytes = window.view(at, length);
    else {
      if (this.#large.length < length) this.#large = new Uint8Array(length);
      const large = this.#large.subarray(0, length);
      if (file.read(large, at) === length) bytes = large;
    }
    if (bytes === undefined) throw changed(file, at, 'the file ends within a record');
    return bytes;
  }
}

function* shapesOf(
  file: LogFile,
  window: FileWindow,
  at: number,
  frame: DecodedFrameHeader,
): Generator<PlacedShape, void, void> {
  const end = at + frame.frameBytes;
  let recordAt = at + FRAME_HEADER.bytes;
  for (let index = 0; index < frame.recordCount; index += 1) {
    const shape = shapeAt(file, window, recordAt, end);
    const { kind, space, number, bytes, beforeBytes, recordBytes } = shape;
    // Field by field: a spread takes several times as long, and there is one for each page of a log.
    yield { kind, space, number, bytes, beforeBytes, recordBytes, bytesAt: recordAt + RECORD_HEADER.bytes };
    recordAt += shape.recordBytes;
  }
}

function shapeAt(file: LogFile, window: FileWindow, at: number, end: number): RecordShape {
  const place = window.find(at, Math.min(RECORD_HEADER.bytes, end - at));
  if (place === undefined) throw changed(file, at, 'the file ends within a record');
  const shape = decodeRecordShape(window.numbers, end - at, place);
  if (typeof shape === 'string') throw changed(file, at, shape);
  return shape;
}

function frameAt(file: LogFile, window: FileWindow, at: number, end: number, seed: number): DecodedFrameHeader {
  const bytes = window.view(at, FRAME_HEADER.bytes);
  const frame = bytes === undefined ? 'the file ends within a frame' : decodeFrameHeader(bytes, end - at, seed);
  if (typeof frame === 'string') throw changed(file, at, frame);
  return frame;
}

function changed(file: LogFile, offset: number, reason: string): WalError {
  const message = `${file.name} was whole when it was verified and is not now: ${reason}. Check the disk.`;
  return new WalError('ERR_WAL_CORRUPT', message, { file: file.name, offset, reason });
}

/** Adds to a binary heap by sequence. */
function push(heap: LaneCursor[], cursor: LaneCursor): void {
  heap.push(cursor);
  let index = heap.length - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (seqAt(heap, parent) <= seqAt(heap, index)) return;
    swap(heap, parent, index);
    index = parent;
  }
}

/** Restores a binary heap whose entry at `index` may have become larger. */
function sink(heap: LaneCursor[], from: number): void {
  let index = from;
  for (;;) {
    const left = 2 * index + 1;
    let least = index;
    if (left < heap.length && seqAt(heap, left) < seqAt(heap, least)) least = left;
    if (left + 1 < heap.length && seqAt(heap, left + 1) < seqAt(heap, least)) least = left + 1;
    if (least === index) return;
    swap(heap, index, least);
    index = least;
  }
}

function seqAt(heap: readonly LaneCursor[], index: number): number {
  const cursor = heap[index];
  assert(cursor !== undefined, 'a heap is indexed within its length');
  return cursor.frame.commitSeq;
}

function swap(heap: LaneCursor[], one: number, other: number): void {
  [heap[one], heap[other]] = [heap[other] as LaneCursor, heap[one] as LaneCursor];
}
