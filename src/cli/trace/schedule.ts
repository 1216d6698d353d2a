// Deals the transactions of a trace to writer threads, for several copies of one database, over shared memory.
// The rule: within a copy, transactions that touch a common page are appended in the order of the trace, and one that
// changes the size is appended after all before it and before all behind it. Copies know nothing of each other.
// Transactions of a copy are claimed strictly in order, so whatever a claimed one has to follow is claimed already,
// by a thread that is at work on it: there is no cycle to wait in.

import { invalidArgument } from '../../base/errors.js';
import { type AtomicOps, atomics } from '../../memory/atomics.js';
import { LINE_BYTES } from '../../memory/words.js';
import { type SqliteTrace, sizeChanges } from './sqlite-wal.js';

/**
 * What each transaction of a trace has to follow, for the first `transactions` of it; plain shared memory.
 *
 * Transaction t follows `earlier[starts[t]]` up to, not including, `earlier[starts[t + 1]]`. Where `followsAll[t]` is 1
 * it changes the size, has an empty list, and follows everything before it.
 */
export interface DependencyPlan {
  readonly transactions: number;
  readonly followsAll: Uint8Array;
  readonly starts: Int32Array;
  readonly earlier: Int32Array;
}

/** Everything the writers of one replay share: plain data over shared memory, to be sent to workers as it is. */
export interface ScheduleMemory {
  readonly copies: number;
  readonly plan: DependencyPlan;
  readonly control: Int32Array;
  readonly statuses: Int32Array;
}

/** One transaction of one copy, both counted from 0. */
export interface Claim {
  readonly copy: number;
  readonly transaction: number;
}

/** States of a transaction in one copy. */
export const STATUS = { pending: 0, claimed: 1, appended: 2 } as const;

// Lines of the control memory: two for all, then one for each copy with its two words.
const WORDS_PER_LINE = LINE_BYTES / 4;
const PROGRESS = 0;
const STOPPED = WORDS_PER_LINE;
const COPY_LINES_START = 2 * WORDS_PER_LINE;
const CURSOR = 0;
const APPENDED_THROUGH = 1;

// Why a copy gives no transaction: its next one has to wait, or it has none left.
const BLOCKED = -1;
const EXHAUSTED = -2;

/**
 * Works out what each transaction has to follow.
 *
 * Lists hold the latest earlier toucher of each page and the last change of size. Touchers before that change are left
 * out, for the change itself follows them.
 *
 * @param basePages - pages of the base: the first transaction may already change the size
 * @param transactionLimit - how many transactions of each copy are wanted
 */
export function planDependencies(
  trace: SqliteTrace,
  basePages: number,
  transactionLimit = trace.counts.transactions,
): DependencyPlan {
  const transactions = Math.min(transactionLimit, trace.counts.transactions);
  const changes = sizeChanges(trace, basePages);
  const starts = sharedInt32(transactions + 1);
  const earlier: number[] = [];
  const latestToucher = new Map<number, number>();
  const listedFor = new Int32Array(transactions).fill(-1);
  let lastChange = -1;
  for (let transaction = 0; transaction < transactions; transaction++) {
    const changesSize = changes[transaction] === 1;
    if (!changesSize && lastChange >= 0) earlier.push(lastChange);
    const end = trace.entryStarts[transaction + 1] ?? 0;
    for (let entry = trace.entryStarts[transaction] ?? 0; entry < end; entry++) {
      const pageNumber = trace.pageNumbers[entry] ?? 0;
      const toucher = latestToucher.get(pageNumber) ?? -1;
      latestToucher.set(pageNumber, transaction);
      if (changesSize || toucher <= lastChange || listedFor[toucher] === transaction) continue;
      listedFor[toucher] = transaction;
      earlier.push(toucher);
    }
    starts[transaction + 1] = earlier.length;
    if (changesSize) lastChange = transaction;
  }
  const followsAll = new Uint8Array(new SharedArrayBuffer(transactions));
  followsAll.set(changes.subarray(0, transactions));
  const list = sharedInt32(earlier.length);
  list.set(earlier);
  return { transactions, followsAll, starts, earlier: list };
}

/**
 * Makes the shared memory of a schedule.
 *
 * @param present - by copy: transactions that are in the log already and count as appended, after a crash. Numbers
 *   beyond the plan are left alone: the log may hold more than is wanted now
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT when a transaction is present and one it follows is not: appending that
 *   one now would put the two in the wrong order, so the log was not filled from this trace
 */
export function createScheduleMemory(
  plan: DependencyPlan,
  copies: number,
  present: readonly Iterable<number>[] = [],
): ScheduleMemory {
  const memory: ScheduleMemory = {
    copies,
    plan,
    control: sharedInt32(COPY_LINES_START + copies * WORDS_PER_LINE),
    statuses: sharedInt32(copies * plan.transactions),
  };
  // Plain stores: no other thread has this memory yet.
  for (let copy = 0; copy < copies; copy++) {
    const first = copy * plan.transactions;
    const statuses = memory.statuses.subarray(first, first + plan.transactions);
    for (const transaction of present[copy] ?? []) {
      if (transaction < plan.transactions) statuses[transaction] = STATUS.appended;
    }
    refuseBrokenOrder(plan, statuses, copy);
  }
  return memory;
}

/** The schedule as one thread sees it. Make one per thread over the same memory. */
export class SharedSchedule {
  readonly memory: ScheduleMemory;
  readonly #ops: AtomicOps;

  /** @param ops - the atomic operations; tests put others in their place to interleave writers */
  constructor(memory: ScheduleMemory, ops: AtomicOps = atomics) {
    this.memory = memory;
    this.#ops = ops;
  }

