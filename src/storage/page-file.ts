// One page file: whole pages by number over a LogFile, so that short reads and writes, links and full disks are met
// once, in the directory (faults.md F12, F14, F30). Not here: caching, and which page is newest.
// Kept: only whole pages are read and written. A torn write can leave part of a page at the end (A3); whether that is
// one is for the caller to say, who knows what the log holds (recovery/torn-end.ts).

import { basename, dirname, resolve } from 'node:path';
import { assert } from '../base/assert.js';
import { WalError } from '../base/errors.js';
import type { Directory, LogFile, OpenMode } from './directory.js';
import { NodeDirectory } from './node-directory.js';

/** A shorter write is done before it could be handed to another thread. */
const OVERLAP_BYTES_MIN = 2 ** 17;

/**
 * An open page file. Pages are numbered from 1, as in SQLite.
 *
 * Threading: belongs to the thread that opened it.
 */
export class PageFile {
  readonly path: string;
  readonly pageBytes: number;
  readonly #directory: Directory;
  readonly #file: LogFile;
  #isNameSynced: boolean;

  private constructor(directory: Directory, file: LogFile, pageBytes: number, isNameSynced: boolean) {
    this.path = `${directory.path}/${file.name}`;
    this.pageBytes = pageBytes;
    this.#directory = directory;
    this.#file = file;
    this.#isNameSynced = isNameSynced;
  }

  /**
   * Opens the page file at `path`.
   *
   * @param mode - `create` refuses an existing file, `write` and `read` a missing one
   * @throws {WalError} ERR_WAL_NOT_FOUND, ERR_WAL_EXISTS, ERR_WAL_IO
   */
  static open(path: string, pageBytes: number, mode: OpenMode): PageFile {
    const whole = resolve(path);
    return PageFile.openIn(new NodeDirectory(dirname(whole)), basename(whole), pageBytes, mode);
  }

  /** Like {@link PageFile.open}, in any directory. */
  static openIn(directory: Directory, name: string, pageBytes: number, mode: OpenMode): PageFile {
    assert(Number.isSafeInteger(pageBytes) && pageBytes > 0, 'a page has a whole number of bytes');
    const file = directory.open(name, mode);
    return new PageFile(directory, file, pageBytes, mode !== 'create');
  }

  /** Whole pages in the file now. */
  sizePages(): number {
    return Math.floor(this.#file.size() / this.pageBytes);
  }

  /** Number of the page of which only the first part is there, at the end of the file; undefined when all are whole. */
  partialPage(): number | undefined {
    return this.#file.size() % this.pageBytes === 0 ? undefined : this.sizePages() + 1;
  }

  /** @throws {WalError} ERR_WAL_WRONG_STORE when the file is no whole number of pages */
  requireWholePages(): void {
    if (this.partialPage() === undefined) return;
    const details = { path: this.path, bytes: this.#file.size(), pageBytes: this.pageBytes };
    const message = `${this.path} has ${details.bytes} bytes, which are no whole pages of ${this.pageBytes}.`;
    throw new WalError('ERR_WAL_WRONG_STORE', message, details);
  }

  /**
   * Reads page `pageNumber` into `target`.
   *
   * @returns false when the page lies beyond the end of the file; `target` is then unchanged or undefined
   */
  readPage(pageNumber: number, target: Uint8Array): boolean {
    assert(target.length === this.pageBytes, 'a page is read whole');
    return this.#file.read(target, this.#offset(pageNumber)) === this.pageBytes;
  }

  /** Writes one page; a page beyond the end makes the file longer, with zeros between. */
  writePage(pageNumber: number, image: Uint8Array): void {
    assert(image.length === this.pageBytes, 'a page is written whole');
    this.#file.write([image], this.#offset(pageNumber));
  }

  /** Writes pages `firstPage`, `firstPage + 1`, ... with one call; each piece is one or more whole pages. */
  writePages(firstPage: number, pieces: readonly Uint8Array[]): void {
    this.#bytesOf(pieces);
    this.#file.write(pieces, this.#offset(firstPage));
  }

  /**
   * As {@link writePages}, but a long run is written while the thread goes on; see {@link LogFile.startWrite}.
   *
   * @returns undefined when it is written already
   */
  startWritePages(firstPage: number, pieces: readonly Uint8Array[]): Promise<void> | undefined {
    if (this.#bytesOf(pieces) >= OVERLAP_BYTES_MIN) return this.#file.startWrite(pieces, this.#offset(firstPage));
    this.#file.write(pieces, this.#offset(firstPage));
    return undefined;
  }

  /** Cuts the file if it is longer, if only by part of a page. */
  cutToPages(pages: number): void {
    if (this.#file.size() > pages * this.pageBytes) this.setSizePages(pages);
  }

  /** Cuts or extends the file; pages gained are zero, also those that were cut off before. */
  setSizePages(pages: number): void {
    this.#file.truncate(pages * this.pageBytes);
  }

  /**
   * Makes everything written durable, the name of a created file too.
   *
   * @throws {WalError} ERR_WAL_IO; after a throw the contents are unknown (A5)
   */
  sync(): void {
    this.#file.sync();
    if (this.#isNameSynced) return;
    this.#directory.sync();
    this.#isNameSynced = true;
  }

  /**
   * Makes what was written so far durable while the thread goes on; the name of a created file only `sync` does.
   *
   * @throws {WalError} ERR_WAL_IO; after a throw the contents are unknown (A5)
   */
  startSync(): Promise<void> {
    return this.#file.startSync();
  }

  /** Closes; twice is harmless. Does not sync. */
  close(): void {
    this.#file.close();
  }

  #bytesOf(pieces: readonly Uint8Array[]): number {
    let bytes = 0;
    for (const { length } of pieces) {
      assert(length % this.pageBytes === 0, 'pages are written whole');
      bytes += length;
    }
    return bytes;
  }

  #offset(pageNumber: number): number {
    assert(Number.isSafeInteger(pageNumber) && pageNumber > 0, 'page numbers are whole and start at 1');
    return (pageNumber - 1) * this.pageBytes;
  }
}
