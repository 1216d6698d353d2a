// The proofs of a lane: beside a frame, at the same position of a second ring, the same commit as the proof path
// encodes it (proof/proof-frame.ts). Writers lay them; who seals finds them, and knows those that count.
//
// A proof counts if its header is whole and its sequence is not sealed yet: what an earlier frame left at the same
// place has an older one. A writer completes the header between taking the sequence and publishing, so one that died
// there leaves a proof without a frame; who reaps it takes the proof away (M4; design/modes.md, "Shadow compare").

import { assert } from '../base/assert.js';
import { FRAME_ALIGNMENT, FRAME_HEADER } from '../frame/layout.js';
import { Scratch } from '../memory/scratch.js';
import {
  completeProofFrame,
  encodeProofFrame,
  encodeProofReference,
  PROOF_REFERENCE_BYTES,
  proofFrameBytes,
} from '../proof/proof-frame.js';
import type { CheckedCommit } from '../record/commit.js';
import type { Lane } from './lane.js';

const { at } = FRAME_HEADER;

/** Out of so many commits of a writer some are proven. */
const BATCH_IDS = 1000;

/** Lays the proofs of one writer. */
export class ProofWriter {
  readonly #lane: Lane;
  readonly #frameSeed: number;
  readonly #perMille: number;
  readonly #header = new Uint8Array(FRAME_HEADER.bytes);
  #batchId = 0;
  readonly #scratch = new Scratch();

  /** @param perMille - so many of each thousand commits are proven, the first ones; 1000 for all */
  constructor(lane: Lane, frameSeed: number, perMille: number) {
    this.#lane = lane;
    this.#frameSeed = frameSeed;
    this.#perMille = perMille;
  }

  /** Whether the commit `ahead` of the next one is proven. */
  isSampled(ahead = 0): boolean {
    return (this.#batchId + ahead) % BATCH_IDS < this.#perMille;
  }

  /** A commit was published. */
  entered(): void {
    this.#batchId += 1;
  }

  /** Encodes a commit anew beside the frame that was laid down at `start`; its sequence comes later. */
  lay(commit: CheckedCommit, start: number, frameBytes: number): void {
    // Before anything is published: no proof could take the place of a frame of another length.
    assert(proofFrameBytes(commit) === frameBytes, 'both paths give a commit the same length');
    const proof = this.#scratch.take(frameBytes);
    encodeProofFrame(proof, commit, this.#lane.index);
    this.#lane.proofs.copyIn(start, proof);
  }

  /** Completes what {@link lay} has laid. */
  complete(start: number, commitSeq: number): void {
    const { proofs } = this.#lane;
    const [laid] = proofs.pieces(start, FRAME_HEADER.bytes) as [Uint8Array];
    this.#header.set(laid);
    completeProofFrame(this.#header, commitSeq, this.#frameSeed);
    proofs.copyIn(start, this.#header);
  }

  /** Encodes a jumbo anew into memory of its own, all but its sequence. */
  encodeJumbo(commit: CheckedCommit, proof: SharedArrayBuffer): void {
    assert(proof.byteLength === proofFrameBytes(commit), 'both paths give a commit the same length');
    encodeProofFrame(new Uint8Array(proof), commit, this.#lane.index);
  }

  /** Completes the proof of a jumbo, and lays that of the reference at `start`. */
  completeJumbo(proof: SharedArrayBuffer, jumboId: number, start: number, commitSeq: number): void {
    const whole = new Uint8Array(proof);
    completeProofFrame(whole, commitSeq, this.#frameSeed);
    const reference = this.#scratch.take(PROOF_REFERENCE_BYTES);
    encodeProofReference(reference, whole, jumboId);
    completeProofFrame(reference, commitSeq, this.#frameSeed);
    this.#lane.proofs.copyIn(start, reference);
  }
}

/**
 * The length of the proof that counts for the frame at `position`, or 0.
 *
 * @param left - bytes published from there on
 * @param firstSeq - no sequence below it counts
 */
export function proofBytesAt(
  { proofs }: Lane,
  position: number,
  left: number,
  firstSeq: number,
  frameSeed: number,
): number {
  const bytes = proofs.u32(position + at.frameBytes);
  if (bytes < FRAME_HEADER.bytes || bytes % FRAME_ALIGNMENT !== 0 || bytes > left) return 0;
  if (proofs.u64(position + at.commitSeq) < firstSeq) return 0;
  return proofs.crc(position, at.headerCrc, frameSeed) === proofs.u32(position + at.headerCrc) ? bytes : 0;
}

/** Makes sure that no proof counts for a frame at `position` but one that is laid from now on. */
export function clearProof({ proofs }: Lane, position: number): void {
  proofs.setU32(position + at.frameBytes, 0);
}