  /** Changes whenever a transaction was appended. Load it before a claim, to wait on it if the claim says so. */
  progress(): number {
    return this.#ops.load(this.memory.control, PROGRESS);
  }

  /**
   * Takes the next transaction that may be appended now: from the writer's home copy, or else from the others in turn.
   *
   * @returns the claim, which this writer must append and then mark; `wait` when all that is left has to follow what
   *   others are appending; `done` when nothing is left to take, or the schedule was stopped
   *
   * Threading: any writer, never blocks.
   */
  claimNext(writer: number): Claim | 'wait' | 'done' {
    const { copies } = this.memory;
    if (this.isStopped()) return 'done';
    let answer: 'wait' | 'done' = 'done';
    for (let turn = 0; turn < copies; turn++) {
      const copy = (writer + turn) % copies;
      const transaction = this.#claimIn(copy);
      if (transaction >= 0) return { copy, transaction };
      if (transaction === BLOCKED) answer = 'wait';
    }
    return answer;
  }

  /**
   * Like `claimNext`, but blocks until there is a claim or nothing is left. For worker threads.
   *
   * Threading: a writer that still holds an unmarked claim may wait for itself for ever.
   */
  claimNextBlocking(writer: number): Claim | 'done' {
    for (;;) {
      // Before the look, so that whatever is appended after it ends the wait: no wake-up is lost.
      const seen = this.progress();
      const claim = this.claimNext(writer);
      if (claim !== 'wait') return claim;
      this.waitForProgress(seen);
    }
  }

  /** Blocks until the progress word no longer holds `seen`, at most `timeoutMs`. */
  waitForProgress(seen: number, timeoutMs?: number): void {
    this.#ops.wait(this.memory.control, PROGRESS, seen, timeoutMs);
  }

  /** Says that a claimed transaction has its place in the log, which lets those that follow it go. */
  markAppended(copy: number, transaction: number): void {
    const { plan, statuses } = this.memory;
    // Status before progress: whoever sees the new progress also sees the status.
    this.#ops.store(statuses, copy * plan.transactions + transaction, STATUS.appended);
    this.#wakeAll();
  }

  /** Ends the schedule for all: every further claim answers `done`. For a writer that failed with a claim in hand. */
  stop(): void {
    this.#ops.store(this.memory.control, STOPPED, 1);
    this.#wakeAll();
  }

  isStopped(): boolean {
    return this.#ops.load(this.memory.control, STOPPED) !== 0;
  }

  /** Whether a transaction has its place in the log. */
  isAppended(copy: number, transaction: number): boolean {
    const { plan, statuses } = this.memory;
    return this.#ops.load(statuses, copy * plan.transactions + transaction) === STATUS.appended;
  }

  /** The transaction claimed from one copy, or why there is none. */
  #claimIn(copy: number): number {
    const { plan, control, statuses } = this.memory;
    const cursor = COPY_LINES_START + copy * WORDS_PER_LINE + CURSOR;
    for (;;) {
      const transaction = this.#ops.load(control, cursor);
      if (transaction >= plan.transactions) return EXHAUSTED;
      const wasPresent = this.isAppended(copy, transaction);
      if (!wasPresent && !this.#mayFollow(copy, transaction)) return BLOCKED;
      // The cursor only grows, so it still holds this number exactly if nobody else took the transaction.
      if (this.#ops.compareExchange(control, cursor, transaction, transaction + 1) !== transaction) continue;
      if (wasPresent) continue;
      this.#ops.store(statuses, copy * plan.transactions + transaction, STATUS.claimed);
      return transaction;
    }
  }

  #mayFollow(copy: number, transaction: number): boolean {
    const { plan } = this.memory;
    if (plan.followsAll[transaction] === 1) return this.#allAppendedBefore(copy, transaction);
    const end = plan.starts[transaction + 1] ?? 0;
    for (let index = plan.starts[transaction] ?? 0; index < end; index++) {
      if (!this.isAppended(copy, plan.earlier[index] ?? 0)) return false;
    }
    return true;
  }

  /** Goes on from where the last look ended, so that all looks together pass over a copy once. */
  #allAppendedBefore(copy: number, transaction: number): boolean {
    const { control } = this.memory;
    const word = COPY_LINES_START + copy * WORDS_PER_LINE + APPENDED_THROUGH;
    const known = this.#ops.load(control, word);
    let through = known;
    while (through < transaction && this.isAppended(copy, through)) through++;
    // Two writers may store in either order. The lower bound that stays is true all the same: statuses never go back.
    if (through !== known) this.#ops.store(control, word, through);
    return through >= transaction;
  }

  #wakeAll(): void {
    this.#ops.add(this.memory.control, PROGRESS, 1);
    this.#ops.notify(this.memory.control, PROGRESS);
  }
}

function refuseBrokenOrder(plan: DependencyPlan, statuses: Int32Array, copy: number): void {
  let through = 0;
  for (let transaction = 0; transaction < plan.transactions; transaction++) {
    const isPresent = statuses[transaction] === STATUS.appended;
    const list = plan.earlier.subarray(plan.starts[transaction], plan.starts[transaction + 1]);
    const mayBePresent =
      plan.followsAll[transaction] === 1
        ? through === transaction
        : list.every((earlier) => statuses[earlier] === STATUS.appended);
    if (isPresent && !mayBePresent) {
      throw invalidArgument(`copy ${copy} has transaction ${transaction + 1} of the trace, but not one it follows`, {
        copy,
        transaction,
      });
    }
    if (isPresent && through === transaction) through++;
  }
}

function sharedInt32(length: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(length * 4));
}
