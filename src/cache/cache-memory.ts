// The shared memory of the page cache: where each word and each frame is. Nothing else computes an offset of it
// (design/page-cache.md, "Memory"). Nothing of it is ever on disk.

import { assert } from '../base/assert.js';
import type { AtomicOps } from '../memory/atomics.js';
import { DenseWords, DenseWords64 } from '../memory/dense-words.js';
import { SharedLock } from '../memory/shared-lock.js';
import { LINE_BYTES, Word32 } from '../memory/words.js';
import { SESSIONS_MAX } from './latch-word.js';
import { SessionTurn } from './session-turn.js';

/** Frames that one page can be in: the frames of its set. */
export const WAYS_MAX = 64;

/** The highest page number a frame can be tagged with. */
export const CACHED_PAGE_MAX = 2 ** 32 - 1;

/** What threads hand each other: plain data and buffers. */
export interface PageCacheMemory {
  /** A multiple of `ways`. */
  readonly frames: number;
  readonly ways: number;
  readonly pageBytes: number;
  /** Latches, tags and locks. */
  readonly words: SharedArrayBuffer;
  /** The frames' bytes. */
  readonly pages: SharedArrayBuffer;
}

/** Lines of one set: lock, its waiters, turn, its sleepers. The size latch has two at the end: turn and sleepers. */
const SET_LINES = 4;

/** Words of one frame, next to each other, because a hit looks at all of them. */
export const FRAME_WORDS = { latch: 0, claim: 1, isUsed: 2 } as const;
export const FRAME_STRIDE = 4;

/** Byte offsets of the parts of `words`. */
function offsets(frames: number, sets: number) {
  const sequences = (SET_LINES * sets + 2) * LINE_BYTES;
  const records = sequences + 8 * frames;
  const tags = records + 4 * FRAME_STRIDE * (frames + 1);
  const hands = tags + 4 * frames;
  const sessions = hands + 4 * sets;
  return { sequences, records, tags, hands, sessions, end: sessions + 8 * SESSIONS_MAX };
}

/**
 * Memory of an empty cache.
 *
 * @param frames - from 1; rounded down to a multiple of {@link WAYS_MAX} when it is more than that
 */
export function createCacheMemory({ frames, pageBytes }: { frames: number; pageBytes: number }): PageCacheMemory {
  assert(Number.isSafeInteger(frames) && frames >= 1, 'a page cache has at least one frame');
  const ways = Math.min(WAYS_MAX, frames);
  const sets = Math.floor(frames / ways);
  return {
    frames: sets * ways,
    ways,
    pageBytes,
    words: new SharedArrayBuffer(offsets(sets * ways, sets).end),
    pages: new SharedArrayBuffer(sets * ways * pageBytes),
  };
}

/** The words of a cache, as one thread sees them. */
export class CacheWords {
  readonly sets: number;
  /** A record of {@link FRAME_STRIDE} words a frame; one more is the size latch. */
  readonly records: DenseWords;
  /** The page in each frame, 0 when it holds none; as a signed word. */
  readonly tags: DenseWords;
  /** The commit whose image each frame holds. */
  readonly sequences: DenseWords64;
  /** Where the clock of each set stands. */
  readonly hands: DenseWords;
  /** Two words a session: its generation and its thread. */
  readonly sessions: DenseWords;
  readonly #buffer: SharedArrayBuffer;
  readonly #ops: AtomicOps;
  readonly #locks: SharedLock[] = [];
  readonly #turns: SessionTurn[] = [];

  constructor({ frames, ways, words: buffer }: PageCacheMemory, ops: AtomicOps) {
    this.sets = frames / ways;
    const at = offsets(frames, this.sets);
    this.#buffer = buffer;
    this.#ops = ops;
    this.records = new DenseWords(ops, buffer, at.records, FRAME_STRIDE * (frames + 1));
    this.tags = new DenseWords(ops, buffer, at.tags, frames);
    this.sequences = new DenseWords64(ops, buffer, at.sequences, frames);
    this.hands = new DenseWords(ops, buffer, at.hands, this.sets);
    this.sessions = new DenseWords(ops, buffer, at.sessions, 2 * SESSIONS_MAX);
  }

  /** Held while a page is put into a set or out of it. */
  lockOf(set: number): SharedLock {
    this.#locks[set] ??= new SharedLock(this.#word(SET_LINES * set), this.#word(SET_LINES * set + 1));
    return this.#locks[set];
  }

  /** What those sleep on who wait for a latch of a set; of the size latch for `set` = {@link sets}. */
  turnOf(set: number): SessionTurn {
    const line = set < this.sets ? SET_LINES * set + 2 : SET_LINES * set;
    this.#turns[set] ??= new SessionTurn(this.#word(line), this.#word(line + 1));
    return this.#turns[set];
  }

  #word(line: number): Word32 {
    return new Word32(this.#ops, this.#buffer, line);
  }
}
