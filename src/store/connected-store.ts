// An open page store as one thread sees it: transactions, snapshots, backups, checkpoints. The owner's part is in
// page-store.ts.

import { EventEmitter } from 'node:events';
import { invalidArgument, WalError } from '../base/errors.js';
import { withTimeout } from '../base/timeout.js';
import type { WaitOptions } from '../base/wait-bounds.js';
import type { CheckpointerRequest, CheckpointMode, CheckpointReport, SizesAt } from '../checkpoint/messages.js';
import { checkpointerEnded, STORE_STATE } from '../checkpoint/store-words.js';
import { STATE } from '../epoch/control.js';
import type { PinKind } from '../epoch/pins.js';
import { EventLoopHold } from '../thread/keep-alive.js';
import { RequestSender } from '../thread/request-port.js';
import type { MessagePort } from '../thread/thread-connect.js';
import { backupStore } from './backup.js';
import { Snapshot } from './snapshot.js';
import type { StoreHandle } from './store-handle.js';
import type { StoreThread, StoreThreadParts } from './store-thread.js';
import type { Transaction } from './transaction.js';
import { type TransactionBody, TransactionQueue } from './transaction-queue.js';

/** Options of `store.transaction`. */
export interface TransactionOptions extends WaitOptions {
  /** What the promise waits for; default `durable`. `appended`: nothing, the commit may die with the process. */
  readonly waitFor?: 'durable' | 'written' | 'appended' | undefined;
  /** How often a transaction that met a deadlock is run again before the error is the caller's; default 100. */
  readonly retriesMax?: number | undefined;
}

/** What is told of a store. */
export interface StoreEvents {
  /** A checkpoint was taken. Owner only. */
  checkpoint: [report: CheckpointReport];
  /** A checkpoint failed, or the log could not be read; it is tried again, and the log keeps everything. Owner only. */
  checkpointFailed: [error: WalError];
  /** Nothing can be done with the store any more: reopen it. */
  failed: [error: WalError];
}

const RETRIES_MAX = 100;

/** An open page store, on one thread. Made by `connectPageStore(handle)`. */
export class ConnectedPageStore extends EventEmitter<StoreEvents> {
  /** Reaches this store from other threads. */
  readonly handle: StoreHandle;
  readonly #thread: StoreThread;
  readonly #parts: StoreThreadParts;
  readonly #port: MessagePort;
  readonly #sender: RequestSender;
  readonly #hold = new EventLoopHold();
  readonly #snapshots = new Set<Snapshot>();
  readonly #queue: TransactionQueue;
  #isLeft = false;
  #leaving: Promise<void> | undefined;

  /** @internal */
  constructor(thread: StoreThread, parts: StoreThreadParts, port: MessagePort) {
    super();
    this.handle = parts.handle;
    this.#thread = thread;
    this.#parts = parts;
    this.#port = port;
    this.#queue = new TransactionQueue(thread, parts.session + 1);
    this.#sender = new RequestSender(port, () => undefined);
    port.on('close', () => this.#onPortClosed());
    port.unref();
  }

  /** Bytes of a page. */
  get pageSize(): number {
    return this.#thread.pageBytes;
  }

  /** Size of the store in pages, as of the newest commit. */
  get sizePages(): number {
    return this.#thread.sizePages();
  }

  /**
   * Begins a transaction by hand; one at a time a thread. Commit it or roll it back: its latches keep others waiting.
   *
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT when one is open already; ERR_WAL_CLOSED, ERR_WAL_POISONED
   */
  begin(): Transaction {
    this.#requireOpen();
    return this.#queue.begin();
  }

  /**
   * Runs `body` as one transaction and commits it. Calls of one thread are run one after the other. When it meets a
   * deadlock it is rolled back and run again, so `body` must not do anything else that cannot be done twice.
   *
   * @returns what `body` returned, once the commit is durable, or as far as `waitFor` says
   * @throws whatever `body` throws, rolled back; {WalError} of `append` and of `commit.durable()`;
   *   ERR_WAL_INVALID_ARGUMENT from within another transaction; ERR_WAL_DEADLOCK when every retry met one
   *
   * Durability: as `waitFor` says.
   */
  async transaction<Result>(body: TransactionBody<Result>, options: TransactionOptions = {}): Promise<Result> {
    this.#requireOpen();
    const { waitFor = 'durable', retriesMax = RETRIES_MAX } = options;
    return this.#hold.during(
      (async () => {
        const { result, commit } = await this.#queue.run(body, retriesMax);
        // Outside the queue: the next transaction need not wait for the disk.
        if (waitFor === 'durable') await commit.durable(options);
        else if (waitFor === 'written') await commit.written(options);
        return result;
      })(),
    );
  }

  /**
   * The store as of now, while others go on: everything committed before the call is in it. Close it: it keeps the log
   * from being freed, and checkpoints from going on.
   *
   * @throws {WalError} ERR_WAL_TIMEOUT, ERR_WAL_EXHAUSTED (too many), ERR_WAL_CLOSED, ERR_WAL_POISONED
   */
  snapshot({ timeoutMs }: { timeoutMs?: number } = {}): Promise<Snapshot> {
    return this.#hold.during(this.#pinned('snapshot', timeoutMs));
  }

