// Who archives for a flusher: a thread of its own in production, so that neither appenders nor the flusher wait for
// the archive's disk; this thread where the log runs inline.

import { WalError, type WireError } from '../base/errors.js';
import { RequestSender } from '../thread/request-port.js';
import { MessageChannel, type MessagePort } from '../thread/thread-connect.js';
import type { WorkerUrls } from '../thread/worker-files.js';
import { type RunningWorker, startWorker } from '../thread/worker-host.js';
import type { ArchivePlace } from './archive-file.js';
import { type ArchiveOrder, type ArchiveSettings, archiveAndPrune } from './archiver.js';
import type { ArchiverStart } from './run-archiver.js';

/** Archives one file at a time. */
export interface Archiver {
  /**
   * Resolves when the file is in the archive, with why it could not be pruned, if so.
   *
   * @throws {WalError} the file is not in the archive
   */
  archive(order: ArchiveOrder): Promise<WalError | undefined>;
  /** Keeps the archive within its bounds. @throws {WalError} ERR_WAL_CORRUPT, ERR_WAL_VERSION, ERR_WAL_IO */
  prune(keepAboveSeq: number): Promise<void>;
  /** Finishes the file under way and ends; resolves when nothing writes any more. */
  end(): Promise<void>;
}

/** Archives on the calling thread, over any directories. */
export function inlineArchiver(place: ArchivePlace, settings: ArchiveSettings): Archiver {
  return {
    archive: async (order) => archiveAndPrune(place, settings, order),
    prune: async (keepAboveSeq) => raise(archiveAndPrune(place, settings, { keepAboveSeq })),
    end: () => Promise.resolve(),
  };
}

function raise(problem: WalError | undefined): void {
  if (problem !== undefined) throw problem;
}

interface Running {
  readonly worker: RunningWorker;
  readonly sender: RequestSender;
  readonly port: MessagePort;
}

/** Archives on a thread of its own, which the first order starts, and the next one after its death. */
export class ArchiverHost implements Archiver {
  readonly #start: ArchiverStart;
  readonly #urls: WorkerUrls;
  #running: Promise<Running> | undefined;
  #archiving: Promise<unknown> = Promise.resolve();

  constructor(start: ArchiverStart, urls: WorkerUrls) {
    this.#start = start;
    this.#urls = urls;
  }

  archive(order: ArchiveOrder): Promise<WalError | undefined> {
    const archiving = this.#ask(order);
    this.#archiving = archiving.catch(() => undefined);
    return archiving;
  }

  async prune(keepAboveSeq: number): Promise<void> {
    raise(await this.archive({ keepAboveSeq }));
  }

  async end(): Promise<void> {
    await this.#archiving;
    const running = await this.#running?.catch(() => undefined);
    running?.port.close();
    await running?.worker.terminate();
  }

  async #ask(order: ArchiveOrder): Promise<WalError | undefined> {
    this.#running ??= this.#startThread();
    const starting = this.#running;
    try {
      const { sender, worker } = await starting;
      const died = worker.ended.then((cause) => {
        throw new WalError('ERR_WAL_IO', 'The archiver thread ended.', {}, cause);
      });
      const problem = (await Promise.race([sender.send(order), died])) as WireError | undefined;
      return problem === undefined ? undefined : WalError.fromWire(problem);
    } catch (error) {
      // A thread that is gone answers nothing; whatever else was wrong, a new one does no harm.
      await this.#discard(starting);
      throw error;
    }
  }

  async #discard(starting: Promise<Running>): Promise<void> {
    if (this.#running === starting) this.#running = undefined;
    const running = await starting.catch(() => undefined);
    running?.port.close();
    await running?.worker.terminate();
  }

  async #startThread(): Promise<Running> {
    const { port1, port2 } = new MessageChannel();
    const worker = await startWorker('archiver', this.#start, port2, this.#urls);
    const sender = new RequestSender(port1, () => undefined);
    port1.unref();
    return { worker, sender, port: port1 };
  }
}
