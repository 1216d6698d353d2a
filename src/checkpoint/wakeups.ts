// What wakes the checkpointer: somebody asks, the durable mark moves, a message arrives, a time comes. Its event loop
// turns meanwhile, so that ports reach it, the end of a thread among them.

import { monotonicMs } from '../base/clock.js';
import type { Control } from '../epoch/control.js';
import type { StoreWords } from './store-words.js';

/** The words as they were before the checkpointer looked at what there is to do. */
export interface Look {
  readonly ask: number;
  readonly durableTurn: number;
}

/** Sleeps of one thread. */
export class Wakeups {
  readonly #words: StoreWords;
  readonly #control: Control;
  #poke: () => void = () => undefined;
  #isPoked = false;
  #isWatchingAsk = false;
  #isWatchingDurable = false;

  constructor(words: StoreWords, control: Control) {
    this.#words = words;
    this.#control = control;
  }

  /** To be taken before looking at what there is to do; a change behind it ends the next sleep. */
  look(): Look {
    this.#isPoked = false;
    return { ask: this.#words.ask.load(), durableTurn: this.#control.durableTurn.load() };
  }

  /** Whatever has happened, the thread looks again. */
  poke(): void {
    this.#isPoked = true;
    this.#poke();
  }

  pokeIn(ms: number): void {
    setTimeout(() => this.poke(), ms).unref();
  }

  /** Lets everything else on this thread go first, at least until a time. */
  pause(untilMs: number): Promise<void> {
    const ms = untilMs - monotonicMs();
    return new Promise((resolve) => (ms > 0 ? setTimeout(resolve, ms) : setImmediate(resolve)));
  }

  /**
   * Sleeps until something changed behind `look`, or until a time.
   *
   * @param options - `isDurableWanted`: a move of the durable mark ends the sleep, too
   */
  async sleep(look: Look, untilMs: number, { isDurableWanted }: { isDurableWanted: boolean }): Promise<void> {
    if (this.#isPoked) return;
    const poked = new Promise<void>((resolve) => {
      this.#poke = resolve;
    });
    // One waitAsync on each word at a time: it cannot be cancelled.
    if (!this.#isWatchingAsk) {
      this.#isWatchingAsk = true;
      void this.#words.ask.waitAsync(look.ask).then(() => {
        this.#isWatchingAsk = false;
        this.poke();
      });
    }
    if (isDurableWanted && !this.#isWatchingDurable) {
      this.#isWatchingDurable = true;
      void this.#control.durableTurn.waitAsync(look.durableTurn).then(() => {
        this.#isWatchingDurable = false;
        this.poke();
      });
    }
    const timer = Number.isFinite(untilMs) ? setTimeout(() => this.poke(), untilMs - monotonicMs()) : undefined;
    await poked;
    clearTimeout(timer);
  }
}
