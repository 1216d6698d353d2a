// Replay into page files, one per space, in windows: a window notes where the newest image of each page of a stretch of
// the log stands (page-window.ts), and when it is full the images are read again and written in page order. So a page
// file is brought forward from one commit to a later one without the states between. After a crash all of it is done
// again (R11).

import { WalError } from '../base/errors.js';
import { decodeFileHeader } from '../log/codec.js';
import { FILE_HEADER_BYTES } from '../log/layout.js';
import { PAGE_BYTES_MIN, RECORD_KIND } from '../record/layout.js';
import type { PlacedShape } from '../segment/commit-reader.js';
import type { Directory } from '../storage/directory.js';
import { openIfThere } from '../storage/open-if-there.js';
import type { PageFile } from '../storage/page-file.js';
import { LogReader } from '../versions/log-reader.js';
import { PageWriter, RUN_BYTES_MAX } from '../versions/page-writer.js';
import type { ListedFile } from './log-files.js';
import { WINDOW_SHARE } from './log-notes.js';
import { PageWindow, type WindowedSpace } from './page-window.js';
import type { PlacedCommit, ReplayTarget } from './replay.js';
import { bytesOf, type LogScan, RECOVERY_MEMORY_BYTES } from './scan.js';

/** What a write is at most of the memory of a recovery. Its two buffers are a quarter longer; the window has 11/16. */
const RUN_SHARE = 1 / 16;

/** So many log files are kept open: a batch of images comes from all over the stretch. */
const FILES_OPEN_MAX = 128;

/** How page files are written. */
export interface PageFilesOptions {
  /** Memory of the whole recovery: the windows get what the buffers to read and to write with leave; default 64 MiB. */
  readonly recoveryMemoryBytes?: number | undefined;
  /** Sync what was written while going on, so that the caller's sync at the end is a short one; default true. */
  readonly sync?: boolean;
  /** Pages of spaces without a page file are left out, not refused. */
  readonly ignoresOthers?: boolean;
  /** Bound of the bytes of the log that one window is of; default {@link stretchBytesOf} the memory. */
  readonly stretchBytesMax?: number | undefined;
  /** What verification noted of the whole log, and is to be written by `finish`: then nothing is replayed. */
  readonly window?: PageWindow | undefined;
}

/**
 * Of how much of the log a window may be: its images are read in the order of the pages, from what the system's cache
 * holds of the log. Half the memory that is available, but not less than that of the recovery.
 */
export function stretchBytesOf(recoveryMemoryBytes: number): number {
  return Math.max(recoveryMemoryBytes, process.availableMemory() / 2);
}

/**
 * Writes pages into page files. Whoever opened them syncs them once more, at the end, and closes them in any case.
 */
export class PageFilesTarget implements ReplayTarget {
  readonly #directory: Directory;
  readonly #files: readonly (PageFile | undefined)[];
  readonly #isSyncing: boolean;
  readonly #ignoresOthers: boolean;
  readonly #stretchBytesMax: number;
  readonly #syncBytes: number;
  readonly #pageBytes: number;
  readonly #listed: ReadonlyMap<number, ListedFile>;
  readonly #window: PageWindow;
  readonly #log: LogReader;
  readonly #writer: PageWriter;
  #stretchBytes = 0;
  #unsyncedBytes = 0;
  /** The last sync on the way; never rejects unhandled. */
  #sync: Promise<void> = Promise.resolve();

  /**
   * @param files - by space
   * @param scan - of the log: it says how large a page is, and nothing has to be larger than the log
   */
  constructor(
    directory: Directory,
    files: readonly (PageFile | undefined)[],
    { log }: LogScan,
    options: PageFilesOptions,
  ) {
    const { recoveryMemoryBytes = RECOVERY_MEMORY_BYTES, sync = true, ignoresOthers = false } = options;
    const { window, stretchBytesMax = stretchBytesOf(recoveryMemoryBytes) } = options;
    this.#directory = directory;
    this.#files = files;
    this.#isSyncing = sync;
    this.#ignoresOthers = ignoresOthers;
    this.#stretchBytesMax = stretchBytesMax;
    this.#syncBytes = recoveryMemoryBytes / 2;
    this.#pageBytes = log.pageBytes ?? PAGE_BYTES_MIN;
    this.#listed = new Map(log.files.map((file) => [file.fileNumber, file]));
    const logBytes = bytesOf(log);
    this.#window = window ?? new PageWindow(Math.min(WINDOW_SHARE * recoveryMemoryBytes, logBytes));
    this.#log = new LogReader(directory, { filesMax: FILES_OPEN_MAX });
    const runBytesMax = Math.min(RUN_BYTES_MAX, RUN_SHARE * recoveryMemoryBytes, logBytes);
    this.#writer = new PageWriter(this.#pageBytes, this.#log, runBytesMax);
  }

