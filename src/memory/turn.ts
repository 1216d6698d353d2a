// Something to sleep on until anything moves. The word changes with every announcement, so a sleeper that loaded it
// before it looked at the state cannot miss one; the number of sleepers tells the announcer whether anybody has to be
// woken, because notify and wait share one process-wide lock.
//
// A sleeper counts itself before it waits and the announcer changes the word before it looks at the count, so one of
// the two sees the other. A sleeper that dies stays counted; that costs needless notifies, nothing else.

import { monotonicMs } from '../base/clock.js';
import type { Word32 } from './words.js';

/** Looks at the word between two looks at the clock, which costs as much as several of them. */
const LOOKS_PER_CLOCK = 32;

/** In the word of the sleepers: threads that block count in the low half, promises (which cost no processor) above. */
const BLOCKED = 1;
const AWAITING = 2 ** 16;
const BLOCKED_MASK = AWAITING - 1;

/** What a look at a turn has found: it moved, others sleep on it as well, or neither for all the time. */
export type Looked = 'moved' | 'crowded' | 'in vain';

/** A turn word and the number of its sleepers. */
export class Turn {
  readonly #word: Word32;
  readonly #sleepers: Word32;

  constructor(word: Word32, sleepers: Word32) {
    this.#word = word;
    this.#sleepers = sleepers;
  }

  /** The present turn. Load it before looking at what the sleep is about. */
  load(): number {
    return this.#word.load();
  }

  /** Changes the turn and wakes whoever sleeps; returns how many were counted. */
  announce(): number {
    this.#word.add(1);
    const sleepers = this.#sleepers.load();
    if (sleepers > 0) this.#word.notify();
    return (sleepers & BLOCKED_MASK) + (sleepers >> 16);
  }

  /**
   * Looks at the turn without sleeping, at most `spinMs`, until it is no longer `seen`.
   *
   * Only for a thread that waits alone: as soon as another one blocks, the processor is worth more to somebody else.
   */
  spin(seen: number, spinMs: number): Looked {
    const endMs = monotonicMs() + spinMs;
    do {
      for (let look = 0; look < LOOKS_PER_CLOCK; look += 1) if (this.#word.load() !== seen) return 'moved';
      if ((this.#sleepers.load() & BLOCKED_MASK) > 0) return 'crowded';
    } while (monotonicMs() < endMs);
    return 'in vain';
  }

  /** Blocks while the turn is `seen`, at most `timeoutMs`. */
  wait(seen: number, timeoutMs: number): void {
    this.#sleepers.add(BLOCKED);
    this.#word.wait(seen, timeoutMs);
    this.#sleepers.add(-BLOCKED);
  }

  /** Resolves when the turn is no longer `seen`. Does not keep the event loop alive. */
  async waitAsync(seen: number): Promise<void> {
    this.#sleepers.add(AWAITING);
    await this.#word.waitAsync(seen);
    this.#sleepers.add(-AWAITING);
  }
}
