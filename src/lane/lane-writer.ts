// Appending commits to a lane, from any thread, without a global lock. design/concurrency.md, "Append". The caller
// holds nothing; this file holds the lane's lock for the length of one append, or of one run of them.
//
// The order of the last steps is the protocol: guard, state, sequence, header, tail, guard idle. Each step below names
// the invariant that its place keeps. A thread can be terminated between any two of them.

import { assert } from '../base/assert.js';
import { COUNTER_MAX } from '../base/counters.js';
import { WalError } from '../base/errors.js';
import { encodeFrameHeader } from '../frame/codec.js';
import { FRAME_ALIGNMENT, FRAME_BYTES_MAX, FRAME_HEADER, FRAME_KIND } from '../frame/layout.js';
import { ByteRing } from '../memory/byte-ring.js';
import { encodeJumboReference, encodeRecords } from '../record/codec.js';
import type { CheckedCommit } from '../record/commit.js';
import { alignUp, RECORD_HEADER } from '../record/layout.js';
import { advance, bytesBetween, GUARD_IDLE, type Lane } from './lane.js';
import { ProofWriter } from './proofs.js';

/** What an append needs of the rest of the log; the epoch folder's control block provides it. */
export interface SequenceSource {
  readonly commitSeqNext: { load(): number; increment(): number };
  isOpen(): boolean;
  /** The mode in force: who prepared an append for another one goes the other way. */
  modeCode(): number;
  setSizePages(space: number, pages: number): void;
}

/** A commit too large for its lane, encoded apart. */
export interface Jumbo {
  readonly jumboId: number;
  readonly frame: SharedArrayBuffer;
  /** The same as the proof path has it, where that is asked for. */
  readonly proof?: SharedArrayBuffer | undefined;
}

/**
 * Commits that enter a lane together at most. Whoever shares the lane waits for all of them, and their one guard holds
 * back what other lanes publish meanwhile, for some 20 microseconds.
 */
export const RUN_COMMITS_MAX = 128;

/** A frame whose bytes stand in the lane, all but the header that needs its sequence. */
interface LaidFrame {
  readonly commit: CheckedCommit;
  readonly start: number;
  readonly frameBytes: number;
  readonly payloadCrc: number;
  /** Whether a proof was laid beside it. */
  readonly isProven: boolean;
}

/** Why an append did not happen; nothing was written. `switched`: the log has another mode now. */
export type Refusal = 'full' | 'locked' | 'closed' | 'switched' | 'exhausted';

/** Bytes of a frame that holds `recordsBytes` of records. */
export function frameBytesFor(recordsBytes: number): number {
  return alignUp(FRAME_HEADER.bytes + recordsBytes, FRAME_ALIGNMENT);
}

/** Bytes that the reference to a jumbo takes in a lane. */
const REFERENCE_BYTES = frameBytesFor(RECORD_HEADER.bytes);

/** Appends commits of one thread to its lane. */
export class LaneWriter {
  readonly lane: Lane;
  readonly #writerId: number;
  readonly #sequences: SequenceSource;
  readonly #frameSeed: number;
  readonly #modeCode: number;
  readonly #proofs: ProofWriter | undefined;

  /**
   * @param writerId - unique for the life of the open log, never 0
   * @param frameSeed - seed of the frame header checksums of this incarnation
   * @param modeCode - the mode that this is the way of
   * @param provenPerMille - so many of each thousand commits get a proof
   */
  constructor(
    lane: Lane,
    writerId: number,
    sequences: SequenceSource,
    frameSeed: number,
    modeCode: number,
    provenPerMille = 0,
  ) {
    assert(writerId > 0, 'writer ids start at 1');
    this.lane = lane;
    this.#writerId = writerId;
    this.#sequences = sequences;
    this.#frameSeed = frameSeed;
    this.#modeCode = modeCode;
    this.#proofs = provenPerMille > 0 ? new ProofWriter(lane, frameSeed, provenPerMille) : undefined;
  }

  /** Whether a commit of this size goes through a lane of this size only as a jumbo. */
  isJumbo(recordsBytes: number): boolean {
    return frameBytesFor(recordsBytes) > this.lane.bytes;
  }

  /** Bytes free in the lane at this moment. */
  freeBytes(): number {
    return this.lane.bytes - this.lane.stagedBytes();
  }

