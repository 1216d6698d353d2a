// A page store opened only to be read: the page file and what the log has above it, as both are. Nothing is recovered,
// brought up or removed (design/page-store.md, "Read-only").

import { invalidArgument, WalError } from '../base/errors.js';
import { STORE_SPACE } from '../checkpoint/checkpoint.js';
import { Indexer } from '../follow/indexer.js';
import type { CheckpointRecord } from '../log/checkpoint-record.js';
import type { RecoveryReport } from '../recovery/report.js';
import { type LogScan, refuseDamage, reportOf, scanLog } from '../recovery/scan.js';
import { PageFile } from '../storage/page-file.js';
import { LogReader } from '../versions/log-reader.js';
import { VersionIndex } from '../versions/version-index.js';
import type { StorePlace } from './connect.js';
import { identityOf, requireExplainedEnd, requireOneSpace, requireOwnPageFile } from './identity.js';
import { Snapshot } from './snapshot.js';
import { StorePages } from './store-pages.js';
import { versionsMaxOf } from './versions-max.js';

/** Settings of a read-only store. */
export interface ReadOnlyOptions {
  /** Required of the store. */
  readonly pageSize?: number | undefined;
  /** Of a store whose log does not say. */
  readonly pageSizeDefault: number;
  readonly adopt?: boolean | undefined;
  readonly recoveryMemoryBytes?: number | undefined;
}

/**
 * An open page store that cannot be changed. Made by `openPageStore(path, { readOnly: true })`.
 *
 * Threading: the thread that opened it.
 */
export class ReadOnlyPageStore {
  /** What was found. */
  readonly recovery: RecoveryReport;
  readonly pageSize: number;
  /** Size of the store in pages. */
  readonly sizePages: number;
  /** The last commit of the store. */
  readonly seq: number;
  readonly #pages: StorePages;
  readonly #release: () => void;
  #isOpen = true;

  private constructor(
    recovery: RecoveryReport,
    sizes: { pageSize: number; sizePages: number; seq: number },
    pages: StorePages,
    release: () => void,
  ) {
    this.recovery = recovery;
    this.pageSize = sizes.pageSize;
    this.sizePages = sizes.sizePages;
    this.seq = sizes.seq;
    this.#pages = pages;
    this.#release = release;
  }

  /** @internal The caller holds the lock. */
  static async open(place: StorePlace, options: ReadOnlyOptions, unlock: () => void): Promise<ReadOnlyPageStore> {
    const scan = await scanLog(place.log, options);
    refuseDamage(scan);
    const pageSize = pageSizeOf(scan, options);
    requireOneSpace(scan.chain.spaces.keys(), place.log);
    const pageFile = PageFile.openIn(place.pages, place.pageFileName, pageSize, 'read');
    const log = new LogReader(place.log);
    try {
      const { index, sizePages } = indexed(place, scan, pageFile, options.adopt === true);
      const seq = Math.max(0, scan.position.nextSeq - 1);
      const pages = new StorePages({
        index,
        log,
        pageFile,
        timeoutMs: 0,
        cutSeq: () => seq,
        lastSeq: () => seq,
        awaitIndexed: () => true,
      });
      return new ReadOnlyPageStore(reportOf(scan), { pageSize, sizePages, seq }, pages, () => {
        log.close();
        pageFile.close();
        unlock();
      });
    } catch (error) {
      log.close();
      pageFile.close();
      throw error;
    }
  }

  /** The image of a page; a copy. @throws {WalError} ERR_WAL_INVALID_ARGUMENT, ERR_WAL_CLOSED, ERR_WAL_IO */
  read(pageNumber: number): Uint8Array {
    return this.#snapshot().read(pageNumber);
  }

  /** The store; for code that reads stores which others write, too. */
  async snapshot(): Promise<Snapshot> {
    return this.#snapshot();
  }

  /** Refused. @throws {WalError} ERR_WAL_INVALID_ARGUMENT */
  begin(): never {
    throw refused();
  }

  /** Refused. @throws {WalError} ERR_WAL_INVALID_ARGUMENT */
  async transaction(): Promise<never> {
    throw refused();
  }

  /** Closes the files and frees the lock. Twice is harmless. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #snapshot(): Snapshot {
    if (!this.#isOpen) throw new WalError('ERR_WAL_CLOSED', 'The page store is closed.');
    return new Snapshot(this.seq, this.sizePages, {
      pageBytes: this.pageSize,
      readAsOf: (pageNumber, asOf, target) => {
        if (!this.#isOpen) throw new WalError('ERR_WAL_CLOSED', 'The page store is closed.');
        this.#pages.readAsOf(pageNumber, asOf, target);
      },
      unpin: () => undefined,
    });
  }
}

function refused(): WalError {
  return invalidArgument('The page store was opened with readOnly; open it without to change anything.');
}

function pageSizeOf({ log }: LogScan, { pageSize: wanted, pageSizeDefault }: ReadOnlyOptions): number {
  const pageSize = log.pageBytes ?? wanted ?? pageSizeDefault;
  if (wanted === undefined || wanted === pageSize) return pageSize;
  const message = `The log has pages of ${pageSize} bytes; it was to be opened with pages of ${wanted}.`;
  throw invalidArgument(message, { pageSize, wanted });
}

/** Indexes the log above the checkpoint, and checks the page file by it. */
function indexed(place: StorePlace, scan: LogScan, pageFile: PageFile, adopt: boolean) {
  const record: CheckpointRecord | undefined = scan.checkpoint;
  const afterSeq = record?.throughSeq ?? 0;
  const identity = identityOf(record, scan.position.nextSeq - 1);
  let sizePages = identity === undefined || adopt ? pageFile.sizePages() : identity.sizePages;
  let largestPages = sizePages;
  const sizes = new Map([[STORE_SPACE, sizePages]]);
  const versionsMax = versionsMaxOf(place.log, pageFile.pageBytes, 0);
  const index = VersionIndex.create({ versionsMax, indexedThrough: afterSeq });
  const onSize = (space: number, pages: number): void => {
    if (space !== STORE_SPACE) return;
    sizePages = pages;
    largestPages = Math.max(largestPages, pages);
  };
  const indexer = new Indexer(place.log, index, { afterSeq, sizes, onSize });
  try {
    // A log that ends below its checkpoint has nothing above it.
    if (scan.position.nextSeq - 1 > afterSeq && indexer.catchUp(scan.position.epoch) === 'full') {
      const message = `The log in ${place.log.path} has more than ${versionsMax} images. Checkpoint the store first.`;
      throw new WalError('ERR_WAL_EXHAUSTED', message, { versionsMax });
    }
  } finally {
    indexer.close();
  }
  if (adopt) requireExplainedEnd(pageFile, index);
  else requireOwnPageFile(pageFile, { identity, index, largestPages });
  const last = index.newestThrough(STORE_SPACE, Number.MAX_SAFE_INTEGER).pageNumbers.at(-1) ?? 0;
  return { index, sizePages: Math.max(sizePages, last) };
}
