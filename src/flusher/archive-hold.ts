// The archive's part in letting log files go: in mode `copy` a file is held back until its copy is in the archive, in
// mode `rename` the archive takes the file itself instead of having it recycled (design/archive.md). Only the flusher's
// thread uses it; copies are made on another.

import { type ArchiveMode, type ArchivePlace, archiveLogFile } from '../archive/archive-file.js';
import { ArchiveQueue } from '../archive/archive-queue.js';
import { type ArchiveSettings, nodeArchivePlace } from '../archive/archiver.js';
import { type Archiver, ArchiverHost, inlineArchiver } from '../archive/archiver-host.js';
import { monotonicMs } from '../base/clock.js';
import { toWalError, type WalError } from '../base/errors.js';
import type { OlderFile } from '../log/log-writer.js';
import { NodeDirectory } from '../storage/node-directory.js';
import type { FlusherStart } from './messages.js';
import type { ReleaseHold } from './retention.js';

/** Who archives for one log, and how. */
export interface ArchiveService {
  readonly mode: ArchiveMode;
  readonly place: ArchivePlace;
  readonly archiver: Archiver;
}

/** What an archive tells the flusher. */
export interface ArchiveHoldEvents {
  /** A file need not be held back any longer. */
  archived(): void;
  /** It is in the archive: copied before that, or moved there. */
  kept(file: Pick<OlderFile, 'fileNumber' | 'endSeq'>, tookMs: number): void;
  failing(error: WalError): void;
  resumed(): void;
}

/** What a flusher is started with about its archive. Plain data. */
export interface ArchiveStart {
  readonly path: string;
  readonly settings: ArchiveSettings;
}

/** The archive of a log in the file system, on a thread of its own. */
export function threadedArchive({ directoryPath, archive, workerUrls }: FlusherStart): ArchiveService | undefined {
  if (archive === undefined) return undefined;
  const { path, settings } = archive;
  const start = { logPath: directoryPath, archivePath: path, settings };
  const place = nodeArchivePlace(new NodeDirectory(directoryPath), new NodeDirectory(path));
  return { mode: settings.mode, place, archiver: new ArchiverHost(start, workerUrls) };
}

/** The archive of a log that runs inline. */
export function inlineArchive(place: ArchivePlace, settings: ArchiveSettings): ArchiveService {
  return { mode: settings.mode, place, archiver: inlineArchiver(place, settings) };
}

/** Holds log files back for their archive. */
export class ArchiveHold implements ReleaseHold {
  readonly name = 'archive';
  readonly #service: ArchiveService;
  readonly #events: ArchiveHoldEvents;
  readonly #keepAboveSeq: () => number;
  readonly #queue: ArchiveQueue;
  #queuedThrough = 0;
  /** The file that could not be moved when it was last tried. */
  #stuckNumber: number | undefined;
  #isFailing = false;
  #prunedThrough = 0;

  /** @param keepAboveSeq - everything above it stays in the archive */
  constructor(service: ArchiveService, keepAboveSeq: () => number, events: ArchiveHoldEvents) {
    this.#service = service;
    this.#events = events;
    this.#keepAboveSeq = keepAboveSeq;
    this.#queue = new ArchiveQueue(service.archiver, keepAboveSeq, {
      archived: (file, tookMs) => {
        events.kept(file, tookMs);
        events.archived();
      },
      failing: (error) => this.#fail(error),
      resumed: () => this.#resume(),
    });
  }

  /** The log's closed files, oldest first: those it does not know yet are on their way from now on. */
  look(files: readonly OlderFile[]): void {
    this.#stuckNumber = undefined;
    if (this.#service.mode === 'rename') return;
    const news = files.filter(({ fileNumber }) => fileNumber > this.#queuedThrough);
    this.#queuedThrough = Math.max(this.#queuedThrough, news.at(-1)?.fileNumber ?? 0);
    this.#queue.add(...news);
    // What was copied before the checkpoint could not be pruned then.
    if (this.#keepAboveSeq() > this.#prunedThrough) this.#prune();
  }

  holds({ fileNumber }: OlderFile): boolean {
    return this.#service.mode === 'copy' ? this.#queue.holds(fileNumber) : fileNumber === this.#stuckNumber;
  }

  take(file: OlderFile): 'recycle' | 'taken' | 'stay' {
    if (this.#service.mode === 'copy') return 'recycle';
    const startMs = monotonicMs();
    try {
      archiveLogFile(this.#service.place, file, 'rename');
    } catch (thrown) {
      this.#stuckNumber = file.fileNumber;
      this.#fail(toWalError(thrown, `move ${file.name} into the archive`));
      return 'stay';
    }
    this.#events.kept(file, monotonicMs() - startMs);
    this.#resume();
    this.#prune();
    return 'taken';
  }

  #prune(): void {
    this.#prunedThrough = this.#keepAboveSeq();
    this.#service.archiver.prune(this.#prunedThrough).then(
      () => this.#resume(),
      (error) => this.#fail(error),
    );
  }

  /** Whatever fails is tried again and again, and told of once. */
  #fail(error: WalError): void {
    if (!this.#isFailing) this.#events.failing(error);
    this.#isFailing = true;
  }

  #resume(): void {
    if (!this.#isFailing || this.#queue.failure !== undefined || this.#stuckNumber !== undefined) return;
    this.#isFailing = false;
    this.#events.resumed();
  }

  /** Finishes the copy under way. What is not in the archive yet gets there after the next opening. */
  end(): Promise<void> {
    return this.#queue.end();
  }
}
