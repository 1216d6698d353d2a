// The modes of an open log, as its owner sees them and changes them; wal.ts has the rest. design/modes.md.

import { EventEmitter } from 'node:events';
import type { Control } from './epoch/control.js';
import type { Fallback } from './epoch/mode.js';
import type { FlusherHost } from './flusher/flusher-host.js';
import { checkSetting, type Mode } from './settings.js';
import { EventLoopHold } from './thread/keep-alive.js';
import type { WalEvents } from './wal-events.js';

/** An open log, as far as its mode goes. */
export class ModalLog extends EventEmitter<WalEvents> {
  readonly #control: Control;
  readonly #host: FlusherHost;
  readonly #hold = new EventLoopHold();

  protected constructor(control: Control, host: FlusherHost) {
    super();
    this.#control = control;
    this.#host = host;
  }

  /** The mode in force. */
  get mode(): Mode {
    return this.#control.mode;
  }

  /** Why the mode is `conservative`; `none` when it is not. */
  get fallback(): Fallback {
    return this.#control.fallback;
  }

  /**
   * Changes the mode while appends go on. Resolves when every later commit, of any thread, goes the new way; none is
   * lost, repeated or put out of its order meanwhile.
   *
   * `conservative` is latched (`operator_forced`), also for the next openings; another mode undoes that. A latch with
   * another reason stays in force: see {@link resumeAuto}.
   *
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT, ERR_WAL_CLOSED, ERR_WAL_POISONED; ERR_WAL_STORAGE_FULL, ERR_WAL_IO:
   *   the mode is as before
   * Durability: a latch is durable when this resolves (not under `off`).
   */
  async setMode(mode: Mode): Promise<void> {
    await this.#hold.during(this.#host.setMode(checkSetting('mode', mode)));
  }

  /**
   * Takes the latch away that keeps the log conservative, whatever its reason, and goes back to the mode that was asked
   * for, or `auto`. Without one it only leaves conservative mode.
   *
   * @throws {WalError} ERR_WAL_CLOSED, ERR_WAL_POISONED, ERR_WAL_IO
   */
  async resumeAuto(): Promise<void> {
    await this.#hold.during(this.#host.resumeAuto());
  }
}
