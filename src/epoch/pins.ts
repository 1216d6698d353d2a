// Pins: who still needs the log above which commit (design/shared-memory.md, "Pins"; design/retention.md). A pin is
// taken by any thread, without asking the flusher; a horizon says what is, or is about to be, gone.
//
// P1: whoever takes a pin stores it, then loads the horizons; whoever moves a horizon stores it, then loads the pins,
// and takes the move back as far as one of them demands. So one of the two sees the other: either the pin is in time,
// or whoever takes it is told that it is not.

import { WalError } from '../base/errors.js';
import type { AtomicOps } from '../memory/atomics.js';
import { LINE_BYTES, Word64 } from '../memory/words.js';

/** What a pin is for. */
export const PIN_KIND = { reader: 1, snapshot: 2, backup: 3 } as const;
export type PinKind = keyof typeof PIN_KIND;

/** A pin that is held: everything above `throughSeq`, as it was last said, stays in the log. */
export interface Pin {
  readonly slot: number;
  readonly kind: PinKind;
}

/** Pins that can be held at once, by all threads of a log. */
export const PIN_COUNT_MAX = 256;

/** Two words a slot: who holds it (0: free), and one more than the commit it pins through (0: nothing). */
const SLOT_WORDS = 2;
/** The two horizons and the end of the slots that were ever used, one line each; then the slots. */
const HEAD_LINES = 3;

/** Bytes of the region. */
export const PINS_BYTES = HEAD_LINES * LINE_BYTES + PIN_COUNT_MAX * SLOT_WORDS * 8;

/** Kinds are the low bits of the word that says who holds a slot. */
const KIND_STEP = 4;

const KINDS = Object.keys(PIN_KIND) as PinKind[];
/** What keeps the page file from going beyond it. A reader reads the log only. */
const PAGE_FILE_KINDS: readonly PinKind[] = ['snapshot', 'backup'];

/** The oldest pin of some kinds. */
export interface OldestPin {
  readonly throughSeq: number;
  readonly kind: PinKind;
}

/** All pins of one open log, and the two horizons that respect them. */
export class Pins {
  readonly #ops: AtomicOps;
  readonly #slots: BigInt64Array;
  readonly #released: Word64;
  readonly #checkpoint: Word64;
  /** Slots from here on were never held. Raised before the first one of them is: whoever misses that is seen by P1. */
  readonly #usedEnd: Word64;
  readonly #onFreed: () => void;

  /**
   * @param buffer - {@link PINS_BYTES} of it, from `line` on
   * @param onFreed - called when a pin of this thread moved or went
   */
  constructor(ops: AtomicOps, buffer: SharedArrayBuffer, line: number, onFreed: () => void) {
    this.#ops = ops;
    this.#released = new Word64(ops, buffer, line);
    this.#checkpoint = new Word64(ops, buffer, line + 1);
    this.#usedEnd = new Word64(ops, buffer, line + 2);
    const offset = (line + HEAD_LINES) * LINE_BYTES;
    this.#slots = new BigInt64Array(buffer, offset, PIN_COUNT_MAX * SLOT_WORDS);
    this.#onFreed = onFreed;
  }

  /** Stores both horizons before anybody else sees the memory. */
  begin({ releasedSeq, checkpointSeq }: { releasedSeq: number; checkpointSeq: number }): void {
    this.#released.store(releasedSeq);
    this.#checkpoint.store(checkpointSeq);
  }

  /** Commits at or below this one may have left the log. */
  get releasedSeq(): number {
    return this.#released.load();
  }

  /** The page file may hold commits up to this one, and none above. */
  get checkpointSeq(): number {
    return this.#checkpoint.load();
  }

