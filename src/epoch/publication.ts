// Telling listeners about commits once they are durable, in order (features.md P20: certificate durable, then
// publication).

import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../base/clock.js';
import { type Control, STATE } from './control.js';

/**
 * A log that moves more often than this tells of several moves at once: to wake a thread for each would cost the
 * writers a tenth of a small commit.
 */
const QUIET_MS = 1;

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
    let toldMs = Number.NEGATIVE_INFINITY;
    while (this.#listeners.size > 0) {
      // I7: the turn before the mark, so that no move between the two is slept through.
      const turn = durableTurn.load();
      const lastSeq = durableSeq.load();
      if (lastSeq > published) {
        const range = { firstSeq: published + 1, lastSeq, durableEpoch: durableEpoch.load() };
        published = lastSeq;
        toldMs = monotonicMs();
        for (const listener of this.#listeners) tell(listener, range);
      }
      const { state } = this.#control;
      if ((state === STATE.failed || state === STATE.closed) && durableSeq.load() === published) break;
      await durableTurn.waitAsync(turn);
      // Nobody has to wake this thread meanwhile. It holds the event loop that long: the last range is still told.
      if (monotonicMs() - toldMs < QUIET_MS) await sleep(QUIET_MS);
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
