// One thread's part of an open page store: its session of the cache, its own descriptors, its writer, its one open
// transaction. What transactions and snapshots are made of (design/page-store.md).

import { monotonicMs } from '../base/clock.js';
import { invalidArgument, WalError } from '../base/errors.js';
import { SharedPageCache } from '../cache/shared-page-cache.js';
import { STORE_SPACE } from '../checkpoint/checkpoint.js';
import { STORE_STATE, type StoreWords } from '../checkpoint/store-words.js';
import { Commit } from '../commit.js';
import { type Control, STATE } from '../epoch/control.js';
import type { Directory } from '../storage/directory.js';
import type { PageFile } from '../storage/page-file.js';
import { StoreCounts } from '../store-metrics.js';
import type { LogReader } from '../versions/log-reader.js';
import type { VersionIndex } from '../versions/version-index.js';
import type { WalWriter } from '../writer.js';
import { cachedPagesAbove } from './cached-pages.js';
import { PageLatches } from './page-latches.js';
import type { StoreHandle } from './store-handle.js';
import { StorePages } from './store-pages.js';
import type { TransactionHost, TransactionWork } from './transaction.js';

/** How long a wait for the index sleeps before it looks whether there still is a log and a checkpointer. */
const LOOK_MS = 50;
/** How long a commit waits for space in its lane, unless `appendTimeoutMs` was set. */
const APPEND_TIMEOUT_MS = 1000;

/** What a thread's part is made of. */
export interface StoreThreadParts {
  readonly handle: StoreHandle;
  readonly session: number;
  readonly writer: WalWriter;
  readonly control: Control;
  readonly words: StoreWords;
  readonly index: VersionIndex;
  readonly log: LogReader;
  readonly logDirectory: Directory;
  readonly pageFile: PageFile;
}

/** The pages of a store as one thread uses them. */
export class StoreThread implements TransactionHost {
  readonly pageBytes: number;
  readonly cache: SharedPageCache;
  readonly pages: StorePages;
  readonly #parts: StoreThreadParts;
  readonly #latches: PageLatches;
  readonly counts: StoreCounts;
  readonly #latchTimeoutMs: number;
  readonly #appendTimeoutMs: number;
  #isSizeLatched = false;
  #isShrinking = false;

  constructor(parts: StoreThreadParts) {
    const { handle, session, control, words, index } = parts;
    this.#parts = parts;
    this.pageBytes = handle.wal.pageSize;
    this.#latchTimeoutMs = handle.latchTimeoutMs;
    this.#appendTimeoutMs = handle.wal.appendTimeoutMs ?? APPEND_TIMEOUT_MS;
    this.pages = new StorePages({
      ...parts,
      cutSeq: () => words.cutSeq,
      lastSeq: () => control.commitSeqNext.load() - 1,
      awaitIndexed: (seq, timeoutMs) => this.#awaitIndexed(seq, timeoutMs),
      timeoutMs: handle.latchTimeoutMs,
      index,
    });
    this.counts = new StoreCounts(handle.counts, session);
    this.cache = new SharedPageCache(handle.cache, session, this.pages);
    this.#latches = new PageLatches(this.cache, handle.latchTimeoutMs, this.counts);
  }

  sizePages(): number {
    return this.#parts.control.sizePages(STORE_SPACE);
  }

  /**
   * The image of a page as of a sequence that is indexed and pinned; a copy. Waits for nobody.
   *
   * From its frame if that is old enough and can be had at once, else from the log or the page file.
   */
  readAsOf(pageNumber: number, asOf: number, target: Uint8Array): void {
    const own = this.#latches.frameOf(pageNumber);
    if (own !== undefined) {
      if (!this.#copyFrame(own, asOf, target)) this.pages.readAsOf(pageNumber, asOf, target);
      return;
    }
    const frame = this.cache.tryLatchShared(pageNumber);
    if (frame >= 0) {
      const isCopied = this.#copyFrame(frame, asOf, target);
      this.cache.unlatchShared(frame);
      if (isCopied) return;
    }
    this.pages.readAsOf(pageNumber, asOf, target);
  }

  /** Of a latched frame: its image is the newest one, so it is that as of any later sequence. */
  #copyFrame(frame: number, asOf: number, target: Uint8Array): boolean {
    const seq = this.cache.seqOf(frame);
    if (seq < 0 || seq > asOf) return false;
    target.set(this.cache.view(frame));
    return true;
  }

  share(pageNumber: number): Uint8Array {
    this.#parts.words.requireOpen();
    const view = this.#latches.share(pageNumber);
    this.#requireInside(pageNumber);
    return view;
  }

