// The flusher's side of the lanes: cutting an epoch out of them, letting space go, and reaping writers that died. One
// thread seals and reaps, so the two never run at the same time (design/concurrency.md, "Reaping").

import { assert } from '../base/assert.js';
import { WalError } from '../base/errors.js';
import { ORDERED_LANE } from '../control/ordered-encoder.js';
import type { Control } from '../epoch/control.js';
import { type DeadGuard, EpochTally, readSealBounds } from '../epoch/sealing.js';
import { GUARD_IDLE, type Lane } from '../lane/lane.js';
import { type CutVisitor, cutLane, type LaneCut } from '../lane/lane-reader.js';
import type { Jumbo } from '../lane/lane-writer.js';
import { clearProof } from '../lane/proofs.js';
import type { WrittenSegment } from '../log/log-writer.js';
import type { Certificate } from '../segment/codec.js';
import { CERTIFICATE_FLAG } from '../segment/layout.js';
import { NO_VERDICTS, type ShadowCompare, type Verdicts } from '../shadow/shadow-compare.js';

/** The id with which the flusher takes over locks; writers start at 2. */
export const FLUSHER_ID = 1;

/** An epoch cut out of the lanes, not yet written. */
export interface SealedEpoch {
  readonly certificate: Certificate;
  readonly cuts: readonly LaneCut[];
}

/** The buffers of a jumbo, until it is written. */
export type HeldJumbo = Pick<Jumbo, 'frame' | 'proof'> & { readonly writerId: number };

/** Holds commits against their proofs, if there are any. */
export type Shadow = Pick<ShadowCompare, 'checkLane' | 'checkWritten'>;

