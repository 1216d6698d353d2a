// Telling listeners about commits once a mark has passed them, in order: once they are durable (features.md P20:
// certificate durable, then publication), or written.

import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../base/clock.js';
import { type Control, STATE } from './control.js';

/**
 * A log that moves more often than this tells of several moves at once: to wake a thread for each would cost the
 * writers a tenth of a small commit.
 */
const QUIET_MS = 1;

type Mark = { readonly seq: Control['durableSeq']; readonly turn: Control['durableTurn'] };

/** A range of commits that became durable: `firstSeq` to `lastSeq`, both inclusive. */
export interface DurableRange {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly durableEpoch: number;
}

/** Commits that were written: `firstSeq` to `lastSeq`, both inclusive. */
export type WrittenRange = Pick<DurableRange, 'firstSeq' | 'lastSeq'>;

/** Publishes what becomes durable. */
export function durablePublication(control: Control): Publication<DurableRange> {
  const { durableSeq: seq, durableTurn: turn, durableEpoch } = control;
  return new Publication(control, { seq, turn }, (range) => ({ ...range, durableEpoch: durableEpoch.load() }));
}

/** Publishes what is written. */
export function writtenPublication(control: Control): Publication<WrittenRange> {
  return new Publication(control, { seq: control.writtenSeq, turn: control.writtenTurn }, (range) => range);
}

/** Follows a mark as long as somebody listens. Does not keep the process alive. */
export class Publication<Range> {
  readonly #control: Control;
  readonly #mark: Mark;
  readonly #rangeOf: (range: WrittenRange) => Range;
  readonly #listeners = new Set<(range: Range) => void>();
  #isFollowing = false;

  constructor(control: Control, mark: Mark, rangeOf: (range: WrittenRange) => Range) {
    this.#control = control;
    this.#mark = mark;
    this.#rangeOf = rangeOf;
  }

  /** Calls `listener` with each range from now on: contiguous, none twice. Returns how to stop. */
  listen(listener: (range: Range) => void): () => void {
    this.#listeners.add(listener);
    void this.#follow();
    return () => this.#listeners.delete(listener);
  }

  async #follow(): Promise<void> {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    const { seq, turn: markTurn } = this.#mark;
    let published = seq.load();
    let toldMs = Number.NEGATIVE_INFINITY;
    while (this.#listeners.size > 0) {
      // I7: the turn before the mark, so that no move between the two is slept through.
      const turn = markTurn.load();
      const lastSeq = seq.load();
      if (lastSeq > published) {
        const range = this.#rangeOf({ firstSeq: published + 1, lastSeq });
        published = lastSeq;
        toldMs = monotonicMs();
        for (const listener of this.#listeners) tell(listener, range);
      }
      const { state } = this.#control;
      if ((state === STATE.failed || state === STATE.closed) && seq.load() === published) break;
      await markTurn.waitAsync(turn);
      // Nobody has to wake this thread meanwhile. It holds the event loop that long: the last range is still told.
      if (monotonicMs() - toldMs < QUIET_MS) await sleep(QUIET_MS);
    }
    this.#isFollowing = false;
  }
}

/** A listener that throws is an uncaught exception, as with any event; the others hear of the range all the same. */
function tell<Range>(listener: (range: Range) => void, range: Range): void {
  try {
    listener(range);
  } catch (thrown) {
    setImmediate(() => {
      throw thrown;
    });
  }
}
