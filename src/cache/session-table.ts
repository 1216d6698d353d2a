// The numbers of the threads that use a cache: a slot each, with a generation that is odd while the number is taken. A
// number is given again only when everything of its last user is out of the cache, so what a word says of a session is
// said of one thread (K5).

import { assert } from '../base/assert.js';
import { type AtomicOps, atomics } from '../memory/atomics.js';
import { CacheWords, type PageCacheMemory } from './cache-memory.js';
import { SESSIONS_MAX } from './latch-word.js';

/** A taken number. */
export interface CacheSession {
  /** From 0 to 30. */
  readonly session: number;
  /** Tells this use of the number from all before and behind it. */
  readonly generation: number;
}

/** All sessions of one cache. Any thread may look; slots are taken and freed by compare-exchange. */
export class SessionTable {
  readonly #words: CacheWords['sessions'];

  constructor(memory: PageCacheMemory, ops: AtomicOps = atomics) {
    this.#words = new CacheWords(memory, ops).sessions;
  }

  /** Takes the lowest free number for a thread; `undefined` when all {@link SESSIONS_MAX} are taken. */
  take(threadId: number): CacheSession | undefined {
    for (let session = 0; session < SESSIONS_MAX; session += 1) {
      const generation = this.#words.load(2 * session);
      if (isTaken(generation) || !this.#words.exchangeIf(2 * session, generation, (generation + 1) | 0)) continue;
      this.#words.store(2 * session + 1, threadId);
      return { session, generation: (generation + 1) | 0 };
    }
    return undefined;
  }

  /** Gives a number back, behind the reap of its session. */
  free({ session, generation }: CacheSession): void {
    const isFreed = this.#words.exchangeIf(2 * session, generation, (generation + 1) | 0);
    assert(isFreed, 'a session is freed once, by whoever reaped it');
  }

  /** Whether the number is still taken by the same thread as when it was taken. */
  isCurrent({ session, generation }: CacheSession): boolean {
    return this.#words.load(2 * session) === generation;
  }

  /** The thread of a session that is taken. */
  threadOf(session: number): number | undefined {
    return isTaken(this.#words.load(2 * session)) ? this.#words.load(2 * session + 1) : undefined;
  }

  /** Numbers that are taken now, ascending. */
  taken(): number[] {
    return Array.from({ length: SESSIONS_MAX }, (_, session) => session).filter((session) =>
      isTaken(this.#words.load(2 * session)),
    );
  }
}

function isTaken(generation: number): boolean {
  return (generation & 1) === 1;
}
