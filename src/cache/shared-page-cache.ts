// A page cache that threads share: a fixed pool of frames in shared memory, each with a latch that many may share or
// one may have. It knows pages and sequences; what is in them, and where a page comes from, the page store says
// (design/page-cache.md).

import { assert } from '../base/assert.js';
import { WalError } from '../base/errors.js';
import { type AtomicOps, atomics } from '../memory/atomics.js';
import { CacheWords, createCacheMemory, type PageCacheMemory } from './cache-memory.js';
import { FrameSets, NO_FRAME } from './frame-sets.js';
import { attemptWithin } from './latch-wait.js';
import { FREE, holdersOf, shareOf } from './latch-word.js';
import { Latches } from './latches.js';

export type { PageCacheMemory } from './cache-memory.js';

/** Where pages come from, as the page store says; all calls block. */
export interface PageSource {
  /** Whether the image as of commit `seq` can be had again from elsewhere, so that its frame may be used again. */
  isEvictable(seq: number): boolean;
  /**
   * Fills `target` with the newest committed image of a page that is in no frame; returns the commit's sequence,
   * from 0.
   *
   * Called with the frame latched exclusively. What it throws the latching call throws; the frame is given back.
   */
  load(pageNumber: number, target: Uint8Array): number;
  /** Brings on that more becomes evictable; returns when something did, at the latest after `timeoutMs`. */
  awaitEvictable(timeoutMs: number): void;
}

/** The sequence of a frame whose bytes are not, or not yet, those of its page: nobody else may see it (K6). */
const UNLOADED = -1;

const ONCE = 'a session latches a page once';

/** How long a reader lets a writer that waits go first, each time it latches a page. */
const COURTESY_MS = 5;

/** The cache as one session uses it. */
export class SharedPageCache {
  readonly memory: PageCacheMemory;
  readonly #words: CacheWords;
  readonly #latches: Latches;
  readonly #sets: FrameSets;
  readonly #source: PageSource;
  readonly #bit: number;
  readonly #views: (Uint8Array | undefined)[] = [];
  /** Whether the last latch was given on a frame that is still to be loaded. */
  #isMiss = false;

  /** Memory of an empty cache of at most `frames` frames of `pageBytes` bytes, to be handed to all threads. */
  static create(size: { frames: number; pageBytes: number }): PageCacheMemory {
    return createCacheMemory(size);
  }

  /** @param session - of the calling thread, from 0 to 30; no other thread uses it at the same time */
  constructor(memory: PageCacheMemory, session: number, source: PageSource, ops: AtomicOps = atomics) {
    this.memory = memory;
    this.#words = new CacheWords(memory, ops);
    this.#latches = new Latches(this.#words, session);
    this.#sets = new FrameSets(this.#words, this.#latches, memory, session, (seq) => source.isEvictable(seq));
    this.#source = source;
    this.#bit = shareOf(session);
  }

  /** Whether the page that was latched last was in no frame before. */
  get wasMiss(): boolean {
    return this.#isMiss;
  }

  /** Pages that this session put out of their frames for others. */
  get evictions(): number {
    return this.#sets.evictions;
  }

