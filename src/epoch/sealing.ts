// Sealing: which commits make up the next epoch. Reading a handful of words is the seal; the sealer waits for nobody.
// design/concurrency.md, "Seal", has the proof. The order of the loads is the protocol (I5): counter, guards, tails,
// and only then the list of dead guards.

import { assert } from '../base/assert.js';
import { crc32c } from '../base/checksum.js';
import { WalError } from '../base/errors.js';

/** The law that an epoch with a missing commit breaks. */
export const GAP_LAW = 'an epoch holds a frame or an explained void for each sequence';

/** What sealing needs of a lane. */
export interface SealedLane {
  readonly guard: { load(): number };
  readonly tail: { load(): number };
}

/** A sequence range in which one dead writer may have taken, at most, one sequence without publishing it. */
export interface DeadGuard {
  /** The guard's value: a lower bound of the sequence. */
  readonly first: number;
  /** The counter when the writer was reaped: above the sequence. */
  readonly end: number;
}

/** Bounds of an epoch, and where each lane ended when they were read. */
export interface SealBounds {
  readonly firstSeq: number;
  readonly endSeq: number;
  readonly tails: readonly number[];
}

/**
 * Reads the bounds of the next epoch.
 *
 * @param firstSeq - the first sequence not yet sealed
 * @returns undefined when nothing can be sealed: no commit, or a guard holds all of them back
 */
export function readSealBounds(
  firstSeq: number,
  commitSeqNext: { load(): number },
  lanes: readonly SealedLane[],
): SealBounds | undefined {
  const endSeq = readPublishedEnd(commitSeqNext, lanes);
  if (endSeq <= firstSeq) return undefined;
  // A guard that is gone by now belonged to a commit that is published: its tail is seen from here on.
  const tails = lanes.map((lane) => lane.tail.load());
  return { firstSeq, endSeq, tails };
}

/** The first sequence that may not be published yet: everything below it is in a lane, or void. */
export function readPublishedEnd(
  commitSeqNext: { load(): number },
  lanes: readonly Pick<SealedLane, 'guard'>[],
): number {
  // A commit below this value took its sequence before this load, so its guard was set before it (I3).
  let endSeq = commitSeqNext.load();
  for (const lane of lanes) {
    const guard = lane.guard.load();
    if (guard !== 0 && guard < endSeq) endSeq = guard;
  }
  return endSeq;
}

/** Voids of an epoch, and the dead guards that may explain later ones. */
export interface ExplainedVoids {
  readonly voids: number[];
  readonly deadGuards: readonly DeadGuard[];
}

/** Gathers what a certificate says about an epoch while its lanes are cut. Used again for every epoch. */
export class EpochTally {
  readonly #sequences: number[] = [];
  readonly #sizes = new Map<number, { commitSeq: number; pages: number }>();
  /** Frame header checksums as they will be digested: little-endian, in the order of the frames on disk. */
  #checksums = new DataView(new ArrayBuffer(4096));
  pageCount = 0;

  /** Forgets the epoch before. */
  reset(): void {
    this.#sequences.length = 0;
    this.#sizes.clear();
    this.pageCount = 0;
  }

  get frameCount(): number {
    return this.#sequences.length;
  }

  frame(commitSeq: number, headerCrc: number, pageCount: number): void {
    const offset = (this.#sequences.push(commitSeq) - 1) * 4;
    if (offset === this.#checksums.byteLength) this.#grow();
    this.#checksums.setUint32(offset, headerCrc, true);
    this.pageCount += pageCount;
  }

  size(commitSeq: number, space: number, pages: number): void {
    const known = this.#sizes.get(space);
    if (known === undefined || known.commitSeq < commitSeq) this.#sizes.set(space, { commitSeq, pages });
  }

  /** CRC32C of all frame header checksums. */
  framesDigest(): number {
    return crc32c(new Uint8Array(this.#checksums.buffer, 0, this.frameCount * 4));
  }

  #grow(): void {
    const larger = new Uint8Array(this.#checksums.byteLength * 2);
    larger.set(new Uint8Array(this.#checksums.buffer));
    this.#checksums = new DataView(larger.buffer);
  }

  /** Sizes the epoch set, ascending by space. */
  sizes(): { space: number; pages: number }[] {
    if (this.#sizes.size === 0) return [];
    const entries = [...this.#sizes].map(([space, { pages }]) => ({ space, pages }));
    return entries.sort((a, b) => a.space - b.space);
  }

  /**
   * The sequences of the epoch that no frame has. Each must be explained by a dead guard of its own (I6).
   *
   * @returns the voids, and the dead guards that have explained none yet
   * @throws {WalError} ERR_WAL_INVARIANT with the evidence when a commit is missing: the log fails closed
   */
  voids({ firstSeq, endSeq }: SealBounds, deadGuards: readonly DeadGuard[]): ExplainedVoids {
    const missing = endSeq - firstSeq - this.frameCount;
    assert(missing >= 0, 'an epoch has no more frames than sequences');
    if (missing === 0) return { voids: [], deadGuards };
    const present = new Set(this.#sequences);
    const voids: number[] = [];
    for (let seq = firstSeq; seq < endSeq; seq += 1) if (!present.has(seq)) voids.push(seq);
    const left = explain(voids, deadGuards);
    if (left === undefined) {
      throw new WalError(
        'ERR_WAL_INVARIANT',
        'A commit took a sequence but is in no lane, and no dead writer explains it.',
        {
          law: GAP_LAW,
          firstSeq,
          endSeq,
          missing: voids.slice(0, 16),
          deadGuards: deadGuards.slice(0, 16),
        },
      );
    }
    return { voids, deadGuards: left };
  }
}

/**
 * Finds a dead guard for each void, none twice; returns those left over, or undefined if a void has none.
 *
 * Takes the nearest end: of two guards that hold a void the other one holds whatever the first could explain later.
 */
function explain(voids: readonly number[], deadGuards: readonly DeadGuard[]): DeadGuard[] | undefined {
  const left = [...deadGuards].sort((a, b) => a.end - b.end);
  for (const seq of voids) {
    const index = left.findIndex(({ first, end }) => first <= seq && seq < end);
    if (index < 0) return undefined;
    left.splice(index, 1);
  }
  return left;
}
