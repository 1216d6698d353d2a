// When a flusher steps and when it sleeps (design/concurrency.md, "Sleep").
//
// It never blocks in Atomics.wait: it sleeps on a waitAsync of the demand word with its event loop turning, so that a
// port's `close` - the death of a writer - reaches it also while the main thread blocks. Measured as fast (40 us).

import { monotonicMs } from '../base/clock.js';
import { type Control, SLEEP } from '../epoch/control.js';
import type { Flusher, NextStep } from './flusher.js';

/**
 * The event loop turns at least this often while there is work without end; ports and requests wait for it. With a sync
 * under way it turns after each step: nothing else tells of its end.
 */
const TURN_MS = 5;
/**
 * How long the flusher looks at the demand word before it sleeps: a writer that commits again at once finds it awake.
 */
const SPIN_MS = 0.1;

/** Runs the steps of one flusher, and waits between them. */
export class FlusherLoop {
  readonly #control: Control;
  readonly #flusher: Flusher;
  #poke: () => void = () => undefined;
  #isWatching = false;
  #spinMs = SPIN_MS;

  constructor(control: Control, flusher: Flusher) {
    this.#control = control;
    this.#flusher = flusher;
  }

  /** Whatever has happened, the flusher looks again. */
  poke(): void {
    this.#poke();
  }

  /** Steps and sleeps until the log has ended. */
  async run(): Promise<void> {
    let turnedMs = monotonicMs();
    for (;;) {
      const demand = this.#control.demand.load();
      const now = monotonicMs();
      const next = this.#flusher.step(now);
      if (next.kind === 'ended') return;
      if (next.kind === 'sleep' && (this.#flusher.isSyncing || !this.#spin(demand, next))) {
        await this.#sleep(next);
        turnedMs = monotonicMs();
      } else if (this.#flusher.isSyncing || now - turnedMs > TURN_MS) {
        await new Promise((resolve) => setImmediate(resolve));
        turnedMs = monotonicMs();
      }
    }
  }

  /** Looks for a demand for a moment before sleeping; longer while that pays, not at all while it does not. */
  #spin(demand: number, { untilMs }: { untilMs: number }): boolean {
    const nowMs = monotonicMs();
    // A moment that no timer is short enough for is waited out.
    const endMs = untilMs - nowMs <= SPIN_MS ? untilMs : nowMs + this.#spinMs;
    do {
      if (this.#control.demand.load() !== demand) {
        this.#spinMs = SPIN_MS;
        return true;
      }
    } while (monotonicMs() < endMs);
    if (endMs === untilMs) return true;
    this.#spinMs /= 2;
    return false;
  }

  async #sleep(first: NextStep & { kind: 'sleep' }): Promise<void> {
    const poked = new Promise<void>((resolve) => {
      this.#poke = resolve;
    });
    const asleepMs = monotonicMs();
    for (let next = first; ; ) {
      this.#watchDemand();
      // I8: says how it sleeps, then looks once more: whoever published before the store is seen by the step, whoever
      // published after it sees the store and wakes us.
      this.#control.flusherSleep.store(next.sleep);
      const again = this.#flusher.step(monotonicMs());
      if (again.kind !== 'sleep') break;
      if (again.sleep === next.sleep) {
        await this.#until(again.untilMs, poked);
        break;
      }
      next = again;
    }
    this.#control.flusherSleep.store(SLEEP.awake);
    // Woken soon after falling asleep: looking a little longer would have been cheaper.
    if (monotonicMs() - asleepMs < 2 * SPIN_MS) this.#spinMs = SPIN_MS;
  }

  async #until(untilMs: number, poked: Promise<void>): Promise<void> {
    if (untilMs === Number.POSITIVE_INFINITY) return poked;
    const timer = setTimeout(() => this.#poke(), Math.max(0, untilMs - monotonicMs()));
    await poked;
    clearTimeout(timer);
  }

  /** Keeps one waitAsync on the demand word outstanding: it cannot be cancelled, and one is enough. */
  #watchDemand(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const { demand } = this.#control;
    void demand.waitAsync(demand.load()).then(() => {
      this.#isWatching = false;
      this.#poke();
    });
  }
}