  /**
   * Latches a page that this session has not latched, shared with other readers; loads it if it is in no frame.
   *
   * @param pageNumber - from 1 to 2^32 - 1
   * @returns the frame, whose bytes are the page's until the latch is given back
   * @throws {WalError} ERR_WAL_DEADLOCK when writers held it for `timeoutMs`, with `pageNumber` and the `sessions`
   * that hold it; ERR_WAL_CACHE_FULL when no frame could be had for it. Nothing is latched then.
   *
   * Blocks the thread. Other sessions may do anything meanwhile.
   */
  latchShared(pageNumber: number, timeoutMs: number): number {
    this.#isMiss = false;
    let frame = this.#tryShare(pageNumber, true);
    if (frame < 0) frame = this.#shareWithin(frame, pageNumber, timeoutMs);
    if (!this.#isMiss) return frame;
    this.#load(pageNumber, frame);
    this.downgrade(frame);
    return frame;
  }

  /**
   * Latches a page for this session alone; one that it shares is upgraded, in the same frame.
   *
   * @param forOverwrite - the caller replaces the whole page: on a miss nothing is loaded, and the frame is forgotten
   * again if the latch is given back before {@link setSeq}
   * @throws {WalError} as {@link latchShared}; ERR_WAL_DEADLOCK at once when another session that shares the page waits
   * for its upgrade. A shared latch remains shared then.
   */
  latchExclusive(pageNumber: number, timeoutMs: number, forOverwrite = false): number {
    this.#isMiss = false;
    let frame = this.#sets.find(pageNumber);
    if (frame >= 0) frame = this.#excludeFrame(frame, pageNumber);
    if (frame < 0) frame = this.#excludeWithin(frame, pageNumber, timeoutMs);
    if (this.#isMiss && !forOverwrite) this.#load(pageNumber, frame);
    return frame;
  }

  /** Shares a page that is in a frame now, if that is possible at once; else, and if this session holds it, below 0. */
  tryLatchShared(pageNumber: number): number {
    return this.#tryShare(pageNumber, true);
  }

  /** Lets others share a page that this session holds exclusively. */
  downgrade(frame: number): void {
    this.#latches.downgrade(frame);
    this.#announce(frame);
  }

  unlatchShared(frame: number): void {
    this.#latches.unshare(frame);
    this.#announce(frame);
  }

  /** Gives an exclusive latch back. A frame without the image of its page is forgotten. */
  unlatchExclusive(frame: number): void {
    if (this.seqOf(frame) === UNLOADED) {
      this.abandon(frame);
      return;
    }
    this.#latches.unexclude(frame);
    this.#announce(frame);
  }

  /** Gives an exclusive latch back and forgets the page, whose next user loads it again. */
  abandon(frame: number): void {
    this.#sets.discard(frame);
    this.#latches.unexclude(frame);
    this.#announce(frame);
  }

  /** The bytes of a frame; only while it is latched, written only while it is latched exclusively. */
  view(frame: number): Uint8Array {
    const known = this.#views[frame];
    if (known !== undefined) return known;
    const { pages, pageBytes } = this.memory;
    const view = new Uint8Array(pages, frame * pageBytes, pageBytes);
    this.#views[frame] = view;
    return view;
  }

  /** The commit whose image a latched frame holds; below 0 when it holds none. */
  seqOf(frame: number): number {
    return this.#words.sequences.load(frame);
  }

  /** Says of which commit the image in an exclusively latched frame is now. */
  setSeq(frame: number, seq: number): void {
    this.#words.sequences.store(frame, seq);
  }

  /**
   * Latches the size of the store for this session alone.
   *
   * @throws {WalError} ERR_WAL_DEADLOCK when others held it for `timeoutMs`, with the `sessions` that hold it
   */
  latchSize(timeoutMs: number): void {
    const { frames } = this.memory;
    const attempt = () => (this.#latches.tryExclude(frames) ? frames : NO_FRAME.busy);
    if (attempt() >= 0) return;
    const refuse = () => deadlock(undefined, this.#latches.word(frames), timeoutMs);
    attemptWithin(NO_FRAME.busy, this.#words.turnOf(this.#words.sets), this.#bit, timeoutMs, attempt, refuse);
  }

  unlatchSize(): void {
    this.#latches.unexclude(this.memory.frames);
    this.#words.turnOf(this.#words.sets).announce();
  }

  #shareWithin(first: number, pageNumber: number, timeoutMs: number): number {
    const attempt = (waitedMs: number): number => {
      const frame = this.#tryShare(pageNumber, waitedMs < COURTESY_MS);
      if (frame === NO_FRAME.busy) this.#assertNotHeld(pageNumber);
      return frame === NO_FRAME.missing ? this.#admit(pageNumber, timeoutMs - waitedMs) : frame;
    };
    return this.#pageWithin(first, pageNumber, timeoutMs, attempt, COURTESY_MS);
  }

  #excludeWithin(first: number, pageNumber: number, timeoutMs: number): number {
    let claimed: number = NO_FRAME.missing;
    const unclaim = (): void => {
      if (claimed < 0) return;
      this.#latches.unclaim(claimed);
      // Readers may sleep because of the claim alone.
      this.#announce(claimed);
      claimed = NO_FRAME.missing;
    };
    const attempt = (waitedMs: number): number => {
      const frame = this.#sets.find(pageNumber);
      if (claimed !== frame) unclaim();
      if (frame < 0) return this.#admit(pageNumber, timeoutMs - waitedMs);
      const answer = this.#excludeFrame(frame, pageNumber);
      if (answer !== NO_FRAME.busy) return answer;
      assert(!this.#latches.isExclusive(frame), ONCE);
      if (this.#latches.tryClaim(frame) || this.#takesClaimOver(frame)) claimed = frame;
      else if (this.#isDeadlocked(frame)) return NO_FRAME.deadlocked;
      return answer;
    };
    try {
      return this.#pageWithin(first, pageNumber, timeoutMs, attempt);
    } finally {
      unclaim();
    }
  }

  /** Upgraders of a page find each other by its claim, so that cannot stay with one that does not share the page. */
  #takesClaimOver(frame: number): boolean {
    if (!this.#latches.tryTakeClaim(frame)) return false;
    // The other may have come to share the page meanwhile, and wait to upgrade it: it must look again (K4).
    this.#announce(frame);
    return true;
  }

  /** Whether this session shares the page, and another that shares it, too, waits for it to be alone. */
  #isDeadlocked(frame: number): boolean {
    const word = this.#latches.word(frame);
    const claimant = this.#latches.claimant(frame);
    return claimant !== undefined && this.#latches.isShared(word) && holdersOf(word).includes(claimant);
  }

  #assertNotHeld(pageNumber: number): void {
    const frame = this.#sets.find(pageNumber);
    assert(frame < 0 || !this.#latches.isHeld(frame), ONCE);
  }

  #pageWithin(
    first: number,
    pageNumber: number,
    timeoutMs: number,
    attempt: (waitedMs: number) => number,
    lookAgainMs = Number.POSITIVE_INFINITY,
  ): number {
    const turn = this.#words.turnOf(this.#sets.setOf(pageNumber));
    const refuse = (answer: number): WalError => {
      if (answer !== NO_FRAME.busy && answer !== NO_FRAME.deadlocked) return this.#full(pageNumber, answer);
      const frame = this.#sets.find(pageNumber);
      return deadlock(pageNumber, frame < 0 ? FREE : this.#latches.word(frame), timeoutMs);
    };
    const awaitEvictable = (leftMs: number): void => this.#source.awaitEvictable(leftMs);
    return attemptWithin(first, turn, this.#bit, timeoutMs, attempt, refuse, { lookAgainMs, awaitEvictable });
  }

  #tryShare(pageNumber: number, isCourteous: boolean): number {
    const frame = this.#sets.find(pageNumber);
    if (frame < 0) return frame;
    if (isCourteous && this.#latches.isClaimed(frame)) return NO_FRAME.busy;
    if (!this.#latches.tryShare(frame)) return NO_FRAME.busy;
    // It may have become another page's frame before it was latched; from here on it cannot (K3).
    if (this.#sets.pageOf(frame) !== pageNumber) {
      this.unlatchShared(frame);
      return NO_FRAME.again;
    }
    this.#sets.touch(frame);
    return frame;
  }

  #excludeFrame(frame: number, pageNumber: number): number {
    if (!this.#latches.tryExclude(frame)) return NO_FRAME.busy;
    if (this.#sets.pageOf(frame) !== pageNumber) {
      this.#latches.unexclude(frame);
      this.#announce(frame);
      return NO_FRAME.again;
    }
    this.#sets.touch(frame);
    return frame;
  }

  #admit(pageNumber: number, timeoutMs: number): number {
    const frame = this.#sets.admit(pageNumber, UNLOADED, timeoutMs);
    this.#isMiss = frame >= 0;
    return frame;
  }

  #load(pageNumber: number, frame: number): void {
    try {
      this.setSeq(frame, this.#source.load(pageNumber, this.view(frame)));
    } catch (error) {
      this.abandon(frame);
      throw error;
    }
  }

  /** Behind every change of a latch or a claim that somebody may wait for (K4). */
  #announce(frame: number): void {
    this.#words.turnOf(this.#sets.setOfFrame(frame)).announce();
  }

  #full(pageNumber: number, answer: number): WalError {
    const { frames, ways } = this.memory;
    const reason = answer === NO_FRAME.unwritten ? 'wait for the log' : 'are latched';
    return new WalError(
      'ERR_WAL_CACHE_FULL',
      `All ${ways} frames that page ${pageNumber} could be in ${reason}. Use a larger cache or smaller transactions.`,
      { pageNumber, frames, ways, isWaitingForLog: answer === NO_FRAME.unwritten },
    );
  }
}

function deadlock(pageNumber: number | undefined, word: number, timeoutMs: number): WalError {
  const what = pageNumber === undefined ? 'The size of the store' : `Page ${pageNumber}`;
  const sessions = holdersOf(word);
  const message = `${what} could not be latched in ${timeoutMs} ms: sessions ${sessions.join(', ')} hold it.`;
  return new WalError('ERR_WAL_DEADLOCK', message, { pageNumber, sessions, timeoutMs });
}
