// One checkpoint: brings the page file from the last one to a later sequence, and notes that it has
// (design/page-store.md, "Checkpoint"). Asynchronous, because the thread goes on indexing between two writes. Not here:
// when, and how far.

import { monotonicMs } from '../base/clock.js';
import { type Control, STATE } from '../epoch/control.js';
import type { StoreIdentity } from '../log/checkpoint-record.js';
import type { LogReader } from '../versions/log-reader.js';
import { PageWriter } from '../versions/page-writer.js';
import type { VersionIndex } from '../versions/version-index.js';
import type { CheckpointFile } from './checkpoint-file.js';
import type { CheckpointMark, CheckpointReport } from './messages.js';
import type { SizeHistory } from './sizes.js';

/** Notes a checkpoint durably and lets go of the log below; the flusher does. */
export type RecordCheckpoint = (throughSeq: number, store: StoreIdentity) => Promise<void>;

/** What checkpoints are made of. */
export interface CheckpointParts {
  readonly control: Control;
  readonly index: VersionIndex;
  readonly sizes: SizeHistory;
  readonly log: LogReader;
  readonly file: CheckpointFile;
  readonly pageBytes: number;
  /** False under policy `off`: then nothing is ever synced. */
  readonly sync: boolean;
  readonly record: RecordCheckpoint;
  /** Milliseconds that writing so many bytes should take at least; asked behind each write. */
  paceMs(bytes: number): number;
  /** Resolves when the thread has done what else there is to do, not before `untilMs`. */
  turn(untilMs: number): Promise<void>;
}

/** The space of the page file. */
export const STORE_SPACE = 0;
/** Bytes written between two syncs: one large sync at the end would hold up those of the log for as long. */
const SYNC_BYTES = 8 * 2 ** 20;
/** The same for a checkpoint that takes its time: a sync of the log that comes behind one is hardly later for it. */
const PACED_SYNC_BYTES = 2 * 2 ** 20;
/** How long the thread writes pages before it looks at what else there is to do. */
const TURN_MS = 5;

/** Syncs of a page file behind its writer: one is under way while the next pages are read and written. */
class Syncs {
  readonly #file: CheckpointFile;
  readonly #isOn: boolean;
  #unsyncedBytes = 0;
  #underWay: (() => Promise<void>) | undefined;

  constructor(file: CheckpointFile, isOn: boolean) {
    this.#file = file;
    this.#isOn = isOn;
  }

  /** Told of every write; waits when the disk is behind by more than one sync. */
  async wrote(bytes: number, isPaced: boolean): Promise<void> {
    this.#unsyncedBytes += bytes;
    if (!this.#isOn || this.#unsyncedBytes < (isPaced ? PACED_SYNC_BYTES : SYNC_BYTES)) return;
    this.#unsyncedBytes = 0;
    await this.settled();
    this.#underWay = this.#file.startSync();
  }

  /** Waits for the sync under way. */
  async settled(): Promise<void> {
    const underWay = this.#underWay;
    this.#underWay = undefined;
    await underWay?.();
  }
}

/** Takes checkpoints, one at a time. */
export class Checkpoints {
  readonly #parts: CheckpointParts;
  readonly #writer: PageWriter;
  #mark: CheckpointMark;
  #recordedSeq: number;

  /** @param mark - what the page file holds already */
  constructor(parts: CheckpointParts, mark: CheckpointMark) {
    this.#parts = parts;
    this.#mark = mark;
    this.#recordedSeq = mark.throughSeq;
    this.#writer = new PageWriter(parts.pageBytes, parts.log);
  }

  /** The page file holds every commit up to this one. */
  get throughSeq(): number {
    return this.#mark.throughSeq;
  }

  /** Whether the record of the last checkpoint still is to be written. */
  get isRecordDue(): boolean {
    return this.#recordedSeq < this.#mark.throughSeq;
  }

  /**
   * Brings the page file up to a sequence, or as far as snapshots and backups allow.
   *
   * Durability: behind it the page file is synced, and its record too (but for policy `off`).
   * @param wantedSeq - at most what is indexed
   * @param isReleasing - the log is let go of once more, although nothing may be new: a file was left meanwhile
   * @throws {WalError} ERR_WAL_STORAGE_FULL, ERR_WAL_IO: nothing was let go; try again, which writes it all once more
   */
  async take(wantedSeq: number, isReleasing = false): Promise<CheckpointReport> {
    const startedMs = monotonicMs();
    const { control } = this.#parts;
    // S1: said before the first page is written, so that no snapshot begins below it meanwhile.
    const throughSeq = control.pins.advanceCheckpoint(Math.max(wantedSeq, this.throughSeq));
    let pagesWritten = 0;
    if (throughSeq > this.throughSeq) {
      pagesWritten = await this.#write(throughSeq);
      // Behind the sync: who found no version from here on reads a page file that has it.
      this.#parts.index.release(throughSeq);
      this.#parts.sizes.release(throughSeq);
    }
    if (this.isRecordDue || isReleasing) await this.#record();
    const bytesWritten = pagesWritten * this.#parts.pageBytes;
    return { throughSeq: this.throughSeq, pagesWritten, bytesWritten, durationMs: monotonicMs() - startedMs };
  }

  /** Lets go of the log below the last checkpoint, whatever kept it before. */
  async #record(): Promise<void> {
    const { throughSeq, sizePages } = this.#mark;
    // S2: the log is let go behind a good sync of the page file, by a record that is synced before any file is.
    await this.#parts.record(throughSeq, { sizePages, page1Crc: this.#parts.file.page1Crc() });
    this.#recordedSeq = throughSeq;
  }

  async #write(throughSeq: number): Promise<number> {
    const { index, sizes, file, pageBytes } = this.#parts;
    // C1: only what is durable is indexed. A sync that failed moved nothing: all since the last good one is live still.
    const target = {
      cutPages: index.smallestCut(STORE_SPACE, throughSeq),
      sizePages: sizes.asOf(throughSeq),
      // Live until this very checkpoint is done, so their files are there.
      versions: index.newestThrough(STORE_SPACE, throughSeq),
    };
    const syncs = new Syncs(file, this.#parts.sync);
    let pages = 0;
    let dueMs = monotonicMs();
    let turnedMs = dueMs;
    try {
      const sizePages = await this.#writer.write(file.open(), target, async (count) => {
        pages += count;
        const paceMs = this.#parts.paceMs(count * pageBytes);
        await syncs.wrote(count * pageBytes, paceMs > 0);
        const nowMs = monotonicMs();
        // Somebody waits by now: what was written before is not waited for any more.
        dueMs = paceMs === 0 ? Math.min(dueMs, nowMs) : dueMs + paceMs;
        if (dueMs <= nowMs && nowMs - turnedMs < TURN_MS) return;
        await this.#parts.turn(dueMs);
        turnedMs = monotonicMs();
        dueMs = Math.max(dueMs, turnedMs - TURN_MS);
        this.#requireLog();
      });
      await syncs.settled();
      if (this.#parts.sync) file.sync();
      this.#mark = { throughSeq, sizePages };
      return pages;
    } finally {
      // No descriptor is closed under a sync.
      await syncs.settled();
    }
  }

  /** A log that has failed is somebody else's soon: whoever reopens it has the page file, too. */
  #requireLog(): void {
    const { control } = this.#parts;
    if (control.state === STATE.failed) throw control.failure();
  }
}
