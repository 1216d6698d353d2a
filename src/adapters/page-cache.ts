// Attaches the log to a page cache that the user already has: transactions go through the log, reads through the cache,
// and a page reaches the page file only behind its log ("no page before its log", invariant C1).
//
// The user's cache may evict whatever it likes whenever it likes: what is not yet in the page file is kept here as
// well, until a checkpoint wrote it. A clean close checkpoints (all pages; the bounded checkpointer is a layer of its
// own).

import { invalidArgument, WalError } from '../base/errors.js';
import type { Commit } from '../commit.js';
import type { PageWrite } from '../record/commit.js';
import type { PageFile } from '../storage/page-file.js';
import type { Attachment, Wal } from '../wal.js';
import type { WalWriter } from '../writer.js';

/** What a cache has to offer; a `Map` and the `lru-cache` package both do. Images must not be changed in place. */
export interface PageCache {
  get(pageNumber: number): Uint8Array | undefined;
  set(pageNumber: number, image: Uint8Array): unknown;
  delete(pageNumber: number): unknown;
  entries(): Iterable<readonly [number, Uint8Array]>;
}

/** A page newer than the page file's. */
interface DirtyPage {
  readonly image: Uint8Array;
  /** The commit that wrote it. */
  readonly seq: number;
}

/** Told how far an attached page file is synced; frees log files once all of them are. */
export type OnSynced = (throughSeq: number) => Promise<void>;

/** A page cache with a page file behind it and a log before it. Belongs to one thread. */
export class CachedPages implements Attachment {
  readonly #wal: Wal;
  readonly #writer: WalWriter;
  readonly #cache: PageCache;
  readonly #pageFile: PageFile;
  readonly #space: number;
  readonly #pageBytes: number;
  readonly #onSynced: OnSynced;
  readonly #dirty = new Map<number, DirtyPage>();
  #sizePages: number;
  /** The smallest size since the last checkpoint: what the page file holds beyond it was cut off, and is zero now. */
  #cutPages = Number.POSITIVE_INFINITY;
  /** The same for the checkpoint under way, or for the one that failed last. */
  #cutPagesUnderway = Number.POSITIVE_INFINITY;
  #lastCheckpoint: Promise<void> = Promise.resolve();
  #lastSeq: number;
  #failure: WalError | undefined;

  /** @internal The page file is up to the log already. */
  constructor(wal: Wal, cache: PageCache, pageFile: PageFile, space: number, onSynced: OnSynced) {
    this.#wal = wal;
    this.#writer = wal.connect();
    this.#cache = cache;
    this.#pageFile = pageFile;
    this.#space = space;
    this.#pageBytes = wal.settings.pageSize;
    this.#onSynced = onSynced;
    this.#sizePages = pageFile.sizePages();
    this.#lastSeq = wal.marks().appendedSeq;
  }

  /** Size of the store in pages. */
  get sizePages(): number {
    return this.#sizePages;
  }

  /** Pages that a checkpoint would write. */
  get dirtyPages(): number {
    return this.#dirty.size;
  }

