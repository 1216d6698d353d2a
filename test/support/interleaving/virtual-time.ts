// The clock and the timers of one run of one thread: they move with what the thread does and with nothing else, so that
// the same run sees the same times. Stands in for the real ones only while the run lasts.

const real = {
  now: performance.now,
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setImmediate: globalThis.setImmediate,
};

/** Between two looks at the clock: longer than any spin of the package lasts. */
const TICK_MS = 0.4;

interface Timer {
  readonly dueMs: number;
  readonly onDue: () => void;
}

/** Time as one run sees it. */
export class VirtualTime {
  readonly #timers = new Set<Timer>();
  #nowMs = 1;

  get hasTimer(): boolean {
    return this.#timers.size > 0;
  }

  begin(): void {
    performance.now = () => (this.#nowMs += TICK_MS);
    const start = (onDue: () => void, ms = 0): Timer => {
      const timer = { dueMs: this.#nowMs + ms, onDue };
      this.#timers.add(timer);
      return timer;
    };
    globalThis.setTimeout = start as unknown as typeof setTimeout;
    globalThis.clearTimeout = ((timer: Timer) => this.#timers.delete(timer)) as unknown as typeof clearTimeout;
    // The event loop turns at once; what other threads do meanwhile is the schedule's.
    globalThis.setImmediate = ((onTurn: () => void) => queueMicrotask(onTurn)) as unknown as typeof setImmediate;
  }

  end(): void {
    performance.now = real.now;
    globalThis.setTimeout = real.setTimeout;
    globalThis.clearTimeout = real.clearTimeout;
    globalThis.setImmediate = real.setImmediate;
  }

  pass(ms: number): void {
    if (Number.isFinite(ms)) this.#nowMs += ms;
  }

  /** The next timer runs out. */
  fire(): void {
    const [next] = [...this.#timers].sort((a, b) => a.dueMs - b.dueMs);
    if (next === undefined) throw new Error('there is no timer to run out');
    this.#timers.delete(next);
    this.#nowMs = Math.max(this.#nowMs, next.dueMs);
    next.onDue();
  }

  /** Resolves when nothing is left to do without an event. */
  drain(): Promise<void> {
    return new Promise((resolve) => {
      real.setImmediate(() => resolve());
    });
  }
}
