// The latches of one session: one compare-exchange for each transition, nothing else ever writes a latch word
// (design/page-cache.md, "Latches"). Nothing here waits; a release wakes whoever waits.

import { assert } from '../base/assert.js';
import { type CacheWords, FRAME_STRIDE, FRAME_WORDS } from './cache-memory.js';
import { exclusiveOf, FREE, holdersOf, isExclusive, shareOf } from './latch-word.js';

/** Latches by frame; the record behind the last frame is the size latch. */
export class Latches {
  readonly #words: CacheWords['records'];
  readonly #share: number;
  readonly #exclusive: number;
  /** The session as a claim: 0 means nobody. */
  readonly #claimant: number;

  constructor(words: CacheWords, session: number) {
    this.#words = words.records;
    this.#share = shareOf(session);
    this.#exclusive = exclusiveOf(session);
    this.#claimant = session + 1;
  }

  word(frame: number): number {
    return this.#words.load(FRAME_STRIDE * frame + FRAME_WORDS.latch);
  }

  /** Whether this session and nobody else holds the latch. */
  isOwn(word: number): boolean {
    return word === this.#share || word === this.#exclusive;
  }

  isShared(word: number): boolean {
    return !isExclusive(word) && (word & this.#share) !== 0;
  }

  /** Whether this session holds the latch exclusively. */
  isExclusive(frame: number): boolean {
    return this.word(frame) === this.#exclusive;
  }

  /** Whether this session holds the latch, shared or exclusively. */
  isHeld(frame: number): boolean {
    const word = this.word(frame);
    return word === this.#exclusive || this.isShared(word);
  }

  /** Shares a latch that nobody holds exclusively. False also when this session holds it. */
  tryShare(frame: number): boolean {
    for (;;) {
      const word = this.word(frame);
      if (isExclusive(word) || (word & this.#share) !== 0) return false;
      if (this.#exchange(frame, word, word | this.#share)) return true;
    }
  }

  /** Takes a latch that is free, or that this session alone shares (K2). */
  tryExclude(frame: number): boolean {
    const word = this.word(frame);
    if (word !== FREE && word !== this.#share) return false;
    return this.#exchange(frame, word, this.#exclusive);
  }

  /** From exclusive to shared. */
  downgrade(frame: number): void {
    assert(this.#exchange(frame, this.#exclusive, this.#share), 'only its exclusive holder downgrades a latch');
  }

  unshare(frame: number): void {
    for (;;) {
      const word = this.word(frame);
      assert(this.isShared(word), 'a session gives back only a latch that it shares');
      if (this.#exchange(frame, word, word & ~this.#share)) return;
    }
  }

  unexclude(frame: number): void {
    assert(this.#exchange(frame, this.#exclusive, FREE), 'only its exclusive holder frees a latch');
  }

  /** The session that waits for the latch exclusively and asks readers to let it in; `undefined` when none does. */
  claimant(frame: number): number | undefined {
    const claim = this.#words.load(FRAME_STRIDE * frame + FRAME_WORDS.claim);
    return claim === 0 ? undefined : claim - 1;
  }

  isClaimed(frame: number): boolean {
    return this.#words.load(FRAME_STRIDE * frame + FRAME_WORDS.claim) !== 0;
  }

  /** Claims the latch unless another session does; true also if this session claims it already. */
  tryClaim(frame: number): boolean {
    const found = this.#words.load(FRAME_STRIDE * frame + FRAME_WORDS.claim);
    return found === this.#claimant || (found === 0 && this.#exchangeClaim(frame, 0));
  }

  /** Takes the claim over from a session that does not share the latch, for this one, which does. */
  tryTakeClaim(frame: number): boolean {
    const claimant = this.claimant(frame);
    const word = this.word(frame);
    if (claimant === undefined || !this.isShared(word) || holdersOf(word).includes(claimant)) return false;
    return this.#exchangeClaim(frame, claimant + 1);
  }

  unclaim(frame: number): void {
    this.#words.exchangeIf(FRAME_STRIDE * frame + FRAME_WORDS.claim, this.#claimant, 0);
  }

  #exchangeClaim(frame: number, expected: number): boolean {
    return this.#words.exchangeIf(FRAME_STRIDE * frame + FRAME_WORDS.claim, expected, this.#claimant);
  }

  #exchange(frame: number, expected: number, replacement: number): boolean {
    return this.#words.exchangeIf(FRAME_STRIDE * frame + FRAME_WORDS.latch, expected, replacement);
  }
}
