// Which page is in which frame. A page can be in the frames of one set only, and the tags of those frames are all there
// is to know: no chain, no count, nothing that a thread could leave half changed when it dies (design/page-cache.md,
// "Sets").

import type { CacheWords } from './cache-memory.js';
import { FRAME_STRIDE, FRAME_WORDS, type PageCacheMemory } from './cache-memory.js';
import { FREE } from './latch-word.js';
import type { Latches } from './latches.js';

/** Answers instead of a frame: all below 0. */
export const NO_FRAME = {
  /** Somebody else holds the latch, or asks for it: sleep and look again. */
  busy: -1,
  /** Something moved meanwhile: look again. */
  again: -2,
  /** All frames of the set are latched: sleep and look again. */
  latched: -3,
  /** All frames of the set are latched by this session alone: nobody can help. */
  full: -4,
  /** Frames that are free hold images that only the memory has so far. */
  unwritten: -5,
  /** The page is in no frame. */
  missing: -6,
  /** Another session waits for this one to give the latch back, and this one for it. */
  deadlocked: -7,
} as const;

/** 2^32 divided by the golden ratio: neighbours go to sets far from each other, runs of pages to all sets alike. */
const HASH_FACTOR = 0x9e3779b1;

/** The frames and their pages, as one session sees them. */
export class FrameSets {
  readonly #words: CacheWords;
  readonly #latches: Latches;
  readonly #lockId: number;
  readonly #ways: number;
  readonly #isEvictable: (seq: number) => boolean;
  #evictions = 0;

  /** @param isEvictable - whether the image as of a commit can be had again from elsewhere (K7) */
  constructor(
    words: CacheWords,
    latches: Latches,
    { ways }: PageCacheMemory,
    session: number,
    isEvictable: (seq: number) => boolean,
  ) {
    this.#words = words;
    this.#latches = latches;
    this.#lockId = lockIdOf(session);
    this.#ways = ways;
    this.#isEvictable = isEvictable;
  }

  /** Pages that this session put out of their frames for others. */
  get evictions(): number {
    return this.#evictions;
  }

  /** The set that a page belongs to. */
  setOf(pageNumber: number): number {
    return Math.floor(((Math.imul(pageNumber, HASH_FACTOR) >>> 0) * this.#words.sets) / 2 ** 32);
  }

  setOfFrame(frame: number): number {
    return Math.floor(frame / this.#ways);
  }

  /** The page in a frame, 0 for none. Final only for who holds the frame's latch (K3). */
  pageOf(frame: number): number {
    return this.#words.tags.load(frame) >>> 0;
  }

  /** The frame of a page, below 0 when it is in none. May be another page's as soon as it is returned. */
  find(pageNumber: number): number {
    const tag = pageNumber | 0;
    const first = this.setOf(pageNumber) * this.#ways;
    for (let frame = first; frame < first + this.#ways; frame += 1) {
      if (this.#words.tags.load(frame) === tag) return frame;
    }
    return NO_FRAME.missing;
  }

  /** Spares a frame at the next turn of the clock. */
  touch(frame: number): void {
    const { records } = this.#words;
    const index = FRAME_STRIDE * frame + FRAME_WORDS.isUsed;
    if (records.load(index) === 0) records.store(index, 1);
  }

  /**
   * Gives a page that is in no frame one, exclusively latched, with `seq` as its sequence.
   *
   * Waits at most `timeoutMs` for the lock of the set, which is held for microseconds, or by a dead thread.
   */
  admit(pageNumber: number, seq: number, timeoutMs: number): number {
    const set = this.setOf(pageNumber);
    const lock = this.#words.lockOf(set);
    if (!lock.acquire(this.#lockId, timeoutMs)) return NO_FRAME.busy;
    try {
      // Looked for once more: within the lock nobody else can put it anywhere (K1).
      if (this.find(pageNumber) >= 0) return NO_FRAME.again;
      const frame = this.#evict(set);
      if (frame < 0) return frame;
      if (this.pageOf(frame) !== 0) this.#evictions += 1;
      // Behind the exclusive latch and in front of the tag: whoever finds the tag finds the frame latched.
      this.#words.sequences.store(frame, seq);
      this.#words.tags.store(frame, pageNumber | 0);
      this.touch(frame);
      return frame;
    } finally {
      lock.release(this.#lockId);
    }
  }

  /** Takes a page out of the frame that this session holds exclusively. */
  discard(frame: number): void {
    this.#words.records.store(FRAME_STRIDE * frame + FRAME_WORDS.isUsed, 0);
    this.#words.tags.store(frame, 0);
  }

  /** The clock: from where it stands, the first frame that was not used since it came by last. */
  #evict(set: number): number {
    let refusal: number = NO_FRAME.full;
    for (let round = 0; round < 2; round += 1) {
      refusal = NO_FRAME.full;
      for (let step = 0; step < this.#ways; step += 1) {
        const hand = this.#words.hands.load(set);
        this.#words.hands.store(set, (hand + 1) % this.#ways);
        const frame = set * this.#ways + hand;
        const answer = this.#tryEvict(frame, round > 0);
        if (answer >= 0) return frame;
        refusal = this.#graver(refusal, answer);
      }
    }
    return refusal;
  }

  /** What is known of a set from what is known of its frames: one that can become free is hope for all. */
  #graver(one: number, other: number): number {
    return ORDER_OF_HOPE.find((each) => each === one || each === other) ?? NO_FRAME.full;
  }

  #tryEvict(frame: number, isForced: boolean): number {
    const word = this.#latches.word(frame);
    if (word !== FREE) return this.#latches.isOwn(word) ? NO_FRAME.full : NO_FRAME.latched;
    const isEmpty = this.#words.tags.load(frame) === 0;
    if (!isEmpty) {
      if (!this.#isEvictable(this.#words.sequences.load(frame))) return NO_FRAME.unwritten;
      if (!isForced && this.#wasUsed(frame)) return NO_FRAME.latched;
    }
    if (!this.#latches.tryExclude(frame)) return NO_FRAME.latched;
    if (isEmpty || this.#isEvictable(this.#words.sequences.load(frame))) return frame;
    // Changed between the look and the latch (K7).
    this.#latches.unexclude(frame);
    this.#words.turnOf(this.setOfFrame(frame)).announce();
    return NO_FRAME.unwritten;
  }

  #wasUsed(frame: number): boolean {
    const index = FRAME_STRIDE * frame + FRAME_WORDS.isUsed;
    if (this.#words.records.load(index) === 0) return false;
    this.#words.records.store(index, 0);
    return true;
  }
}

const ORDER_OF_HOPE: readonly number[] = [NO_FRAME.unwritten, NO_FRAME.latched, NO_FRAME.full];

/** The id of a session in the locks of sets: 0 means free there. */
export function lockIdOf(session: number): number {
  return session + 1;
}
