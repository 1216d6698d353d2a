// The conservative path: all threads append to the first lane, one after the other, under its lock. It takes the steps
// of design/concurrency.md, "Append", in the same order and with the same words, so that the flusher, segments and
// recovery need not know of it; but it encodes by itself (proof/proof-frame.ts), whole frames in memory of its own, and
// copies each into the lane in one piece.

import { assert } from '../base/assert.js';
import { COUNTER_MAX } from '../base/counters.js';
import { WalError } from '../base/errors.js';
import { MODE } from '../epoch/mode.js';
import { FRAME_HEADER } from '../frame/layout.js';
import { advance, bytesBetween, GUARD_IDLE, type Lane } from '../lane/lane.js';
import type { Jumbo, LaneWriter, Refusal, SequenceSource } from '../lane/lane-writer.js';
import { Scratch } from '../memory/scratch.js';
import {
  completeProofFrame,
  encodeProofFrame,
  encodeProofReference,
  PROOF_REFERENCE_BYTES,
  proofFrameBytes,
} from '../proof/proof-frame.js';
import type { CheckedCommit } from '../record/commit.js';

/** A way into the log: the parallel one, or the ordered one. */
export type AppendPath = Pick<
  LaneWriter,
  'lane' | 'isJumbo' | 'freeBytes' | 'tryAppend' | 'encodeJumbo' | 'tryAppendJumbo'
>;

/** The lane that all threads share in conservative mode. */
export const ORDERED_LANE = 0;

/** Appends commits of one thread while the log is conservative. */
export class OrderedEncoder implements AppendPath {
  readonly lane: Lane;
  readonly #writerId: number;
  readonly #sequences: SequenceSource;
  readonly #frameSeed: number;
  readonly #scratch = new Scratch();

  /** @param lane - the first one, {@link ORDERED_LANE} */
  constructor(lane: Lane, writerId: number, sequences: SequenceSource, frameSeed: number) {
    assert(lane.index === ORDERED_LANE, 'the conservative path goes through the first lane');
    this.lane = lane;
    this.#writerId = writerId;
    this.#sequences = sequences;
    this.#frameSeed = frameSeed;
  }

  isJumbo(recordsBytes: number): boolean {
    return FRAME_HEADER.bytes + recordsBytes > this.lane.bytes;
  }

  freeBytes(): number {
    return this.lane.bytes - this.lane.stagedBytes();
  }

  tryAppend(commit: CheckedCommit, lockTimeoutMs: number): number | Refusal {
    const frame = this.#scratch.take(proofFrameBytes(commit));
    encodeProofFrame(frame, commit, ORDERED_LANE);
    return this.#inTurn(commit, frame, lockTimeoutMs, (commitSeq) => {
      completeProofFrame(frame, commitSeq, this.#frameSeed);
    });
  }

  encodeJumbo(commit: CheckedCommit, jumboId: number): Jumbo {
    const frameBytes = proofFrameBytes(commit);
    try {
      const frame = new SharedArrayBuffer(frameBytes);
      encodeProofFrame(new Uint8Array(frame), commit, ORDERED_LANE);
      return { jumboId, frame };
    } catch (cause) {
      const message = `There is no memory for a commit of ${frameBytes} bytes. Split it.`;
      throw new WalError('ERR_WAL_RECORD_TOO_LARGE', message, { frameBytes }, cause);
    }
  }

  tryAppendJumbo(
    commit: CheckedCommit,
    { jumboId, frame }: Jumbo,
    lockTimeoutMs: number,
    admit: (bytes: number) => boolean,
  ): number | Refusal {
    const whole = new Uint8Array(frame);
    const reference = this.#scratch.take(PROOF_REFERENCE_BYTES);
    const complete = (commitSeq: number): void => {
      completeProofFrame(whole, commitSeq, this.#frameSeed);
      encodeProofReference(reference, whole, jumboId);
      completeProofFrame(reference, commitSeq, this.#frameSeed);
    };
    return this.#inTurn(commit, reference, lockTimeoutMs, complete, () => admit(whole.length));
  }

  /** Takes the one lock, a sequence, and publishes `frame`, which `complete` finishes for that sequence. */
  #inTurn(
    commit: CheckedCommit,
    frame: Uint8Array,
    lockTimeoutMs: number,
    complete: (commitSeq: number) => void,
    isAdmitted: () => boolean = () => true,
  ): number | Refusal {
    const { lock, head, tail, guard, ring } = this.lane;
    const sequences = this.#sequences;
    if (!lock.acquire(this.#writerId, lockTimeoutMs)) return 'locked';
    try {
      const start = tail.load();
      // I1: only the holder of the lock takes space, so what is free stays free.
      if (this.lane.bytes - bytesBetween(head.load(), start) < frame.length || !isAdmitted()) return 'full';
      // I3: the guard before the sequence.
      const seen = sequences.commitSeqNext.load();
      guard.store(seen);
      // I4 M1: state and mode behind the guard.
      const refusal = this.#refusal(seen);
      if (refusal !== undefined) {
        guard.store(GUARD_IDLE);
        return refusal;
      }
      const commitSeq = sequences.commitSeqNext.increment();
      complete(commitSeq);
      ring.copyIn(start, frame);
      // I2: publishes.
      tail.store(advance(start, frame.length));
      for (const { space, pages } of commit.sizes) sequences.setSizePages(space, pages);
      guard.store(GUARD_IDLE);
      return commitSeq;
    } finally {
      lock.release(this.#writerId);
    }
  }

  #refusal(seen: number): Refusal | undefined {
    if (!this.#sequences.isOpen()) return 'closed';
    if (this.#sequences.modeCode() !== MODE.conservative) return 'switched';
    return seen > COUNTER_MAX ? 'exhausted' : undefined;
  }
}