  /**
   * Keeps everything above `throughSeq` in the log; for a snapshot or a backup the page file does not go beyond it,
   * either.
   *
   * @param writerId - of the calling thread: its pins go when it leaves the log or dies
   * @throws {WalError} ERR_WAL_OVERTAKEN when some of it may be gone already, or the page file may be beyond (try a
   *   later commit); ERR_WAL_EXHAUSTED when {@link PIN_COUNT_MAX} pins are held
   *
   * Threading: any thread. Source: design/retention.md, P1.
   */
  take(kind: PinKind, throughSeq: number, writerId: number): Pin {
    const pin = { slot: this.#claim(kind, writerId), kind };
    // P1: the pin before the horizons.
    this.#storeThrough(pin.slot, throughSeq);
    const releasedSeq = this.#released.load();
    const checkpointSeq = PAGE_FILE_KINDS.includes(kind) ? this.#checkpoint.load() : 0;
    if (releasedSeq <= throughSeq && checkpointSeq <= throughSeq) return pin;
    this.release(pin);
    const message = `The log above commit ${throughSeq} is not all there any more, or the page file is beyond it.`;
    throw new WalError('ERR_WAL_OVERTAKEN', message, { kind, throughSeq, releasedSeq, checkpointSeq });
  }

  /** Moves a pin forward: what is at or below `throughSeq` is not needed any more. Never back. */
  move(pin: Pin, throughSeq: number): void {
    this.#storeThrough(pin.slot, throughSeq);
    this.#onFreed();
  }

  /** Lets a pin go. Once only. */
  release({ slot }: Pin): void {
    this.#free(slot);
    this.#onFreed();
  }

  /** Lets all pins of a thread go that has left or died. Flusher only, so that no id is in use again. */
  releaseAllOf(writerId: number): void {
    const usedEnd = this.#usedEnd.load();
    for (let slot = 0; slot < usedEnd; slot += 1) {
      if (Math.floor(this.#holder(slot) / KIND_STEP) === writerId) this.#free(slot);
    }
  }

  /** The pin with the lowest sequence. */
  oldest(kinds: readonly PinKind[] = KINDS): OldestPin | undefined {
    let oldest: OldestPin | undefined;
    const usedEnd = this.#usedEnd.load();
    for (let slot = 0; slot < usedEnd; slot += 1) {
      const kind = kindOf(this.#holder(slot));
      const throughSeq = this.#ops.load64(this.#slots, slot * SLOT_WORDS + 1) - 1;
      if (kind === undefined || !kinds.includes(kind) || throughSeq < 0) continue;
      if (oldest === undefined || throughSeq < oldest.throughSeq) oldest = { throughSeq, kind };
    }
    return oldest;
  }

  /** How many pins of a kind are held. */
  count(kind: PinKind): number {
    let count = 0;
    const usedEnd = this.#usedEnd.load();
    for (let slot = 0; slot < usedEnd; slot += 1) if (kindOf(this.#holder(slot)) === kind) count += 1;
    return count;
  }

  /**
   * Says that the log at or below `wantedSeq` is about to go, as far as no pin keeps it. Flusher only.
   *
   * @returns how far it may go; at least as far as before
   */
  advanceReleased(wantedSeq: number): number {
    return this.#advance(this.#released, wantedSeq, KINDS);
  }

  /**
   * Says that the page file is about to hold commits up to `wantedSeq`, as far as no snapshot or backup keeps it from
   * that. Only whoever checkpoints.
   *
   * @returns how far it may go; at least as far as before
   */
  advanceCheckpoint(wantedSeq: number): number {
    return this.#advance(this.#checkpoint, wantedSeq, PAGE_FILE_KINDS);
  }

  #advance(horizon: Word64, wantedSeq: number, kinds: readonly PinKind[]): number {
    const before = horizon.load();
    const allowed = (): number => Math.min(wantedSeq, this.oldest(kinds)?.throughSeq ?? wantedSeq);
    const hopedSeq = allowed();
    if (hopedSeq <= before) return before;
    // P1: the horizon before the pins.
    horizon.store(hopedSeq);
    // A pin below the horizon of before is one that is about to be refused.
    const allowedSeq = Math.max(before, Math.min(hopedSeq, allowed()));
    if (allowedSeq < hopedSeq) horizon.store(allowedSeq);
    return allowedSeq;
  }

  #claim(kind: PinKind, writerId: number): number {
    const holder = writerId * KIND_STEP + PIN_KIND[kind];
    for (let slot = 0; slot < PIN_COUNT_MAX; slot += 1) {
      if (this.#holder(slot) !== 0) continue;
      this.#usedEnd.raise(slot + 1);
      if (this.#ops.compareExchange64(this.#slots, slot * SLOT_WORDS, 0, holder) === 0) return slot;
    }
    const message = `${PIN_COUNT_MAX} readers, snapshots and backups are open already; close some.`;
    throw new WalError('ERR_WAL_EXHAUSTED', message, { pinCountMax: PIN_COUNT_MAX });
  }

  #holder(slot: number): number {
    return this.#ops.load64(this.#slots, slot * SLOT_WORDS);
  }

  #storeThrough(slot: number, throughSeq: number): void {
    this.#ops.store64(this.#slots, slot * SLOT_WORDS + 1, throughSeq + 1);
  }

  /** What is pinned goes first: a slot that is free pins nothing. */
  #free(slot: number): void {
    this.#storeThrough(slot, -1);
    this.#ops.store64(this.#slots, slot * SLOT_WORDS, 0);
  }
}

function kindOf(holder: number): PinKind | undefined {
  return KINDS.find((kind) => PIN_KIND[kind] === holder % KIND_STEP);
}