  exclude(pageNumber: number, isOverwrite: boolean): Uint8Array {
    this.#parts.words.requireOpen();
    const view = this.#latches.exclude(pageNumber, isOverwrite);
    this.#requireInside(pageNumber);
    return view;
  }

  latchSize(): void {
    this.#parts.words.requireOpen();
    this.cache.latchSize(this.#latchTimeoutMs);
    this.#isSizeLatched = true;
  }

  prepareShrink(pages: number): void {
    // S4: announced before the frames are looked at, and readers look at it behind their latch: whoever latched a page
    // beyond either is found here, or turns back by itself.
    this.#isShrinking = true;
    this.#parts.words.shrinkTo = pages;
    for (const pageNumber of cachedPagesAbove(this.cache.memory, pages)) this.#latches.exclude(pageNumber, true);
  }

  commit(work: TransactionWork): Commit {
    const { input } = work;
    if (input === undefined) return this.#seen();
    const { writer, words } = this.#parts;
    words.requireOpen();
    const commit = writer.append(input, { timeoutMs: this.#appendTimeoutMs });
    this.#install(work, commit.seq);
    return commit;
  }

  async commitAsync(work: TransactionWork): Promise<Commit> {
    const { input } = work;
    if (input === undefined) return this.#seen();
    const { writer, words } = this.#parts;
    words.requireOpen();
    const commit = await writer.appendAsync(input, { timeoutMs: this.#appendTimeoutMs });
    this.#install(work, commit.seq);
    return commit;
  }

  end(): void {
    if (this.#isShrinking) this.#parts.words.shrinkTo = undefined;
    this.#latches.releaseAll();
    if (this.#isSizeLatched) this.cache.unlatchSize();
    this.#isShrinking = false;
    this.#isSizeLatched = false;
  }

  /** What a transaction that wrote nothing depends on: commits whose images it saw may not be durable yet. */
  #seen(): Commit {
    return new Commit(this.#latches.seenSeq, this.#parts.writer.waiters);
  }

  #install({ images, cutPages }: TransactionWork, seq: number): void {
    this.counts.add('transactions');
    for (const [pageNumber, image] of images) this.#latches.install(pageNumber, image, seq);
    if (cutPages === undefined) return;
    // S3: in front of the end of the latches: whoever loads a page that was cut off waits until the cut is indexed.
    this.#parts.words.raiseCutSeq(seq);
    for (const pageNumber of cachedPagesAbove(this.cache.memory, cutPages)) {
      if (this.#latches.frameOf(pageNumber) !== undefined) this.#latches.forget(pageNumber);
    }
  }

  /** Behind the latch of a page: it may have been cut off before, or is about to be. */
  #requireInside(pageNumber: number): void {
    if (this.#isSizeLatched) return;
    const { shrinkTo } = this.#parts.words;
    if (shrinkTo !== undefined && pageNumber > shrinkTo) {
      this.#latches.release(pageNumber);
      const message = `Page ${pageNumber} is about to be cut off by another transaction. Roll back and try again.`;
      throw new WalError('ERR_WAL_DEADLOCK', message, { pageNumber, shrinkTo });
    }
    const sizePages = this.sizePages();
    if (pageNumber <= sizePages) return;
    this.#latches.release(pageNumber);
    throw invalidArgument(`Page ${pageNumber} was cut off meanwhile; the store has ${sizePages} pages.`, {
      pageNumber,
    });
  }

  /** @throws {WalError} when the store or the log has failed, or is stalled for as long as that */
  #awaitIndexed(seq: number, timeoutMs: number): boolean {
    const { control, words, index } = this.#parts;
    if (index.indexedThrough >= seq) return true;
    control.demandThrough(control.commitSeqNext.load() - 1);
    words.askIndexThrough(seq);
    const endMs = monotonicMs() + timeoutMs;
    for (;;) {
      const leftMs = endMs - monotonicMs();
      if (index.waitThrough(seq, Math.min(Math.max(leftMs, 0), LOOK_MS))) return true;
      if (words.state === STORE_STATE.failed) words.requireOpen();
      if (control.state === STATE.failed) throw control.failure();
      if (leftMs > 0) continue;
      if (control.state !== STATE.stalled) return false;
      const cause = control.failure();
      const message = `Commit ${seq} was not indexed within ${timeoutMs} ms: the log is stalled. ${cause.message}`;
      throw new WalError('ERR_WAL_TIMEOUT', message, { seq, timeoutMs, reasonCode: cause.code }, cause);
    }
  }
}
