// Telling listeners about commits once they are durable, in order (features.md P20: certificate durable, then
// publication).

import { type Control, STATE } from './control.js';

/** A range of commits that became durable: `firstSeq` to `lastSeq`, both inclusive. */
export interface DurableRange {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly durableEpoch: number;
}

/** Follows the durable mark as long as somebody listens. Does not keep the process alive. */
export class DurablePublication {
  readonly #control: Control;
  readonly #listeners = new Set<(range: DurableRange) => void>();
  #isFollowing = false;

  constructor(control: Control) {
    this.#control = control;
  }

  /** Calls `listener` with each range from now on: contiguous, none twice. Returns how to stop. */
  listen(listener: (range: DurableRange) => void): () => void {
    this.#listeners.add(listener);
    void this.#follow();
    return () => this.#listeners.delete(listener);
  }

  async #follow(): Promise<void> {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    const { durableSeq, durableEpoch, durableTurn } = this.#control;
    let published = durableSeq.load();
    while (this.#listeners.size > 0) {
      // I7: the turn before the mark, so that no move between the two is slept through.
      const turn = durableTurn.load();
      const lastSeq = durableSeq.load();
      if (lastSeq > published) {
        const range = { firstSeq: published + 1, lastSeq, durableEpoch: durableEpoch.load() };
        published = lastSeq;
        for (const listener of this.#listeners) tell(listener, range);
      }
      const { state } = this.#control;
      if ((state === STATE.failed || state === STATE.closed) && durableSeq.load() === published) break;
      await durableTurn.waitAsync(turn);
    }
    this.#isFollowing = false;
  }
}

/** A listener that throws is an uncaught exception, as with any event; the others hear of the range all the same. */
function tell(listener: (range: DurableRange) => void, range: DurableRange): void {
  try {
    listener(range);
  } catch (thrown) {
    setImmediate(() => {
      throw thrown;
    });
  }
}