  /**
   * Appends a commit that fits the lane.
   *
   * @param lockTimeoutMs - how long to wait for another writer of the same lane
   * @returns its sequence, or why nothing was written
   */
  tryAppend(commit: CheckedCommit, lockTimeoutMs: number): number | Refusal {
    const frameBytes = frameBytesFor(commit.recordsBytes);
    assert(frameBytes <= this.lane.bytes, 'a frame in a lane is no larger than the lane');
    return this.#inLane(frameBytes, lockTimeoutMs, (start) => {
      const frame = this.#layDown(commit, start, frameBytes);
      const refusal = this.#setGuard();
      if (refusal !== undefined) return refusal;
      const commitSeq = this.#publish(frame);
      this.lane.guard.store(GUARD_IDLE);
      return commitSeq;
    });
  }

  /**
   * Appends a run of commits that each fit the lane, in order, as many from the first on as there is room for. One
   * lock, one guard; each has a sequence of its own, and other lanes may have taken some in between.
   *
   * @param commits - at least one, at most {@link RUN_COMMITS_MAX}
   * @param lockTimeoutMs - how long to wait for another writer of the same lane
   * @returns the sequences of those that entered, at least one; or why nothing was written
   */
  tryAppendRun(commits: readonly CheckedCommit[], lockTimeoutMs: number): readonly number[] | Refusal {
    assert(commits.length > 0 && commits.length <= RUN_COMMITS_MAX, 'a run is within its bounds');
    const [first] = commits as readonly [CheckedCommit];
    return this.#inLane(frameBytesFor(first.recordsBytes), lockTimeoutMs, (start, free) => {
      const frames = this.#layDownAll(commits, start, free);
      // Published one by one: whenever the thread dies, one sequence at most is taken and not published (I6).
      const refusal = this.#setGuard();
      if (refusal !== undefined) return refusal;
      const commitSeqs = frames.map((frame) => this.#publish(frame));
      this.lane.guard.store(GUARD_IDLE);
      return commitSeqs;
    });
  }

  /** Encodes a commit that does not fit the lane, all but the header that needs its sequence. */
  encodeJumbo(commit: CheckedCommit, jumboId: number): Jumbo {
    const frameBytes = frameBytesFor(commit.recordsBytes);
    assert(frameBytes <= FRAME_BYTES_MAX, 'an oversized commit was refused before');
    const frame = allocate(frameBytes);
    // New memory is zero, so the padding behind the records is too.
    encodeRecords(ByteRing.flat(new Uint8Array(frame)), FRAME_HEADER.bytes, commit);
    if (this.#proofs?.isSampled() !== true) return { jumboId, frame };
    const proof = allocate(frameBytes);
    this.#proofs.encodeJumbo(commit, proof);
    return { jumboId, frame, proof };
  }

  /**
   * Publishes the reference to a jumbo whose buffer the flusher was already sent.
   *
   * The frame's own header is completed here too, before the reference becomes visible, so that the flusher can write
   * the buffer as it is.
   *
   * @param admit - claims room for that many bytes of jumbos, or says that there is none; called in the lane's lock
   */
  tryAppendJumbo(
    commit: CheckedCommit,
    { jumboId, frame, proof }: Jumbo,
    lockTimeoutMs: number,
    admit: (bytes: number) => boolean,
  ): number | Refusal {
    const flat = ByteRing.flat(new Uint8Array(frame));
    const frameBytes = frame.byteLength;
    const payloadCrc = flat.crc(FRAME_HEADER.bytes, frameBytes - FRAME_HEADER.bytes);
    return this.#inLane(REFERENCE_BYTES, lockTimeoutMs, (start) => {
      if (!admit(frameBytes)) return 'full';
      const { ring, index } = this.lane;
      const payloadStart = advance(start, FRAME_HEADER.bytes);
      ring.zero(payloadStart, REFERENCE_BYTES - FRAME_HEADER.bytes);
      encodeJumboReference(ring, payloadStart, jumboId);
      const refusal = this.#setGuard();
      if (refusal !== undefined) return refusal;
      const commitSeq = this.#sequences.commitSeqNext.increment();
      const real = headerOf(commit, commitSeq, frameBytes, index, payloadCrc);
      encodeFrameHeader(flat, 0, real, this.#frameSeed);
      const reference = { ...real, frameBytes: REFERENCE_BYTES, kind: FRAME_KIND.jumboReference, payloadCrc: 0 };
      encodeFrameHeader(ring, start, reference, this.#frameSeed);
      if (proof !== undefined) this.#proofs?.completeJumbo(proof, jumboId, start, commitSeq);
      this.#moveTail(advance(start, REFERENCE_BYTES), commit);
      this.lane.guard.store(GUARD_IDLE);
      return commitSeq;
    });
  }

  /** Runs `write` under the lane's lock with at least `bytes` of free space from the position it is given. */
  #inLane<Result>(
    bytes: number,
    lockTimeoutMs: number,
    write: (start: number, free: number) => Result | Refusal,
  ): Result | Refusal {
    const { lock, head, tail } = this.lane;
    if (!lock.acquire(this.#writerId, lockTimeoutMs)) return 'locked';
    try {
      const start = tail.load();
      // Space that was free stays free: only the holder of the lock takes any (I1).
      const free = this.lane.bytes - bytesBetween(head.load(), start);
      assert(free >= 0, 'a lane holds no more than its size');
      return free < bytes ? 'full' : write(start, free);
    } finally {
      lock.release(this.#writerId);
    }
  }

  /** Writes a commit's bytes, all but the header, where nobody looks yet. */
  #layDown(commit: CheckedCommit, start: number, frameBytes: number, ahead = 0): LaidFrame {
    const { ring } = this.lane;
    const payloadStart = advance(start, FRAME_HEADER.bytes);
    const end = encodeRecords(ring, payloadStart, commit);
    ring.zero(end, frameBytes - bytesBetween(start, end));
    const payloadCrc = ring.crc(payloadStart, frameBytes - FRAME_HEADER.bytes);
    const isProven = this.#proofs?.isSampled(ahead) === true;
    if (isProven) this.#proofs?.lay(commit, start, frameBytes);
    return { commit, start, frameBytes, payloadCrc, isProven };
  }

  /** The same for as many as fit, one behind the other. */
  #layDownAll(commits: readonly CheckedCommit[], start: number, free: number): LaidFrame[] {
    const frames: LaidFrame[] = [];
    let used = 0;
    for (const commit of commits) {
      const frameBytes = frameBytesFor(commit.recordsBytes);
      if (used + frameBytes > free) break;
      try {
        frames.push(this.#layDown(commit, advance(start, used), frameBytes, frames.length));
      } catch (error) {
        // Nothing of it is published; the first of a run tells what is wrong with it, and with nobody else.
        if (frames.length === 0) throw error;
        break;
      }
      used += frameBytes;
    }
    return frames;
  }

  /**
   * Sets the guard, behind which sequences may be taken and published; whoever did so clears it. Or says why none may
   * be, and has cleared it. No function is handed over: an append would make one each time.
   */
  #setGuard(): Refusal | undefined {
    const { guard } = this.lane;
    const sequences = this.#sequences;
    // I3: the guard is set before a sequence is taken and is no higher than it, so that a sealer that cannot see the
    // frame yet sees the guard.
    const seen = sequences.commitSeqNext.load();
    guard.store(seen);
    // I4: the state is looked at behind the guard, so that closing, which waits for guards, leaves nobody behind.
    if (!sequences.isOpen()) {
      guard.store(GUARD_IDLE);
      return 'closed';
    }
    // M1: the mode likewise, so that a switch, which waits for guards, knows when nobody is on the old path.
    if (sequences.modeCode() !== this.#modeCode) {
      guard.store(GUARD_IDLE);
      return 'switched';
    }
    if (seen > COUNTER_MAX) {
      guard.store(GUARD_IDLE);
      return 'exhausted';
    }
    return undefined;
  }

  /** Takes the sequence of a frame and publishes it, behind the guard. */
  #publish({ commit, start, frameBytes, payloadCrc, isProven }: LaidFrame): number {
    const { ring, index } = this.lane;
    const commitSeq = this.#sequences.commitSeqNext.increment();
    const header = headerOf(commit, commitSeq, frameBytes, index, payloadCrc);
    encodeFrameHeader(ring, start, header, this.#frameSeed);
    if (isProven) this.#proofs?.complete(start, commitSeq);
    this.#moveTail(advance(start, frameBytes), commit);
    return commitSeq;
  }

  /** Publishes the frame that ends at `end`; the sizes that it sets follow. */
  #moveTail(end: number, commit: CheckedCommit): void {
    // I2: publishes. The bytes above are visible to whoever observes this position; before it nothing is.
    this.lane.tail.store(end);
    this.#proofs?.entered();
    for (const { space, pages } of commit.sizes) this.#sequences.setSizePages(space, pages);
  }
}

