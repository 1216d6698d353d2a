// The frames of a lane, each with its proof if it has one that counts.

import { FRAME_ALIGNMENT, FRAME_HEADER, FRAME_KIND } from '../frame/layout.js';
import { advance, bytesBetween, type Lane } from '../lane/lane.js';
import type { Jumbo } from '../lane/lane-writer.js';
import { proofBytesAt } from '../lane/proofs.js';
import type { ByteRing } from '../memory/byte-ring.js';
import { decodeJumboReference } from '../record/codec.js';

const { at } = FRAME_HEADER;

/** The same bytes twice: as the path of the log made them, and as the proof path did. */
export interface Copies {
  readonly frame: readonly Uint8Array[];
  readonly proof: readonly Uint8Array[];
}

/** A frame that is published. */
export interface ShadowedFrame {
  /** Of a frame without a proof only as far as its memory can be believed. */
  readonly commitSeq: number;
  /** In memory; of a jumbo its reference first, which stands in the lane. Empty without a proof. */
  readonly inMemory: readonly Copies[];
  /** What of it goes to the disk; undefined without a proof. */
  readonly onDisk: Copies | undefined;
  readonly diskBytes: number;
}

/** Where jumbos are found by their ids. */
export type Jumbos = (jumboId: number) => Pick<Jumbo, 'frame' | 'proof'>;

/**
 * The frames of a lane from its head up to `end`. Ends early where no frame can be: whoever cuts the lane says so.
 *
 * A frame with a proof is found by that: what stands in the lane may be anything. So it is repaired, or not, before
 * the next one is asked for.
 */
export function* shadowedFrames(
  lane: Lane,
  end: number,
  firstSeq: number,
  frameSeed: number,
  jumbos: Jumbos,
): Generator<ShadowedFrame> {
  for (let position = lane.head.load(); position !== end; ) {
    const left = bytesBetween(position, end);
    const proofBytes = proofBytesAt(lane, position, left, firstSeq, frameSeed);
    const bytes = proofBytes > 0 ? proofBytes : lane.ring.u32(position + at.frameBytes);
    if (bytes < FRAME_HEADER.bytes || bytes % FRAME_ALIGNMENT !== 0 || bytes > left) return;
    yield frameAt(lane, position, bytes, proofBytes > 0, jumbos);
    position = advance(position, bytes);
  }
}

function frameAt(lane: Lane, position: number, bytes: number, isProven: boolean, jumbos: Jumbos): ShadowedFrame {
  const { ring, proofs } = lane;
  const truth = isProven ? proofs : ring;
  const commitSeq = truth.u64(position + at.commitSeq);
  const jumbo = jumboAt(truth, position, jumbos);
  const diskBytes = jumbo?.frame.byteLength ?? bytes;
  if (!isProven) return { commitSeq, inMemory: [], onDisk: undefined, diskBytes };
  const own = { frame: ring.pieces(position, bytes), proof: proofs.pieces(position, bytes) };
  if (jumbo === undefined) return { commitSeq, inMemory: [own], onDisk: own, diskBytes };
  const { frame, proof = frame } = jumbo;
  const apart = { frame: [new Uint8Array(frame)], proof: [new Uint8Array(proof)] };
  return { commitSeq, inMemory: [own, apart], onDisk: apart, diskBytes };
}

function jumboAt(ring: ByteRing, position: number, jumbos: Jumbos): ReturnType<Jumbos> | undefined {
  if (ring.u32(position + at.kind) !== FRAME_KIND.jumboReference) return undefined;
  return jumbos(decodeJumboReference(ring, position + FRAME_HEADER.bytes));
}
