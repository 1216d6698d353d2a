// What the flusher reads of a lane: the frames of one epoch, up to a cut. Only the flusher's thread may use it.

import { assert } from '../base/assert.js';
import { FRAME_ALIGNMENT, FRAME_HEADER, FRAME_KIND } from '../frame/layout.js';
import { ByteRing } from '../memory/byte-ring.js';
import { decodeJumboReference, sizeRecordAt } from '../record/codec.js';
import { RECORD_HEADER } from '../record/layout.js';
import { advance, bytesBetween, type Lane } from './lane.js';

const { at } = FRAME_HEADER;

/** Told about each frame of a cut, in lane order. */
export interface CutVisitor {
  /** One commit: its sequence, checksum and page count. */
  frame(commitSeq: number, headerCrc: number, pageCount: number): void;
  /** A size that the commit `commitSeq` sets. */
  size(commitSeq: number, space: number, pages: number): void;
  /** The frame of a commit that was handed over apart. */
  jumbo(jumboId: number): SharedArrayBuffer;
}

/** Frames of one lane that belong to one epoch. */
export interface LaneCut {
  readonly lane: Lane;
  /** Position behind the last frame of the cut: the lane's head once it is written. */
  readonly end: number;
  readonly frameCount: number;
  /** Bytes on disk, jumbos included. */
  readonly bytes: number;
  /** The bytes in order: views of the lane and of jumbos. */
  readonly pieces: readonly Uint8Array[];
  /** Jumbos among them, and their bytes. */
  readonly jumboCount: number;
  readonly jumboBytes: number;
}

/**
 * Cuts a lane at the first frame whose sequence is at or above `endSeq`.
 *
 * @param tail - the position loaded by the sealer, after the guards (I5)
 */
export function cutLane(lane: Lane, tail: number, endSeq: number, visitor: CutVisitor): LaneCut {
  const { ring } = lane;
  const head = lane.head.load();
  const pieces: Uint8Array[] = [];
  let runStart = head;
  let position = head;
  let frameCount = 0;
  let bytes = 0;
  let jumboCount = 0;
  let jumboBytes = 0;
  let seqBefore = 0;
  const closeRun = (): void => {
    if (position !== runStart) pieces.push(...ring.pieces(runStart, bytesBetween(runStart, position)));
  };
  while (position !== tail) {
    const left = bytesBetween(position, tail);
    const frameBytes = ring.u32(position + at.frameBytes);
    assert(
      frameBytes > 0 && frameBytes % FRAME_ALIGNMENT === 0 && frameBytes <= left,
      'published bytes are whole frames',
    );
    const commitSeq = ring.u64(position + at.commitSeq);
    assert(commitSeq > seqBefore, 'sequences ascend within a lane');
    if (commitSeq >= endSeq) break;
    seqBefore = commitSeq;
    if (ring.u32(position + at.kind) === FRAME_KIND.jumboReference) {
      closeRun();
      const jumboId = decodeJumboReference(ring, position + FRAME_HEADER.bytes);
      const frame = new Uint8Array(visitor.jumbo(jumboId));
      pieces.push(frame);
      bytes += frame.length;
      jumboCount += 1;
      jumboBytes += frame.length;
      visit(ByteRing.flat(frame), 0, commitSeq, visitor);
      position = advance(position, frameBytes);
      runStart = position;
    } else {
      visit(ring, position, commitSeq, visitor);
      bytes += frameBytes;
      position = advance(position, frameBytes);
    }
    frameCount += 1;
  }
  closeRun();
  return { lane, end: position, frameCount, bytes, pieces, jumboCount, jumboBytes };
}

function visit(ring: ByteRing, position: number, commitSeq: number, visitor: CutVisitor): void {
  visitor.frame(commitSeq, ring.u32(position + at.headerCrc), ring.u32(position + at.pageCount));
  const sizeCount = ring.u32(position + at.sizeCount);
  for (let index = 0; index < sizeCount; index += 1) {
    const { space, pages } = sizeRecordAt(ring, position + FRAME_HEADER.bytes + index * RECORD_HEADER.bytes);
    visitor.size(commitSeq, space, pages);
  }
}
