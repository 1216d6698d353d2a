// Asks a flusher from any thread, over a port of its own: a checkpointer goes on while the owner's thread blocks. Only
// connecting needs the main thread's event loop, once.

import { WalError } from '../base/errors.js';
import { Control, STATE } from '../epoch/control.js';
import type { StoreIdentity } from '../log/checkpoint-record.js';
import { EventLoopHold } from '../thread/keep-alive.js';
import { RequestSender } from '../thread/request-port.js';
import { type MessagePort, sendPort } from '../thread/thread-connect.js';
import type { FlushResult } from './flush-requests.js';
import { type FlusherNotice, type FlusherRequest, type LogFileInfo, requestsKey } from './messages.js';

/** Where the flusher of an open log is; part of the log's handle. */
export interface FlusherAddress {
  readonly key: string;
  readonly flusherThreadId: number;
  readonly control: SharedArrayBuffer;
}

/** A thread's line to the flusher of an open log. Made by {@link connectFlusher}. */
export class FlusherClient {
  readonly #control: Control;
  readonly #port: MessagePort;
  readonly #sender: RequestSender;
  readonly #hold = new EventLoopHold();

  /** @internal */
  constructor(control: Control, port: MessagePort, onNotice: (notice: FlusherNotice) => void) {
    this.#control = control;
    this.#port = port;
    this.#sender = new RequestSender(port, (notice) => onNotice(notice as FlusherNotice));
    port.on('close', () => this.#sender.rejectAll(this.#goneError()));
    // Behind the listeners, each of which holds the event loop.
    port.unref();
  }

  /** As `wal.flush()`. */
  flush(): Promise<FlushResult> {
    return this.#ask({ kind: 'flush' }) as Promise<FlushResult>;
  }

  /**
   * As `wal.checkpoint()`.
   *
   * @param store - the page file as of the checkpoint, by which a foreign one is noticed when it is opened
   */
  async checkpoint(throughSeq: number, store?: StoreIdentity): Promise<void> {
    await this.#ask({ kind: 'checkpoint', throughSeq, store });
  }

  /** Goes on in a new log file, if the current one holds anything; frees what it held if that is checkpointed. */
  async rotate(): Promise<void> {
    await this.#ask({ kind: 'rotate' });
  }

  /** As `wal.files()`. */
  files(): Promise<LogFileInfo[]> {
    return this.#ask({ kind: 'files' }) as Promise<LogFileInfo[]>;
  }

  /** Hangs up. */
  close(): void {
    this.#port.close();
  }

  #ask(request: FlusherRequest): Promise<unknown> {
    if (this.#control.hasEnded()) return Promise.reject(this.#goneError());
    return this.#hold.during(this.#sender.send(request));
  }

  #goneError(): WalError {
    if (this.#control.state === STATE.failed) return this.#control.failure();
    return new WalError('ERR_WAL_CLOSED', 'The log is closed, or this thread has hung up.');
  }
}

/**
 * Connects this thread to the flusher of an open log.
 *
 * @param onNotice - told what the flusher tells its owner, too: that it wants a checkpoint, stalled, resumed, failed
 * @throws {WalError} ERR_WAL_CLOSED, ERR_WAL_POISONED
 */
export async function connectFlusher(
  { key, flusherThreadId, control: buffer }: FlusherAddress,
  onNotice: (notice: FlusherNotice) => void,
): Promise<FlusherClient> {
  const control = new Control(buffer);
  if (control.state === STATE.failed) throw control.failure();
  if (control.hasEnded()) throw new WalError('ERR_WAL_CLOSED', 'The log is closed.');
  const port = await sendPort(flusherThreadId, requestsKey(key));
  return new FlusherClient(control, port, onNotice);
}
