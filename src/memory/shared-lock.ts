// A lock between threads that survives the death of its holder: the word holds the id of the writer inside, so that
// the flusher can tell whose it was and take it over (design/concurrency.md, "Reaping").
//
// A waiter counts itself before it looks at the word and the holder frees the word before it looks at the count, so
// one of the two sees the other: no wake-up is lost. A waiter that dies stays counted; that costs a needless notify.

import { assert } from '../base/assert.js';
import { monotonicMs } from '../base/clock.js';
import type { Word32 } from './words.js';

/** Attempts before a waiter sleeps: a holder needs a few microseconds unless it was preempted. */
const SPIN_ATTEMPTS = 200;

/** A lock over two shared words: the holder's id (0 when free) and the number of waiters. */
export class SharedLock {
  readonly #holder: Word32;
  readonly #waiters: Word32;

  constructor(holder: Word32, waiters: Word32) {
    this.#holder = holder;
    this.#waiters = waiters;
  }

  /** Takes the lock if it is free. */
  tryAcquire(id: number): boolean {
    return this.#holder.exchangeIf(0, id);
  }

  /** Takes the lock, waiting at most `timeoutMs`; false when it could not be had in that time. */
  acquire(id: number, timeoutMs: number): boolean {
    for (let attempt = 0; attempt < SPIN_ATTEMPTS; attempt += 1) if (this.tryAcquire(id)) return true;
    const deadline = monotonicMs() + timeoutMs;
    this.#waiters.add(1);
    try {
      for (;;) {
        if (this.tryAcquire(id)) return true;
        const left = deadline - monotonicMs();
        if (left <= 0) return false;
        const holder = this.#holder.load();
        if (holder !== 0) this.#holder.wait(holder, left);
      }
    } finally {
      this.#waiters.add(-1);
    }
  }

  /** Frees the lock. Only its holder may call. */
  release(id: number): void {
    assert(this.#holder.exchangeIf(id, 0), 'only the holder frees a lock');
    if (this.#waiters.load() > 0) this.#holder.notify();
  }

  /**
   * Takes the lock over from a dead holder; false if the dead writer did not hold it.
   *
   * Whoever slept may have been the one a lost notify was meant for, so all are woken in either case.
   */
  takeOver(deadId: number, id: number): boolean {
    const held = this.#holder.exchangeIf(deadId, id);
    if (!held) this.#holder.notify();
    return held;
  }

  /** Whether anybody holds the lock. */
  isHeld(): boolean {
    return this.#holder.load() !== 0;
  }
}
