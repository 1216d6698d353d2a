// The ticker of an open log, as its owner starts and stops it. What it does is the flusher's: by time, too, it seals
// and syncs (flusher/flusher.ts).

import type { Control } from './epoch/control.js';
import type { FlusherHost } from './flusher/flusher-host.js';
import type { EventLoopHold } from './thread/keep-alive.js';

/** Whether the ticker of one log runs. */
export class Ticking {
  readonly #control: Control;
  readonly #host: FlusherHost;
  readonly #hold: EventLoopHold;
  #isTicking: boolean;

  constructor(isTicking: boolean, control: Control, host: FlusherHost, hold: EventLoopHold) {
    this.#isTicking = isTicking;
    this.#control = control;
    this.#host = host;
    this.#hold = hold;
  }

  get isRunning(): boolean {
    return this.#isTicking && this.#control.isOpen();
  }

  async start(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) return;
    this.#isTicking = true;
    await this.#hold.during(this.#host.setTicking(true));
    signal?.addEventListener('abort', () => void this.stop().catch(() => undefined), { once: true });
  }

  /** Drains first. */
  async stop(): Promise<void> {
    if (!this.#isTicking) return;
    this.#isTicking = false;
    await this.#hold.during(this.#host.flush());
    // Unless it was started again meanwhile.
    if (!this.#isTicking) await this.#hold.during(this.#host.setTicking(false));
  }
}
