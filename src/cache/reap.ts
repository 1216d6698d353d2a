// Cleaning up behind a session whose thread is dead, or has left: everything it holds is found by looking at all words,
// so no operation of a session has to be undone in any order (design/page-cache.md, "Reaping").

import { type AtomicOps, atomics } from '../memory/atomics.js';
import { CacheWords, FRAME_STRIDE, FRAME_WORDS, type PageCacheMemory } from './cache-memory.js';
import { lockIdOf } from './frame-sets.js';
import { exclusiveOf, FREE, isExclusive, SESSIONS_MAX, shareOf } from './latch-word.js';

/** In locks of sets: whoever reaps, which no session is. */
const REAPER = lockIdOf(SESSIONS_MAX);

/** What a dead session left. */
export interface Reaped {
  /** Frames it held exclusively, which were forgotten. */
  readonly discarded: number;
  /** Latches it shared. */
  readonly shared: number;
  readonly heldSize: boolean;
}

/**
 * Frees whatever a session holds, and wakes who waits for it. May be repeated, also where it was broken off.
 *
 * @param session - of a thread that does nothing any more
 * @param onDiscard - told of each frame that the session held exclusively, before it is forgotten, with its page (0 for
 * none): the bytes may be changed by half, and the next user of the page loads it again
 */
export function reapSession(
  memory: PageCacheMemory,
  session: number,
  onDiscard: (pageNumber: number, frame: number) => void,
  ops: AtomicOps = atomics,
): Reaped {
  const words = new CacheWords(memory, ops);
  for (let set = 0; set < words.sets; set += 1) {
    const lock = words.lockOf(set);
    if (lock.takeOver(lockIdOf(session), REAPER)) lock.release(REAPER);
  }
  let [discarded, shared] = [0, 0];
  for (let frame = 0; frame < memory.frames; frame += 1) {
    const word = words.records.load(FRAME_STRIDE * frame + FRAME_WORDS.latch);
    if (word === exclusiveOf(session)) {
      onDiscard(words.tags.load(frame) >>> 0, frame);
      words.records.store(FRAME_STRIDE * frame + FRAME_WORDS.isUsed, 0);
      words.tags.store(frame, 0);
      discarded += 1;
    } else if (!isExclusive(word) && (word & shareOf(session)) !== 0) {
      shared += 1;
    }
    freeRecord(words, frame, session);
  }
  const heldSize = freeRecord(words, memory.frames, session);
  for (let set = 0; set <= words.sets; set += 1) words.turnOf(set).reap(shareOf(session));
  return { discarded, shared, heldSize };
}

/** Takes the session out of a latch and its claim; true if it held the latch. */
function freeRecord({ records }: CacheWords, frame: number, session: number): boolean {
  const latch = FRAME_STRIDE * frame + FRAME_WORDS.latch;
  records.exchangeIf(FRAME_STRIDE * frame + FRAME_WORDS.claim, session + 1, 0);
  for (;;) {
    const word = records.load(latch);
    const isOwn = word === exclusiveOf(session);
    if (!isOwn && (isExclusive(word) || (word & shareOf(session)) === 0)) return false;
    if (records.exchangeIf(latch, word, isOwn ? FREE : word & ~shareOf(session))) return true;
  }
}