  /**
   * @throws {WalError} ERR_WAL_NOT_FOUND for a space without a page file; ERR_WAL_STORAGE_FULL, ERR_WAL_IO of this
   *   window or one before; ERR_WAL_CORRUPT when the log is not what it was
   */
  commit({ bytes, fileNumber, shapes }: PlacedCommit): void | Promise<void> {
    this.#stretchBytes += bytes;
    return this.#take(fileNumber, shapes());
  }

  async finish(): Promise<void> {
    await this.#write();
    await this.#sync;
    this.#log.close();
  }

  async abandon(): Promise<void> {
    await this.#sync.catch(() => undefined);
    this.#log.close();
  }

  #take(fileNumber: number, shapes: Iterator<PlacedShape, void, void>): void | Promise<void> {
    for (let next = shapes.next(); next.done !== true; next = shapes.next()) {
      this.#put(fileNumber, next.value);
      // Also in the middle of a commit, which may be larger than a window.
      if (this.#window.isFull) return this.#write().then(() => this.#take(fileNumber, shapes));
    }
    return this.#stretchBytes >= this.#stretchBytesMax ? this.#write() : undefined;
  }

  #put(fileNumber: number, { kind, space, number, bytesAt }: PlacedShape): void {
    if (kind === RECORD_KIND.operation) return;
    if (this.#files[space] === undefined) {
      if (this.#ignoresOthers) return;
      throw new WalError('ERR_WAL_NOT_FOUND', `The log has pages of space ${space}, which has no page file.`, {
        space,
      });
    }
    if (kind === RECORD_KIND.page) this.#window.put(space, number, fileNumber, bytesAt);
    else this.#window.resize(space, number);
  }

  /** R10: one window after the other, in the order of their commits. */
  async #write(): Promise<void> {
    const fileNumbers = new Set<number>();
    for (const part of this.#window.take()) {
      for (const fileNumber of part.versions.fileNumbers) fileNumbers.add(fileNumber);
      await this.#writeSpace(part);
    }
    this.#stretchBytes = 0;
    for (const fileNumber of fileNumbers) this.#requireIntact(this.#listed.get(fileNumber) as ListedFile);
  }

  #writeSpace({ space, ...target }: WindowedSpace): Promise<number> {
    const file = this.#files[space] as PageFile;
    return this.#writer.write(file, target, async (pages) => {
      this.#unsyncedBytes += pages * this.#pageBytes;
      if (!this.#isSyncing || this.#unsyncedBytes < this.#syncBytes) return;
      this.#unsyncedBytes = 0;
      // One at a time; a failure of the one before ends the recovery here.
      await this.#sync;
      this.#sync = file.startSync();
      this.#sync.catch(() => undefined);
    });
  }

  /**
   * Beside a writer a file may be used again behind the look at its records. Its header is written first then, so the
   * images that were read are its own if it still stands there.
   */
  #requireIntact({ name, header }: ListedFile): void {
    const file = openIfThere(this.#directory, name);
    const bytes = new Uint8Array(FILE_HEADER_BYTES);
    try {
      const now = decodeFileHeader(bytes.subarray(0, file?.read(bytes, 0) ?? 0));
      const { logId, incarnation, fileNumber } = header;
      if (
        !('refused' in now) &&
        now.logId === logId &&
        now.incarnation === incarnation &&
        now.fileNumber === fileNumber
      )
        return;
    } finally {
      file?.close();
    }
    const message = `${name} was used again while it was read. Free no log meanwhile, and start over.`;
    throw new WalError('ERR_WAL_CORRUPT', message, { file: name, offset: 0, reason: 'the file was used again' });
  }
}
