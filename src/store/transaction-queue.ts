// The transactions of one thread, one after the other: a thread has one open transaction, so calls queue up. Runs each
// again when it met a deadlock.

import { AsyncLocalStorage } from 'node:async_hooks';
import { invalidArgument, WalError } from '../base/errors.js';
import { between, seeded } from '../base/random.js';
import type { Commit } from '../commit.js';
import { Transaction, type TransactionHost } from './transaction.js';

/** What the function of a transaction is. */
export type TransactionBody<Result> = (transaction: Transaction) => Result | Promise<Result>;

/** The transaction whose function runs, for whatever that function starts. */
const inside = new AsyncLocalStorage<Transaction>();

/** The longest pause behind the first deadlock; it doubles with each that follows, up to the last. */
const PAUSE_MS_MIN = 2;
const PAUSE_MS_MAX = 256;

/** The one open transaction of a thread. */
export class TransactionQueue {
  readonly #host: TransactionHost;
  readonly #random: () => number;
  #open: Transaction | undefined;
  #isRunning = false;
  #last: Promise<unknown> = Promise.resolve();

  /** @param seed - threads that meet again and again must not pause alike */
  constructor(host: TransactionHost, seed: number) {
    this.#host = host;
    this.#random = seeded(seed);
  }

  /** @throws {WalError} ERR_WAL_INVALID_ARGUMENT when one is open */
  begin(): Transaction {
    if (this.#isRunning || this.#open?.isOver === false)
      throw invalidArgument('A transaction is open on this thread already; there is one at a time.');
    this.#open = new Transaction(this.#host);
    return this.#open;
  }

  /** Rolls back what is open; resolves when no latch is held any more. */
  async end(): Promise<void> {
    await this.#open?.leave();
  }

  /** Runs `body` as a transaction behind all that were asked for before, and commits it. */
  run<Result>(body: TransactionBody<Result>, retriesMax: number): Promise<{ result: Result; commit: Commit }> {
    if (inside.getStore()?.isOver === false && inside.getStore() === this.#open)
      throw invalidArgument('A transaction cannot be begun within another.');
    if (!this.#isRunning && this.#open?.isOver === false)
      throw invalidArgument('A transaction that was begun by hand is open on this thread.');
    const turn = this.#last.then(() => this.#attempts(body, retriesMax));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #attempts<Result>(
    body: TransactionBody<Result>,
    retriesMax: number,
  ): Promise<{ result: Result; commit: Commit }> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#attempt(body);
      } catch (error) {
        const isDeadlock = error instanceof WalError && error.code === 'ERR_WAL_DEADLOCK';
        if (!isDeadlock || attempt >= retriesMax) throw error;
        const most = Math.min(PAUSE_MS_MIN * 2 ** attempt, PAUSE_MS_MAX);
        await new Promise((resolve) => setTimeout(resolve, between(this.#random, 0, most)));
      }
    }
  }

  async #attempt<Result>(body: TransactionBody<Result>): Promise<{ result: Result; commit: Commit }> {
    const transaction = this.begin();
    this.#isRunning = true;
    try {
      const result = await inside.run(transaction, async () => body(transaction));
      return { result, commit: await transaction.commitAsync() };
    } finally {
      this.#isRunning = false;
      transaction.rollback();
    }
  }
}
