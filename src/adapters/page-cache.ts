// Attaches the log to a page cache that the user already has: transactions go through the log, reads through the cache,
// and a page reaches the page file only behind its log ("no page before its log", invariant C1).
//
// The user's cache may evict whatever it likes whenever it likes: what is not yet in the page file is kept here as
// well, until a checkpoint wrote it (dirty-pages.ts). Checkpoints come by themselves, and with a clean close.

import type { Attachment } from '../attachments.js';
import { invalidArgument, WalError } from '../base/errors.js';
import type { Commit } from '../commit.js';
import type { PageWrite } from '../record/commit.js';
import type { PageFile } from '../storage/page-file.js';
import type { Wal } from '../wal.js';
import type { WalWriter } from '../writer.js';
import { DirtyPages } from './dirty-pages.js';

/** What a cache has to offer; a `Map` and the `lru-cache` package both do. Images must not be changed in place. */
export interface PageCache {
  get(pageNumber: number): Uint8Array | undefined;
  set(pageNumber: number, image: Uint8Array): unknown;
  delete(pageNumber: number): unknown;
  entries(): Iterable<readonly [number, Uint8Array]>;
}

/** How often a checkpoint that waits for its log looks whether the log waits for it. */
const LOOK_MS = 50;
/** Looks at a log that stays full before a checkpoint gives up: whatever pins it may go on pinning it. */
const LOOKS_MAX = 20;

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
  readonly #dirty: DirtyPages;
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
    this.#dirty = new DirtyPages(pageFile.sizePages());
    this.#lastSeq = wal.marks().appendedSeq;
  }

  /** Size of the store in pages. */
  get sizePages(): number {
    return this.#dirty.sizePages;
  }

  /** Pages that a checkpoint would write. */
  get dirtyPages(): number {
    return this.#dirty.count;
  }

  /**
   * The newest image of a page: from the cache, or else from the page file. Not a copy; do not change it.
   *
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT beyond the size of the store; ERR_WAL_IO; ERR_WAL_CLOSED
   */
  read(pageNumber: number): Uint8Array {
    if (this.#failure !== undefined) throw this.#failure;
    if (!Number.isSafeInteger(pageNumber) || pageNumber < 1 || pageNumber > this.sizePages) {
      throw invalidArgument(`Page ${pageNumber} is not one of the ${this.sizePages} pages of the store.`, {
        pageNumber,
      });
    }
    const newest = this.#dirty.newest(pageNumber);
    const known = newest instanceof Uint8Array ? newest : this.#cache.get(pageNumber);
    if (known !== undefined) return known;
    const image = new Uint8Array(this.#pageBytes);
    if (newest !== 'cut') this.#pageFile.readPage(pageNumber, image);
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
    const grown = highest > this.sizePages ? highest : undefined;
    const sizePages = newSizePages ?? grown;
    const space = this.#space;
    const pages: PageWrite[] = [...writes].map(([pageNumber, image]) => ({ pageNumber, image, space }));
    const sizes = sizePages === undefined ? undefined : [{ space, pages: sizePages }];
    const commit = this.#writer.append({ pages, sizes });
    this.#lastSeq = commit.seq;
    this.#dirty.install(commit.seq, writes, sizePages, this.#wal.marks().durableSeq);
    for (const [pageNumber, image] of writes) this.#cache.set(pageNumber, image);
    if (sizePages !== undefined) this.#dropBeyond(sizePages);
    return commit;
  }

  /**
   * Writes every dirty page to the page file, behind its log, syncs it, and frees the log below.
   *
   * @throws {WalError} ERR_WAL_STORAGE_FULL, ERR_WAL_IO: nothing is forgotten, try again; ERR_WAL_LOG_FULL when the log
   *   stays full although everything durable was written, and so does not take the rest; ERR_WAL_POISONED after a
   *   failed sync of the page file: its contents are unknown, reopen the log, which writes every page again
   *
   * Durability: on return the page file holds every commit made before the call, synced (but for policy `off`).
   */
  checkpoint(): Promise<void> {
    return this.#afterLast(async () => {
      // C1: no page before its log.
      await this.#becomeDurable(this.#lastSeq);
      await this.#apply();
    });
  }

  /** The same for what is durable already: waits for nobody. */
  checkpointDurable(): Promise<void> {
    return this.#afterLast(() => this.#apply());
  }

  /** One after the other: each takes over what the one before it left. */
  #afterLast(work: () => Promise<void>): Promise<void> {
    this.#lastCheckpoint = this.#lastCheckpoint.catch(() => undefined).then(work);
    return this.#lastCheckpoint;
  }

  /** Waits for the log, which may be full of what is durable and wait for this checkpoint. */
  async #becomeDurable(seq: number): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#wal.flush().catch(() => undefined);
    for (let looks = 1; ; looks += 1) {
      try {
        return await this.#wal.durable({ seq }, { timeoutMs: LOOK_MS });
      } catch (error) {
        if (!(error instanceof WalError && error.code === 'ERR_WAL_TIMEOUT')) throw error;
        const { cause } = error;
        const isFull = cause instanceof WalError && cause.code === 'ERR_WAL_LOG_FULL';
        if (!isFull) looks = 0;
        else if (looks >= LOOKS_MAX) throw cause;
        else await this.#apply();
      }
    }
  }

  /** Brings the page file to the durable mark. */
  async #apply(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const throughSeq = this.#wal.marks().durableSeq;
    const { cutPages, pages, sizePages } = this.#dirty.asOf(throughSeq);
    if (cutPages !== undefined) this.#pageFile.cutToPages(cutPages);
    // C1: an image is no newer than the durable mark.
    for (const [pageNumber, image] of pages) this.#pageFile.writePage(pageNumber, image);
    this.#pageFile.setSizePages(sizePages);
    this.#sync();
    this.#dirty.forget(throughSeq);
    await this.#onSynced(throughSeq);
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

  #dropBeyond(sizePages: number): void {
    for (const [pageNumber] of [...this.#cache.entries()]) if (pageNumber > sizePages) this.#cache.delete(pageNumber);
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
