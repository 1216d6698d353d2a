// Who makes spare files for a flusher: a thread of its own in production, nobody where the directory is memory. The
// thread is started by the flusher's own, with the first order, so opening a log does not wait for it.

import { makeSpare, type SpareOrder } from '../log/preallocate.js';
import { NodeDirectory } from '../storage/node-directory.js';
import { answerRequests, RequestSender, takeArrived } from '../thread/request-port.js';
import { MessageChannel, type MessagePort } from '../thread/thread-connect.js';
import type { WorkerUrls } from '../thread/worker-files.js';
import { type RunningWorker, startWorker } from '../thread/worker-host.js';

/** Makes spare files. */
export interface Preallocator {
  /** Resolves to whether the spare was made; never rejects. */
  make(order: SpareOrder): Promise<boolean>;
  /** Gives up the one being made and ends; resolves when nothing writes any more. */
  end(): Promise<void>;
}

/** For directories without a thread: no spares, so rotations make their files themselves. */
export const NO_PREALLOCATOR: Preallocator = {
  make: () => Promise.resolve(false),
  end: () => Promise.resolve(),
};

/** Makes spare files on a thread of its own. */
export class PreallocatorHost implements Preallocator {
  readonly #directoryPath: string;
  readonly #urls: WorkerUrls;
  #running: Promise<{ worker: RunningWorker; sender: RequestSender; port: MessagePort }> | undefined;
  #making: Promise<boolean> = Promise.resolve(false);
  #isEnding = false;

  constructor(directoryPath: string, urls: WorkerUrls) {
    this.#directoryPath = directoryPath;
    this.#urls = urls;
  }

  make(order: SpareOrder): Promise<boolean> {
    if (this.#isEnding) return Promise.resolve(false);
    // Whatever goes wrong here, a full disk above all, only costs speed: rotations make their files themselves.
    this.#making = this.#ask(order).catch(() => false);
    return this.#making;
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    if (this.#running === undefined) return;
    const running = await this.#running.catch(() => undefined);
    running?.port.postMessage({ request: 0, body: 'cancel' });
    await this.#making;
    running?.port.close();
    await running?.worker.terminate();
  }

  async #ask(order: SpareOrder): Promise<boolean> {
    this.#running ??= this.#startThread();
    const { sender, worker } = await this.#running;
    const ended = worker.ended.then(() => false);
    return (await Promise.race([sender.send(order), ended])) === true;
  }

  async #startThread() {
    const { port1, port2 } = new MessageChannel();
    const worker = await startWorker('preallocator', this.#directoryPath, port2, this.#urls);
    const sender = new RequestSender(port1, () => undefined);
    port1.unref();
    return { worker, sender, port: port1 };
  }
}

/** The body of the preallocator's thread. Whatever arrives while a spare is being made cancels it. */
export function runPreallocator(directoryPath: string, port: MessagePort): void {
  const directory = new NodeDirectory(directoryPath);
  answerRequests(port, (order) => {
    if (order === 'cancel') return false;
    let isCancelled = false;
    return makeSpare(directory, order as SpareOrder, () => {
      takeArrived(port, () => {
        isCancelled = true;
      });
      return isCancelled;
    });
  });
}
