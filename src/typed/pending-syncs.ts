// Syncs that are under way while their thread goes on, and how many of them there may be.

import { WalError } from '../base/errors.js';
import type { WaitOptions } from '../base/wait-bounds.js';
import { checkWaitBounds } from '../base/wait-bounds.js';
import type { MarkWaiter } from '../epoch/mark-waiter.js';

/** A sync that was asked for. */
export interface PendingSync {
  /** Everything up to this commit is durable when it is done. */
  readonly targetSeq: number;
  /** Whether it is done. */
  poll(): boolean;
  /** Resolves when it is done. @throws {WalError} as `commit.durable()` */
  wait(options?: WaitOptions): Promise<void>;
  /** Like {@link wait}, blocking this thread; for workers. */
  waitBlocking(timeoutMs: number): void;
}

/** What is needed of the waiter for the durable mark. */
type DurableWaiter = Pick<MarkWaiter, 'wait' | 'reached' | 'waitBlocking'>;

/** Syncs of one thread that may be under way at once. */
const PENDING_MAX = 4;

/**
 * Syncs of one thread.
 *
 * The bytes under way are bounded by the lanes: whoever appends more waits for room in one.
 */
export class PendingSyncs {
  readonly #durable: DurableWaiter;
  readonly #pending = new Set<Promise<void>>();

  constructor(durable: DurableWaiter) {
    this.#durable = durable;
  }

  /**
   * Asks for a sync through `targetSeq`; waits while too many are under way.
   *
   * @throws {WalError} ERR_WAL_TIMEOUT, ERR_WAL_ABORTED; no sync was asked for then
   */
  async start(targetSeq: number, { timeoutMs, signal }: WaitOptions = {}): Promise<PendingSync> {
    checkWaitBounds({ timeoutMs, signal });
    const durable = this.#durable;
    // Beyond the bound the oldest has to be done first: marks move in order, so all are when the newest is.
    while (this.#pending.size >= PENDING_MAX) await this.#oneDone({ timeoutMs, signal });
    const work = durable.wait(targetSeq);
    const settled = work.then(
      () => undefined,
      () => undefined,
    );
    this.#pending.add(settled);
    void settled.then(() => this.#pending.delete(settled));
    return {
      targetSeq,
      poll: () => durable.reached() >= targetSeq,
      wait: (options = {}) => durable.wait(targetSeq, options),
      waitBlocking: (ms) => durable.waitBlocking(targetSeq, ms),
    };
  }

  async #oneDone({ timeoutMs, signal }: WaitOptions): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    let onAbort = (): void => undefined;
    const given = new Promise<never>((_, reject) => {
      const refuse = (code: 'ERR_WAL_TIMEOUT' | 'ERR_WAL_ABORTED', why: string): void => {
        const message = `${this.#pending.size} syncs are under way, and ${why}.`;
        reject(new WalError(code, message, { pending: this.#pending.size }));
      };
      onAbort = () => refuse('ERR_WAL_ABORTED', 'the wait for one of them was aborted');
      if (timeoutMs !== undefined)
        timer = setTimeout(() => refuse('ERR_WAL_TIMEOUT', `none was done within ${timeoutMs} ms`), timeoutMs);
      signal?.addEventListener('abort', onAbort);
      if (signal?.aborted === true) onAbort();
    });
    try {
      await Promise.race([...this.#pending, given]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }
}
