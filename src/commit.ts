// What an append returns: a place in the one total order, and the means to wait for it.

import type { MarkWaiter, WaitOptions } from './epoch/mark-waiter.js';

/** The two waiters of one thread. */
export interface MarkWaiters {
  readonly written: MarkWaiter;
  readonly durable: MarkWaiter;
}

/** A published commit. */
export class Commit {
  /** The commit sequence: 1, 2, 3, ... over the life of the log. */
  readonly seq: number;
  readonly #waiters: MarkWaiters;

  /** @internal */
  constructor(seq: number, waiters: MarkWaiters) {
    this.seq = seq;
    this.#waiters = waiters;
  }

  /**
   * Resolves when the commit, and everything before it, survives the death of the process.
   *
   * @throws {WalError} ERR_WAL_TIMEOUT, ERR_WAL_ABORTED, ERR_WAL_OUTCOME_UNKNOWN, ERR_WAL_CLOSED
   */
  written(options?: WaitOptions): Promise<void> {
    return this.#waiters.written.wait(this.seq, options);
  }

  /**
   * Resolves when the commit, and everything before it, survives power loss; under policy `off`, when it is written.
   *
   * @throws {WalError} ERR_WAL_TIMEOUT, ERR_WAL_ABORTED, ERR_WAL_OUTCOME_UNKNOWN, ERR_WAL_CLOSED
   */
  durable(options?: WaitOptions): Promise<void> {
    return this.#waiters.durable.wait(this.seq, options);
  }

  /** Like {@link written}, blocking this thread; for workers. */
  waitWritten(timeoutMs: number): void {
    this.#waiters.written.waitBlocking(this.seq, timeoutMs);
  }

  /** Like {@link durable}, blocking this thread; for workers. The fastest way to wait for one commit. */
  waitDurable(timeoutMs: number): void {
    this.#waiters.durable.waitBlocking(this.seq, timeoutMs);
  }
}