  /**
   * Copies the store as it is now to `path`, with a log directory beside it, so that it opens as a store, while writers
   * go on.
   *
   * @returns the last commit it has
   * @throws {WalError} ERR_WAL_EXISTS, ERR_WAL_STORAGE_FULL, ERR_WAL_IO, and as {@link snapshot}; nothing is at `path`
   *   then
   *
   * Durability: on return all of it is on disk, its name too. Blocks this thread for some milliseconds at a time.
   */
  async backup(path: string): Promise<number> {
    return this.#hold.during(
      (async () => {
        const snapshot = await this.#pinned('backup', undefined);
        try {
          const { control, logDirectory: log } = this.#parts;
          const durableEpoch = control.durableEpoch.load();
          await backupStore(path, { snapshot, log, durableEpoch, pageBytes: this.pageSize });
          return snapshot.seq;
        } finally {
          snapshot.close();
        }
      })(),
    );
  }

  /**
   * Brings the page file up to the log, and lets go of the log below.
   *
   * @param options - `mode`: default `passive`; `timeoutMs`: of `full` and `truncate`, default no bound
   * @throws {WalError} ERR_WAL_TIMEOUT naming what holds it back, ERR_WAL_STORAGE_FULL, ERR_WAL_IO: the log holds
   *   everything, try again
   */
  async checkpoint({
    mode = 'passive',
    timeoutMs,
  }: {
    mode?: CheckpointMode;
    timeoutMs?: number;
  } = {}): Promise<CheckpointReport> {
    const modes: readonly CheckpointMode[] = ['passive', 'full', 'truncate'];
    if (!modes.includes(mode)) throw invalidArgument(`mode must be one of ${modes.join(', ')}.`, { mode });
    return (await this.#hold.during(this.#ask({ kind: 'checkpoint', mode, timeoutMs }))) as CheckpointReport;
  }

  /** Leaves the store: rolls back what is open on this thread, closes its snapshots. Others go on. */
  async close(): Promise<void> {
    await this.leave();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal Whatever this thread holds is given back; nothing but the port is left to the reaper. */
  protected leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  async #leave(): Promise<void> {
    this.#isLeft = true;
    // The session may be another thread's as soon as the port is closed.
    await this.#queue.end();
    for (const snapshot of [...this.#snapshots]) snapshot.close();
    this.#port.close();
    this.#parts.pageFile.close();
    this.#parts.log.close();
    this.onLeft();
  }

  /** @internal */
  protected onFailed(error: WalError): void {
    this.emit('failed', error);
  }

  /** @internal */
  protected onLeft(): void {
    this.#parts.writer.disconnect();
  }

  async #pinned(kind: PinKind, timeoutMs: number | undefined): Promise<Snapshot> {
    this.#requireOpen();
    const { control, writer, words } = this.#parts;
    const seq = control.commitSeqNext.load() - 1;
    // In front of everything else: from here on no checkpoint goes beyond.
    const pin = control.pins.take(kind, seq, writer.writerId);
    const unpin = (): void => {
      control.pins.release(pin);
      words.poke();
    };
    try {
      const waited = this.#ask({ kind: 'index', seq }) as Promise<SizesAt>;
      const { sizePages } = await withTimeout(waited, timeoutMs, () => {
        const message = `Commit ${seq} was not indexed within ${timeoutMs} ms, so there is no snapshot of it.`;
        return new WalError('ERR_WAL_TIMEOUT', message, { seq, timeoutMs });
      });
      const snapshot: Snapshot = new Snapshot(seq, sizePages, {
        pageBytes: this.pageSize,
        readAsOf: (pageNumber, asOf, target) => this.#thread.readAsOf(pageNumber, asOf, target),
        unpin: () => {
          this.#snapshots.delete(snapshot);
          unpin();
        },
      });
      this.#snapshots.add(snapshot);
      this.#thread.counts.add(kind === 'backup' ? 'backups' : 'snapshots');
      return snapshot;
    } catch (error) {
      unpin();
      throw error;
    }
  }

  #ask(request: CheckpointerRequest): Promise<unknown> {
    this.#requireOpen();
    return this.#sender.send(request);
  }

  #requireOpen(): void {
    const { control, words } = this.#parts;
    // First: a store that failed says so, also to a thread that it made leave.
    if (control.state === STATE.failed) throw control.failure();
    words.requireOpen();
    if (this.#isLeft) throw new WalError('ERR_WAL_CLOSED', 'This thread has left the page store; connect again.');
  }

  /** The checkpointer has ended, or this thread has left. */
  #onPortClosed(): void {
    const { words, index } = this.#parts;
    if (!this.#isLeft && words.state !== STORE_STATE.closed) {
      words.setState(STORE_STATE.failed);
      // Threads that block on the index find out why it does not move.
      index.indexedTurn.announce();
      this.onFailed(checkpointerEnded());
    }
    const closed = new WalError('ERR_WAL_CLOSED', 'The page store is closed.');
    this.#sender.rejectAll(words.state === STORE_STATE.failed ? checkpointerEnded() : closed);
  }
}
