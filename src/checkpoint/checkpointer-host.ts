// The owner's side of a checkpointer: starts it, on a thread or inline, asks, hears of its end.

import { toWalError, WalError } from '../base/errors.js';
import { RequestSender } from '../thread/request-port.js';
import { MessageChannel, type MessagePort, threadId } from '../thread/thread-connect.js';
import type { WorkerUrls } from '../thread/worker-files.js';
import { startWorker } from '../thread/worker-host.js';
import { VersionIndex } from '../versions/version-index.js';
import type {
  CheckpointerNotice,
  CheckpointerRequest,
  CheckpointerStart,
  CheckpointReport,
  SizesAt,
} from './messages.js';
import { type CheckpointerPlace, runCheckpointerOn } from './run-checkpointer.js';
import { checkpointerEnded, STORE_STATE, StoreWords } from './store-words.js';

/** What the owner hears, and that the checkpointer is gone although nobody told it to end. */
export interface CheckpointerEvents {
  notice(notice: CheckpointerNotice): void;
  died(error: WalError): void;
}

/** A running checkpointer, as its owner sees it. */
export class CheckpointerHost {
  /** The thread that sessions connect to. */
  readonly threadId: number;
  readonly #sender: RequestSender;
  readonly #port: MessagePort;
  readonly #terminate: () => Promise<void>;
  readonly #ended: Promise<void>;
  /** Why nothing is answered any more. */
  #lost: WalError | undefined;

  private constructor(
    start: CheckpointerStart,
    port: MessagePort,
    events: CheckpointerEvents,
    running: { threadId: number; ended: Promise<WalError | undefined>; terminate(): Promise<void> },
  ) {
    this.#port = port;
    this.threadId = running.threadId;
    this.#terminate = running.terminate;
    this.#sender = new RequestSender(port, (notice) => events.notice(notice as CheckpointerNotice));
    port.unref();
    this.#ended = running.ended.then((cause) => {
      port.close();
      const words = new StoreWords(start.words);
      // Told to end, it was closed before.
      if (words.state !== STORE_STATE.closed) {
        words.setState(STORE_STATE.failed);
        new VersionIndex(start.index).indexedTurn.announce();
        setImmediate(() => events.died(checkpointerEnded(cause)));
      }
      const closed = new WalError('ERR_WAL_CLOSED', 'The page store is closed.');
      this.#lost = words.state === STORE_STATE.failed ? checkpointerEnded(cause) : closed;
      this.#sender.rejectAll(this.#lost);
    });
  }

  /** Starts a checkpointer on a thread of its own. */
  static async start(
    start: CheckpointerStart,
    urls: WorkerUrls,
    events: CheckpointerEvents,
  ): Promise<CheckpointerHost> {
    const { port1, port2 } = new MessageChannel();
    const worker = await startWorker('checkpointer', start, port2, urls);
    return new CheckpointerHost(start, port1, events, worker);
  }

  /** Runs a checkpointer on this thread, over directories that need not be of the file system. */
  static inline(start: CheckpointerStart, place: CheckpointerPlace, events: CheckpointerEvents): CheckpointerHost {
    const { port1, port2 } = new MessageChannel();
    const run = runCheckpointerOn(start, port2, place);
    const ended = run.then(
      () => undefined,
      (thrown: unknown) => toWalError(thrown, 'run the checkpointer'),
    );
    const host = new CheckpointerHost(start, port1, events, { threadId, ended, terminate: () => Promise.resolve() });
    // Behind the listener, which holds the event loop: an idle store does not.
    setImmediate(() => port2.unref());
    return host;
  }

  /** Resolves when everything through `seq` is indexed. */
  async index(seq: number): Promise<SizesAt> {
    return (await this.ask({ kind: 'index', seq })) as SizesAt;
  }

  /** Takes a last checkpoint; behind it, well or not, the page file is written no more. */
  async close(): Promise<CheckpointReport> {
    return (await this.ask({ kind: 'close' })) as CheckpointReport;
  }

  ask(request: CheckpointerRequest): Promise<unknown> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    return this.#sender.send(request);
  }

  /** Ends it; resolves when it writes nothing any more. */
  async end(): Promise<void> {
    this.#port.postMessage({ request: 0, body: { kind: 'end' } });
    // It may be in the middle of a long checkpoint of a log that has failed.
    await Promise.race([this.#ended, new Promise((resolve) => setTimeout(resolve, END_MS).unref())]);
    await this.#terminate();
    await this.#ended;
  }
}

/** How long it is given to end by itself. */
const END_MS = 200;
