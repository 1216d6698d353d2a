// Replay into page files, one per space, in windows: while one is written, and what was written before it is synced,
// the next one is filled. A window holds the newest image of each page, so a page file is brought forward from one
// commit to a later one without the states between (page-window.ts). After a crash all of it is done again (R11).

import { WalError } from '../base/errors.js';
import type { DecodedRecord } from '../record/codec.js';
import { PAGE_BYTES_MIN } from '../record/layout.js';
import type { PageFile } from '../storage/page-file.js';
import { PageWindow } from './page-window.js';
import { BUFFER_SHARE, type ReplayCommit, type ReplayTarget } from './replay.js';
import { bytesOf, type LogScan, RECOVERY_MEMORY_BYTES } from './scan.js';

/** How page files are written. */
export interface PageFilesOptions {
  /** Memory of the whole recovery: the windows get what the buffer to read with leaves; default 64 MiB. */
  readonly recoveryMemoryBytes?: number | undefined;
  /** Sync what was written while going on, so that the caller's sync at the end is a short one; default true. */
  readonly sync?: boolean;
  /** Pages of spaces without a page file are left out, not refused. */
  readonly ignoresOthers?: boolean;
}

/**
 * Writes pages into page files. Whoever opened them syncs them once more, at the end, and closes them in any case.
 */
export class PageFilesTarget implements ReplayTarget {
  readonly #files: readonly (PageFile | undefined)[];
  readonly #isSyncing: boolean;
  readonly #ignoresOthers: boolean;
  #filling: PageWindow;
  #writing: PageWindow;
  /** The window that is written; never rejects unhandled. */
  #write: Promise<unknown> = Promise.resolve();
  /** Syncs of what was written before it. */
  #syncs: Promise<unknown> = Promise.resolve();

  /**
   * @param files - by space
   * @param scan - of the log: it says how large a page is, and no window is larger than the log
   */
  constructor(files: readonly (PageFile | undefined)[], { log }: LogScan, options: PageFilesOptions) {
    const { recoveryMemoryBytes = RECOVERY_MEMORY_BYTES, sync = true, ignoresOthers = false } = options;
    const bytes = Math.min(((1 - BUFFER_SHARE) / 2) * recoveryMemoryBytes, bytesOf(log));
    this.#files = files;
    this.#isSyncing = sync;
    this.#ignoresOthers = ignoresOthers;
    this.#filling = new PageWindow(log.pageBytes ?? PAGE_BYTES_MIN, bytes);
    this.#writing = new PageWindow(log.pageBytes ?? PAGE_BYTES_MIN, bytes);
  }

  /**
   * @throws {WalError} ERR_WAL_NOT_FOUND for a space without a page file; ERR_WAL_STORAGE_FULL, ERR_WAL_IO of this
   *   window or one before
   */
  commit({ records }: ReplayCommit): void | Promise<void> {
    return this.#take(records());
  }

  async finish(): Promise<void> {
    await this.#turnOver();
    await this.#write;
    await this.#syncs;
  }

  async abandon(): Promise<void> {
    await Promise.allSettled([this.#write, this.#syncs]);
  }

  #take(records: Iterator<DecodedRecord, void, void>): void | Promise<void> {
    for (let next = records.next(); next.done !== true; next = records.next()) {
      this.#put(next.value);
      // Also in the middle of a commit, which may be larger than a window.
      if (this.#filling.isFull) return this.#turnOver().then(() => this.#take(records));
    }
  }

  #put(record: DecodedRecord): void {
    if (record.kind === 'operation') return;
    const { space } = record;
    if (this.#files[space] === undefined) {
      if (this.#ignoresOthers) return;
      throw new WalError('ERR_WAL_NOT_FOUND', `The log has pages of space ${space}, which has no page file.`, {
        space,
      });
    }
    if (record.kind === 'page') this.#filling.put(space, record.pageNumber, record.image);
    else this.#filling.resize(space, record.pages);
  }

  /** Has the window that was filled written, and the one before it synced. */
  async #turnOver(): Promise<void> {
    // R10: windows are written one after the other, in the order of their commits.
    await this.#write;
    const written = this.#writing;
    if (this.#isSyncing) {
      await this.#syncs;
      this.#syncs = handled(this.#syncAll([...written.spaces]));
    }
    written.clear();
    this.#writing = this.#filling;
    this.#filling = written;
    this.#write = handled(this.#writeAll(this.#writing));
  }

  async #writeAll(window: PageWindow): Promise<void> {
    for (const space of window.spaces) await window.write(space, this.#files[space] as PageFile);
  }

  async #syncAll(spaces: readonly number[]): Promise<void> {
    const syncs = spaces.map((space) => (this.#files[space] as PageFile).startSync());
    await Promise.allSettled(syncs);
    await Promise.all(syncs);
  }
}

/** What is waited for later: until then a failure must not count as unhandled. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
