// What of the log is in the archive yet, and what is to follow: one file at a time, oldest first. The flusher lets no
// file go that is not in it; a failing archive holds files back, is told once, and tried again.

import { monotonicMs } from '../base/clock.js';
import { toWalError, type WalError } from '../base/errors.js';
import type { ClosedLogFile } from './archive-file.js';
import type { Archiver } from './archiver-host.js';

/** A closed log file, as the queue knows it. */
export interface QueuedFile extends ClosedLogFile {
  readonly fileNumber: number;
}

/** What a queue tells. */
export interface ArchiveEvents {
  /** The file is in the archive: it may be let go, as far as the archive is concerned. */
  archived(file: QueuedFile, tookMs: number): void;
  /** Files are held back from now on, or (`isHeld` false) the archive could not be pruned; told once. */
  failing(error: WalError, isHeld: boolean): void;
  /** Archiving goes on after a failure. */
  resumed(): void;
}

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 10_000;

/** The closed files of one open log on their way into the archive. */
export class ArchiveQueue {
  readonly #archiver: Archiver;
  readonly #events: ArchiveEvents;
  readonly #keepAboveSeq: () => number;
  readonly #retryMs: { readonly min: number; readonly max: number };
  #waiting: QueuedFile[] = [];
  #working: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #delayMs = 0;
  #failure: WalError | undefined;
  #isEnding = false;

  /**
   * @param keepAboveSeq - everything above it stays in the archive: the checkpoint, or the oldest pin below it
   * @param retryMs - the first and the longest pause after a failure
   */
  constructor(
    archiver: Archiver,
    keepAboveSeq: () => number,
    events: ArchiveEvents,
    retryMs = { min: RETRY_MS_MIN, max: RETRY_MS_MAX },
  ) {
    this.#archiver = archiver;
    this.#keepAboveSeq = keepAboveSeq;
    this.#events = events;
    this.#retryMs = retryMs;
  }

  /** Why the first file that is held back could not be archived; undefined while nothing fails. */
  get failure(): WalError | undefined {
    return this.#failure;
  }

  /** Whether the file is on its way, and not in the archive yet. */
  holds(fileNumber: number): boolean {
    return this.#waiting.some((file) => file.fileNumber === fileNumber);
  }

  /** Adds closed files, oldest first; they are archived in this order. */
  add(...files: readonly QueuedFile[]): void {
    this.#waiting.push(...files);
    this.#next();
  }

  /** Ends behind the file under way; what is left is archived after the next opening. */
  async end(): Promise<void> {
    this.#isEnding = true;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    await this.#working;
    await this.#archiver.end();
  }

  #next(): void {
    const [file] = this.#waiting;
    if (file === undefined || this.#isEnding || this.#working !== undefined || this.#retry !== undefined) return;
    this.#working = this.#archive(file).finally(() => {
      this.#working = undefined;
      this.#next();
    });
  }

  async #archive(file: QueuedFile): Promise<void> {
    const { name, endSeq } = file;
    const startMs = monotonicMs();
    let problem: WalError | undefined;
    try {
      problem = await this.#archiver.archive({ file: { name, endSeq }, keepAboveSeq: this.#keepAboveSeq() });
    } catch (thrown) {
      return this.#fail(toWalError(thrown, `archive ${name}`));
    }
    const tookMs = monotonicMs() - startMs;
    this.#waiting.shift();
    if (this.#failure !== undefined) {
      this.#failure = undefined;
      this.#delayMs = 0;
      this.#events.resumed();
    }
    if (problem !== undefined) this.#events.failing(problem, false);
    this.#events.archived(file, tookMs);
  }

  #fail(error: WalError): void {
    if (this.#failure === undefined) this.#events.failing(error, true);
    this.#failure = error;
    if (this.#isEnding) return;
    this.#delayMs = Math.min(Math.max(2 * this.#delayMs, this.#retryMs.min), this.#retryMs.max);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#next();
    }, this.#delayMs);
    // An idle log does not keep its thread, and an inline one not the process, for this.
    this.#retry.unref();
  }
}