/** All lanes of one open log, as the flusher sees them. */
export class FlusherLanes {
  readonly #control: Control;
  readonly #lanes: readonly Lane[];
  readonly #jumbos = new Map<number, HeldJumbo>();
  readonly #receiveJumbos: () => void;
  readonly #shadow: Shadow | undefined;
  readonly #tally = new EpochTally();
  /** Cutting an epoch feeds the tally. */
  readonly #visitor: CutVisitor = {
    frame: (commitSeq, headerCrc, pageCount) => this.#tally.frame(commitSeq, headerCrc, pageCount),
    size: (commitSeq, space, pages) => this.#tally.size(commitSeq, space, pages),
    jumbo: (jumboId) => this.jumbo(jumboId).frame,
  };
  #deadGuards: readonly DeadGuard[] = [];

  /** @param receiveJumbos - takes in what writers have posted so far, by calling {@link holdJumbo} */
  constructor(control: Control, lanes: readonly Lane[], receiveJumbos: () => void, shadow?: Shadow) {
    this.#control = control;
    this.#lanes = lanes;
    this.#receiveJumbos = receiveJumbos;
    this.#shadow = shadow;
  }

  holdJumbo(jumboId: number, jumbo: HeldJumbo): void {
    this.#jumbos.set(jumboId, jumbo);
  }

  /** A writer gave up before it published the reference. */
  dropJumbo(jumboId: number): void {
    this.#jumbos.delete(jumboId);
  }

  /** Bytes published in all lanes and not let go. */
  stagedBytes(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.stagedBytes(), 0);
  }

  isAnyHalfFull(): boolean {
    return this.#lanes.some((lane) => lane.stagedBytes() * 2 > lane.bytes);
  }

  /** Whether any writer is between taking its sequence and publishing. */
  isGuarded(): boolean {
    return this.#lanes.some((lane) => lane.guard.load() !== GUARD_IDLE);
  }

  /** Seals the epoch that starts at `firstSeq`, or undefined when there is nothing to seal yet. */
  seal(epoch: number, firstSeq: number): SealedEpoch | undefined {
    const bounds = readSealBounds(firstSeq, this.#control.commitSeqNext, this.#lanes);
    if (bounds === undefined) return undefined;
    const tally = this.#tally;
    tally.reset();
    const { tails, endSeq } = bounds;
    this.#lanes.forEach((lane, index) => {
      this.#shadow?.checkLane(lane, tails[index] as number, firstSeq, endSeq);
    });
    const all = this.#lanes.map((lane, index) => cutLane(lane, tails[index] as number, endSeq, this.#visitor));
    const cuts = all.filter(({ frameCount }) => frameCount > 0);
    // Read last: a writer reaped after the tails were read may still be seen, one before it must be (I5).
    const { voids, deadGuards } = tally.voids(bounds, this.#deadGuards);
    // One that has explained a void explains no other, in no later epoch either.
    this.#deadGuards = deadGuards;
    const certificate = {
      flags: this.#control.fallback === 'none' ? 0 : CERTIFICATE_FLAG.fallback,
      epoch,
      firstSeq: bounds.firstSeq,
      endSeq,
      frameCount: tally.frameCount,
      pageCount: tally.pageCount,
      framesDigest: tally.framesDigest(),
      voids,
      lanes: cuts.map(({ lane, frameCount, bytes }) => ({ lane: lane.index, frameCount, bytes })),
      sizes: tally.sizes(),
    };
    return { certificate, cuts };
  }

  /** Holds what was written of an epoch against its proofs. */
  compare({ certificate, cuts }: SealedEpoch, written: WrittenSegment): Verdicts {
    return this.#shadow?.checkWritten(cuts, certificate.firstSeq, written) ?? NO_VERDICTS;
  }

  /** Lets the space of a written epoch go, and the dead guards that it has passed. */
  release({ certificate, cuts }: SealedEpoch): void {
    for (const { lane, end, jumboBytes } of cuts) {
      if (jumboBytes > 0) {
        this.#forgetJumbos(lane, end);
        lane.jumboReleased.store(lane.jumboReleased.load() + jumboBytes);
      }
      // I1: gives the bytes up to here back to the lane's writers; they are written.
      lane.head.store(end);
    }
    this.#deadGuards = this.#deadGuards.filter(({ end }) => end > certificate.endSeq);
  }

  /**
   * Cleans up after a dead writer of `lane`, which in conservative mode was on its way through the first lane.
   *
   * It may have been terminated between any two steps of an append. Only if it held a lane's lock is there anything to
   * clean in that lane.
   */
  reap(writerId: number, lane: Lane): void {
    this.#receiveJumbos();
    const mayHold = new Set([lane, this.#lanes[ORDERED_LANE] as Lane]);
    for (const each of mayHold) this.#reapIn(each, writerId);
    if (this.#control.jumboLock.takeOver(writerId, FLUSHER_ID)) this.#control.jumboLock.release(FLUSHER_ID);
    this.#dropOrphans(writerId, [...mayHold]);
    this.#control.pins.releaseAllOf(writerId);
    this.#control.count('writersReaped');
    // Room that the dead writer had claimed for a jumbo is free again: whoever waits for it sleeps on this turn.
    this.#control.writtenTurn.announce();
  }

  /** The flusher holds the lock until the lane is as if the writer had never entered, or had left. */
  #reapIn(lane: Lane, writerId: number): void {
    if (lane.lock.takeOver(writerId, FLUSHER_ID)) {
      const guard = lane.guard.load();
      // I6: noted before the guard goes, so that no seal sees neither.
      if (guard !== GUARD_IDLE) this.#noteDeadGuard({ first: guard, end: this.#control.commitSeqNext.load() });
      this.#repairSizes(lane, guard);
      // M4: what it completed and did not publish is no proof of what comes there next.
      clearProof(lane, lane.tail.load());
      lane.guard.store(GUARD_IDLE);
      lane.jumboClaimed.store(lane.jumboReleased.load() + this.#publishedJumboBytes(lane));
      lane.lock.release(FLUSHER_ID);
    }
  }

  #noteDeadGuard(deadGuard: DeadGuard): void {
    this.#deadGuards = [...this.#deadGuards, deadGuard];
  }

  /** A writer that died between publishing and noting the sizes of its commit: they are in force. */
  #repairSizes(lane: Lane, guard: number): void {
    if (guard === GUARD_IDLE) return;
    cutLane(lane, lane.tail.load(), Number.MAX_SAFE_INTEGER, {
      frame: () => undefined,
      size: (commitSeq, space, pages) => {
        if (commitSeq >= guard) this.#control.setSizePages(space, pages);
      },
      jumbo: (jumboId) => this.jumbo(jumboId).frame,
    });
  }

  /** What a writer has posted of a jumbo whose reference it has published. */
  jumbo(jumboId: number): HeldJumbo {
    // Posted before its reference was published, so it has arrived once the ports are read.
    if (!this.#jumbos.has(jumboId)) this.#receiveJumbos();
    const held = this.#jumbos.get(jumboId);
    if (held !== undefined) return held;
    throw new WalError('ERR_WAL_INVARIANT', 'A jumbo commit was published but its bytes never arrived.', { jumboId });
  }

  /** Ids of the jumbos whose references stand in the lane up to `tail`. */
  #references(lane: Lane, tail: number): number[] {
    const ids: number[] = [];
    const jumbo = (jumboId: number): SharedArrayBuffer => {
      ids.push(jumboId);
      return this.jumbo(jumboId).frame;
    };
    cutLane(lane, tail, Number.MAX_SAFE_INTEGER, { frame: () => undefined, size: () => undefined, jumbo });
    return ids;
  }

  #publishedJumboBytes(lane: Lane): number {
    const ids = this.#references(lane, lane.tail.load());
    return ids.reduce((sum, jumboId) => sum + this.jumbo(jumboId).frame.byteLength, 0);
  }

  #forgetJumbos(lane: Lane, end: number): void {
    for (const jumboId of this.#references(lane, end)) {
      const wasHeld = this.#jumbos.delete(jumboId);
      assert(wasHeld, 'a jumbo is let go once');
    }
  }

  #dropOrphans(writerId: number, lanes: readonly Lane[]): void {
    if (this.#jumbos.size === 0) return;
    const published = new Set(lanes.flatMap((lane) => this.#references(lane, lane.tail.load())));
    for (const [jumboId, held] of this.#jumbos) {
      if (held.writerId === writerId && !published.has(jumboId)) this.#jumbos.delete(jumboId);
    }
  }
}