  /**
   * The newest image of a page: from the cache, or else from the page file. Not a copy; do not change it.
   *
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT beyond the size of the store; ERR_WAL_IO; ERR_WAL_CLOSED
   */
  read(pageNumber: number): Uint8Array {
    if (this.#failure !== undefined) throw this.#failure;
    if (!Number.isSafeInteger(pageNumber) || pageNumber < 1 || pageNumber > this.#sizePages) {
      throw invalidArgument(`Page ${pageNumber} is not one of the ${this.#sizePages} pages of the store.`, {
        pageNumber,
      });
    }
    const known = this.#dirty.get(pageNumber)?.image ?? this.#cache.get(pageNumber);
    if (known !== undefined) return known;
    const image = new Uint8Array(this.#pageBytes);
    const cutPages = Math.min(this.#cutPages, this.#cutPagesUnderway);
    if (pageNumber <= cutPages) this.#pageFile.readPage(pageNumber, image);
    this.#cache.set(pageNumber, image);
    return image;
  }

  /** Begins a transaction. Nothing of it is seen outside before it commits. */
  begin(): CacheTransaction {
    return new CacheTransaction(this, this.#pageBytes);
  }

  /** @internal Appends the commit, then installs its pages: log first, cache second. */
  install(writes: ReadonlyMap<number, Uint8Array>, newSizePages: number | undefined): Commit {
    if (this.#failure !== undefined) throw this.#failure;
    const highest = Math.max(0, ...writes.keys());
    const grown = highest > this.#sizePages ? highest : undefined;
    const sizePages = newSizePages ?? grown;
    const space = this.#space;
    const pages: PageWrite[] = [...writes].map(([pageNumber, image]) => ({ pageNumber, image, space }));
    const sizes = sizePages === undefined ? undefined : [{ space, pages: sizePages }];
    const commit = this.#writer.append({ pages, sizes });
    this.#lastSeq = commit.seq;
    for (const [pageNumber, image] of writes) {
      this.#dirty.set(pageNumber, { image, seq: commit.seq });
      this.#cache.set(pageNumber, image);
    }
    if (sizePages !== undefined) this.#resize(sizePages);
    return commit;
  }

  /**
   * Writes every dirty page to the page file, behind its log, syncs it, and frees the log below.
   *
   * @throws {WalError} ERR_WAL_STORAGE_FULL, ERR_WAL_IO: nothing is forgotten, try again; ERR_WAL_POISONED after a
   *   failed sync of the page file: its contents are unknown, reopen the log, which writes every page again
   *
   * Durability: on return the page file holds every commit made before the call, synced (but for policy `off`).
   */
  checkpoint(): Promise<void> {
    // One after the other: each takes over what the one before it left.
    this.#lastCheckpoint = this.#lastCheckpoint.catch(() => undefined).then(() => this.#takeCheckpoint());
    return this.#lastCheckpoint;
  }

  async #takeCheckpoint(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const throughSeq = this.#lastSeq;
    const sizePages = this.#sizePages;
    const pages = [...this.#dirty].sort(([a], [b]) => a - b);
    // Cuts from here on are the next checkpoint's.
    this.#cutPagesUnderway = Math.min(this.#cutPagesUnderway, this.#cutPages);
    this.#cutPages = Number.POSITIVE_INFINITY;
    // C1: no page before its log.
    await this.#wal.flush();
    await this.#wal.durable({ seq: throughSeq });
    this.#writePages(pages, sizePages);
    this.#cutPagesUnderway = Number.POSITIVE_INFINITY;
    for (const [pageNumber, page] of pages) {
      // A page written again meanwhile stays dirty.
      if (this.#dirty.get(pageNumber) === page) this.#dirty.delete(pageNumber);
    }
    await this.#onSynced(throughSeq);
  }

  #writePages(pages: readonly (readonly [number, DirtyPage])[], sizePages: number): void {
    if (this.#cutPagesUnderway < this.#pageFile.sizePages()) this.#pageFile.setSizePages(this.#cutPagesUnderway);
    for (const [pageNumber, { image }] of pages) {
      if (pageNumber <= sizePages) this.#pageFile.writePage(pageNumber, image);
    }
    this.#pageFile.setSizePages(sizePages);
    this.#sync();
  }

  /** @internal The log has ended: nothing can be committed or checkpointed any more. */
  detach(): void {
    this.#failure ??= new WalError('ERR_WAL_CLOSED', 'The log of this page cache is closed.');
    this.#pageFile.close();
  }

  #sync(): void {
    if (this.#wal.settings.fsync === 'off') return;
    try {
      this.#pageFile.sync();
    } catch (cause) {
      // A second sync would prove nothing (A5): the log still holds every page since the last good checkpoint.
      this.#failure = new WalError(
        'ERR_WAL_POISONED',
        'The sync of the page file failed. Reopen the log to write it again.',
        {},
        cause,
      );
      throw this.#failure;
    }
  }

  #resize(sizePages: number): void {
    if (sizePages < this.#sizePages) {
      this.#cutPages = Math.min(this.#cutPages, sizePages);
      for (const [pageNumber] of [...this.#cache.entries()]) if (pageNumber > sizePages) this.#cache.delete(pageNumber);
      for (const pageNumber of [...this.#dirty.keys()]) if (pageNumber > sizePages) this.#dirty.delete(pageNumber);
    }
    this.#sizePages = sizePages;
  }
}

/** One transaction on attached pages: private copies until it commits. */
export class CacheTransaction {
  readonly #pages: CachedPages;
  readonly #pageBytes: number;
  readonly #writes = new Map<number, Uint8Array>();
  #sizePages: number | undefined;
  #isOver = false;

  /** @internal */
  constructor(pages: CachedPages, pageBytes: number) {
    this.#pages = pages;
    this.#pageBytes = pageBytes;
  }

  /** A page as this transaction sees it. */
  read(pageNumber: number): Uint8Array {
    return this.#writes.get(pageNumber) ?? this.#pages.read(pageNumber);
  }

  /** Writes a whole page; the image is copied. A page beyond the store makes it larger. */
  write(pageNumber: number, image: Uint8Array): void {
    this.#check();
    if (!Number.isSafeInteger(pageNumber) || pageNumber < 1)
      throw invalidArgument('Pages count from 1.', { pageNumber });
    if (!(image instanceof Uint8Array) || image.length !== this.#pageBytes) {
      throw invalidArgument(`An image must have the ${this.#pageBytes} bytes of a page.`, { pageNumber });
    }
    this.#writes.set(pageNumber, image.slice());
  }

  /** Sets the size of the store in pages; pages beyond it are gone. */
  resize(sizePages: number): void {
    this.#check();
    this.#sizePages = sizePages;
  }

  /** Commits; await `durable()` of what it returns before acknowledging anything. */
  commit(): Commit {
    this.#check();
    const commit = this.#pages.install(this.#writes, this.#sizePages);
    this.#isOver = true;
    return commit;
  }

  /** Forgets everything. */
  rollback(): void {
    this.#isOver = true;
  }

  #check(): void {
    if (this.#isOver) throw invalidArgument('The transaction is over.');
  }
}
