// Whether a seal that somebody waits for is put off for a moment, because threads that were just woken are about to
// commit again (design/concurrency.md, "Gather"). Without it the first of them has a sync of its own, and all others
// wait for that and the next one.

import type { Steering } from './steering.js';

/** Longer than a thread needs to be woken and to commit again; shorter than the sync that is saved. */
const PATIENCE_MS_MAX = 0.1;
/** Below this it is not worth waiting; now and then it is tried again. */
const PATIENCE_MS_MIN = 0.01;
const EPOCHS_PER_TRIAL = 64;

/** What one flusher knows of the threads that wait for it. */
export class Gathering {
  /** Threads that were told of the last sync. */
  #woken = 0;
  /** Commits that were there when a seal was put off. */
  #before: number | undefined;
  #patienceMs = PATIENCE_MS_MAX;
  #epochs = 0;
  /** The most commits of an epoch since the last trial, and between the two before it; all come until that is known. */
  #most = 0;
  #mostBefore = Number.POSITIVE_INFINITY;
  readonly #steering: Pick<Steering, 'gatherMs'>;

  constructor(steering: Pick<Steering, 'gatherMs'>) {
    this.#steering = steering;
  }

  /** Threads that slept were told that their commits are durable. */
  woke(threads: number): void {
    this.#woken = threads;
  }

  /**
   * Until when a seal is put off; undefined when it is not.
   *
   * @param commits - that are to be sealed
   * @param sinceMs - when the first of them was asked for
   */
  untilMs(commits: number, sinceMs: number): number | undefined {
    const patienceMs = this.#steering.gatherMs ?? this.#patienceMs;
    if (commits >= this.#awaited || patienceMs < PATIENCE_MS_MIN) return undefined;
    this.#before ??= commits;
    return sinceMs + patienceMs;
  }

  /** An epoch of so many commits is sealed: if nobody came while it was put off, the next one is put off for less. */
  sealed(commits: number): void {
    // Whoever steers knows how long by itself.
    if (this.#steering.gatherMs !== undefined) this.#before = undefined;
    this.#most = Math.max(this.#most, commits);
    this.#epochs += 1;
    if (this.#isTrial) [this.#mostBefore, this.#most] = [this.#most, 0];
    if (this.#before !== undefined && commits === this.#before) this.#patienceMs /= 2;
    else if (this.#before !== undefined || this.#isTrial) this.#patienceMs = PATIENCE_MS_MAX;
    this.#before = undefined;
  }

  get #isTrial(): boolean {
    return this.#epochs % EPOCHS_PER_TRIAL === 0;
  }

  /** Some who are told never commit, they only follow the log: no more are waited for than have come of late. */
  get #awaited(): number {
    return this.#isTrial ? this.#woken : Math.min(this.#woken, Math.max(this.#most, this.#mostBefore));
  }
}