function headerOf(commit: CheckedCommit, commitSeq: number, frameBytes: number, lane: number, payloadCrc: number) {
  const { txnId, txnEpoch, beginSeq, recordCount } = commit;
  const kind = FRAME_KIND.commit;
  const pageCount = commit.pages.length;
  const sizeCount = commit.sizes.length;
  return {
    frameBytes,
    kind,
    commitSeq,
    txnId,
    txnEpoch,
    beginSeq,
    recordCount,
    pageCount,
    sizeCount,
    lane,
    payloadCrc,
  };
}

/** Refuses a commit that no frame can hold. */
export function checkFrameSize(commit: CheckedCommit): void {
  const frameBytes = frameBytesFor(commit.recordsBytes);
  if (frameBytes <= FRAME_BYTES_MAX) return;
  throw new WalError(
    'ERR_WAL_RECORD_TOO_LARGE',
    `A commit takes at most ${FRAME_BYTES_MAX} bytes; this one ${frameBytes}.`,
    {
      frameBytes,
    },
  );
}

function allocate(frameBytes: number): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(frameBytes);
  } catch (cause) {
    const message = `There is no memory for a commit of ${frameBytes} bytes. Split it.`;
    throw new WalError('ERR_WAL_RECORD_TOO_LARGE', message, { frameBytes }, cause);
  }
}
