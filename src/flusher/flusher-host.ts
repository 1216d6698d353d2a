// The owner's side of a flusher: starts it, on a thread or inline, asks, hears of its death. Used by wal.ts.

import { WalError } from '../base/errors.js';
import { Control, STATE } from '../epoch/control.js';
import type { Mode } from '../settings.js';
import type { Directory } from '../storage/directory.js';
import { RequestSender } from '../thread/request-port.js';
import { MessageChannel, type MessagePort, threadId } from '../thread/thread-connect.js';
import { type RunningWorker, startWorker } from '../thread/worker-host.js';
import type { ArchiveService } from './archive-hold.js';
import type { FlushResult } from './flush-requests.js';
import { FlusherThread } from './flusher-thread.js';
import type { FlusherNotice, FlusherRequest, FlusherStart, LogFileInfo } from './messages.js';
import { NO_PREALLOCATOR } from './preallocator.js';

/** Whether a log stays open because nothing made room for what it still has to write. */
export function isRefusedClose(error: unknown): boolean {
  return error instanceof WalError && error.code === 'ERR_WAL_LOG_FULL';
}

/** A running flusher, as its owner sees it. */
export class FlusherHost {
  /** The thread that writers connect to. */
  readonly threadId: number;
  readonly #control: Control;
  readonly #sender: RequestSender;
  readonly #port: MessagePort;
  readonly #ended: Promise<unknown>;
  #isFailureTold = false;

  /** Called in front of each request. */
  #first: () => void = () => undefined;

  private constructor(
    control: Control,
    port: MessagePort,
    onNotice: (notice: FlusherNotice) => void,
    flusher: { threadId: number; ended: Promise<WalError | undefined> },
  ) {
    this.#control = control;
    this.#port = port;
    this.threadId = flusher.threadId;
    this.#sender = new RequestSender(port, (notice) => {
      this.#isFailureTold ||= (notice as FlusherNotice).kind === 'failed';
      onNotice(notice as FlusherNotice);
    });
    port.unref();
    // Everything that was answered is delivered before the port's `close`.
    const closed = new Promise<void>((resolve) => port.once('close', () => resolve()));
    this.#ended = flusher.ended.then((cause) => closed.then(() => this.#onEnd(cause, onNotice)));
  }

  /** Starts a flusher on a thread of its own. */
  static async start(start: FlusherStart, onNotice: (notice: FlusherNotice) => void): Promise<FlusherHost> {
    const { port1, port2 } = new MessageChannel();
    const worker: RunningWorker = await startWorker('flusher', start, port2, start.workerUrls);
    const host = new FlusherHost(new Control(start.control), port1, onNotice, worker);
    // The first answer says that the thread listens: writers can connect from here on.
    try {
      await host.files();
      return host;
    } catch (error) {
      // Why the thread ended says more than that it did: no descriptors left, a file that is not there.
      throw (await worker.ended) ?? error;
    }
  }

  /** Runs a flusher on this thread, over a directory that need not be one of the file system. */
  static inline(
    start: FlusherStart,
    directory: Directory,
    archive: ArchiveService | undefined,
    onNotice: (notice: FlusherNotice) => void,
  ): FlusherHost {
    const { port1, port2 } = new MessageChannel();
    const run = new FlusherThread(start, port2, directory, NO_PREALLOCATOR, archive).run();
    // Behind the listeners, each of which holds the event loop: an idle log does not.
    port2.unref();
    const ended = run.then(() => undefined);
    return new FlusherHost(new Control(start.control), port1, onNotice, { threadId, ended });
  }

  async flush(): Promise<FlushResult> {
    return (await this.#ask({ kind: 'flush' })) as FlushResult;
  }

  async files(): Promise<LogFileInfo[]> {
    return (await this.#ask({ kind: 'files' })) as LogFileInfo[];
  }

  async rotate(): Promise<void> {
    await this.#ask({ kind: 'rotate' });
  }

  async checkpoint(throughSeq: number): Promise<void> {
    await this.#ask({ kind: 'checkpoint', throughSeq });
  }

  /** Whether files are asked about before they go. A log that has ended lets nothing go. */
  observe(isObserving: boolean): void {
    this.#ask({ kind: 'observe', isObserving }).catch(() => undefined);
  }

  /** What the observers say about a file. */
  answer(fileNumber: number, mayGo: boolean): void {
    this.#ask({ kind: 'observed', fileNumber, mayGo }).catch(() => undefined);
  }

  async setTicking(isTicking: boolean): Promise<void> {
    await this.#ask({ kind: 'ticker', isTicking });
  }

  /** Changes the mode; resolves when every later commit goes the new way. */
  async setMode(mode: Mode): Promise<void> {
    await this.#ask({ kind: 'mode', mode });
  }

  /** Takes the latch away; resolves as {@link setMode}. */
  async resumeAuto(): Promise<void> {
    await this.#ask({ kind: 'resumeAuto' });
  }

  /**
   * Drains and ends the flusher. Settles when it has ended, also when it could not drain: nobody writes any more.
   *
   * @throws {WalError} ERR_WAL_LOG_FULL: it was refused, and the log is open as before
   */
  async close(): Promise<void> {
    try {
      await this.#ask({ kind: 'close' });
    } catch (error) {
      if (!isRefusedClose(error)) await this.#ended;
      throw error;
    }
    await this.#ended;
  }

  /** Resolves when the flusher has ended, for whatever reason. */
  async ended(): Promise<void> {
    await this.#ended;
  }

  /** What this thread has staged comes before whatever it asks for. */
  enterFirst(enter: () => void): void {
    this.#first = enter;
  }

  #ask(request: FlusherRequest): Promise<unknown> {
    this.#first();
    const { state } = this.#control;
    if (state === STATE.failed) return Promise.reject(this.#control.failure());
    if (state === STATE.closed) return Promise.reject(new WalError('ERR_WAL_CLOSED', 'The log is closed.'));
    return this.#sender.send(request);
  }

  /** The flusher is gone. If it did not say why, the log has failed: nobody will write any more. */
  #onEnd(cause: WalError | undefined, onNotice: (notice: FlusherNotice) => void): void {
    const { state } = this.#control;
    this.#port.close();
    // A writer that saw its own port close may have stored the state before us, but tells nobody.
    if (state !== STATE.closed && !this.#isFailureTold) {
      const error = new WalError(
        'ERR_WAL_POISONED',
        'The flusher thread ended unexpectedly. Reopen the log.',
        {},
        cause,
      );
      this.#control.setFailure(error);
      this.#control.setState(STATE.failed);
      // Not from here: a listener that throws must not keep the others from being told.
      setImmediate(() => onNotice({ kind: 'failed', error: error.toWire() }));
    }
    this.#sender.rejectAll(
      state === STATE.closed ? new WalError('ERR_WAL_CLOSED', 'The log is closed.') : this.#control.failure(),
    );
  }
}
