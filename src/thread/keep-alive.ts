// Keeps the event loop of this thread alive while anybody waits: a pending Atomics.waitAsync does not, and neither do
// our workers and ports, which are unref'd so that an open, idle log lets the process end.

/** The longest period of a timer. */
const PERIOD_MS = 2 ** 31 - 1;

/** A counted hold on the event loop. */
export class EventLoopHold {
  #holds = 0;
  #timer: NodeJS.Timeout | undefined;

  hold(): void {
    this.#holds += 1;
    this.#timer ??= setInterval(() => undefined, PERIOD_MS);
  }

  letGo(): void {
    this.#holds -= 1;
    if (this.#holds > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Holds the event loop while `work` is pending. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.hold();
    try {
      return await work;
    } finally {
      this.letGo();
    }
  }
}
