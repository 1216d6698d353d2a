// A turn to sleep on (src/memory/turn.ts) that says which sessions sleep, one bit each, instead of how many: so the bit
// of one that died in its sleep can be taken back, and nobody announces to the dead for ever.
//
// A sleeper sets its bit, loads the turn, looks at what it waits for, and sleeps while the turn is the loaded one.
// Whoever moves what is waited for does so before it looks at the bits, and changes the turn before it notifies. In the
// one order of all operations either the move is before the look, or the bit is seen and the turn moves behind the
// load of it: no wake-up is lost (K4).

import type { Word32 } from '../memory/words.js';

/** A turn word and the bits of its sleepers. */
export class SessionTurn {
  readonly #word: Word32;
  readonly #sleepers: Word32;

  constructor(word: Word32, sleepers: Word32) {
    this.#word = word;
    this.#sleepers = sleepers;
  }

  /** Says that the session whose bit this is may sleep from here on. Once, until it leaves. */
  enter(bit: number): void {
    this.#sleepers.add(bit);
  }

  leave(bit: number): void {
    this.#sleepers.add(-bit);
  }

  /** The present turn. Load it behind `enter` and before looking at what the sleep is about. */
  load(): number {
    return this.#word.load();
  }

  /** Blocks while the turn is `seen`, at most `timeoutMs`. */
  wait(seen: number, timeoutMs: number): void {
    this.#word.wait(seen, timeoutMs);
  }

  /** Wakes whoever sleeps. Call it behind the change that they wait for (K4). */
  announce(): void {
    if (this.#sleepers.load() === 0) return;
    this.#word.add(1);
    this.#word.notify();
  }

  /** Takes back the bit of a dead session, and wakes all others: the dead may have owed them a notify. */
  reap(bit: number): void {
    if (this.#sleepers.load() & bit) this.#sleepers.add(-bit);
    this.announce();
  }
}
