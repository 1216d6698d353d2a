// Writes segments into log files: place, header, chain, rotation, sync. One per open log, on the flusher's thread.
// After a throw nothing has moved: the same segment can be tried again at the same place (a full disk), or the log
// gives up.

import { assert } from '../base/assert.js';
import { monotonicMs, wallClockMs } from '../base/clock.js';
import { exhausted } from '../base/counters.js';
import { WalError } from '../base/errors.js';
import type { Directory, LogFile } from '../storage/directory.js';
import { encodeFileHeader, type LogPosition } from './codec.js';
import { FILE_FLAG, FILE_HEADER_BYTES } from './layout.js';
import { logFileName } from './names.js';
import { startLogFile } from './new-log-file.js';
import type { SparePool } from './spare-pool.js';

/** Where and behind what a segment will stand; what its header needs to know. */
export interface SegmentPlace {
  readonly logId: number;
  readonly incarnation: number;
  readonly fileNumber: number;
  readonly fileOffset: number;
  readonly previous: { readonly headerCrc: number; readonly certificateCrc: number };
  readonly syncedThrough: number;
  readonly wallClockMs: number;
}

/** A segment ready to be written: `encode` is called once its place is known. */
export interface SegmentDraft {
  /** Whole length, a multiple of 4 KiB. */
  readonly segmentBytes: number;
  /** Last epoch once it is written, and the sequence after it. */
  readonly epoch: number;
  readonly endSeq: number;
  /** Builds the header; frames and certificate are there already. */
  encode(place: SegmentPlace): { pieces: Uint8Array[]; headerCrc: number; certificateCrc: number };
}

/** A segment that was written and that nothing goes by yet. */
export interface WrittenSegment {
  /** The log file, and where in it. */
  readonly name: string;
  readonly offset: number;
  /** Writes it once more. */
  again(): void;
}

/** One log file that is not the current one. */
export interface OlderFile {
  readonly fileNumber: number;
  readonly name: string;
  /** First sequence that is not in this file or one before it: below the checkpoint it may be recycled. Ascending. */
  readonly endSeq: number;
  /** Last epoch in this file or one before it. */
  readonly endEpoch: number;
  readonly bytes: number;
}

/** The state opening left behind: the current file exists, with its header and perhaps a copied tail. */
export interface LogStart {
  readonly logId: number;
  readonly incarnation: number;
  readonly pageBytes: number;
  readonly fileNumber: number;
  readonly fileName: string;
  readonly fileBytes: number;
  readonly writeOffset: number;
  readonly position: LogPosition;
  readonly syncedThrough: number;
  readonly olderFiles: readonly OlderFile[];
  /** Last epoch that the newest checkpoint covers; 0 without one. */
  readonly checkpointEpoch: number;
}

/** What a log writer does besides writing; told to whoever counts. */
export interface LogWriterEvents {
  rotated(unfilledBytes: number): void;
  /** A segment of `bytes` was written; `endSeq` is the first sequence behind it. */
  appended(endSeq: number, bytes: number): void;
  /** A sync returned: everything up to `epoch` and below `endSeq` is durable. */
  synced(tookMs: number, epoch: number, endSeq: number): void;
  directorySynced(): void;
}

/** How a sync that was under way ended: well, and everything up to `through` is durable, or not. */
export interface SyncOutcome {
  synced(through: LogPosition): void;
  failed(thrown: unknown): void;
}

/** What becomes of a log file: it stays, becomes a spare or is removed, or somebody has taken it out of the log. */
export type Release = 'stay' | 'recycle' | 'taken';

/** How a log writes its files. */
export interface LogWriterSettings {
  readonly logFileBytes: number;
  /** Bound of all log files and spares but one. */
  readonly maxLogBytes: number;
  /** False under policy `off`: then nothing is ever synced. */
  readonly sync: boolean;
}

/** The log's files as one sequence of segments. */
export class LogWriter {
  readonly #directory: Directory;
  readonly #spares: SparePool;
  readonly #logFileBytes: number;
  readonly #maxLogBytes: number;
  readonly #sync: boolean;
  readonly #events: LogWriterEvents;
  readonly #start: LogStart;
  #file: LogFile;
  #fileNumber: number;
  #fileBytes: number;
  #offset: number;
  #position: LogPosition;
  #syncedThrough: number;
  /** Whether anything was written behind the last sync: an epoch, or a mark, which later segments are chained to. */
  #hasUnsynced = false;
  #underWay: Promise<void> | undefined;
  #wallClockMs = 0;
  #olderFiles: OlderFile[];
  /** Last epoch that a checkpoint was said to cover; files up to it may be gone. */
  #releasedEpoch: number;

  constructor(
    directory: Directory,
    start: LogStart,
    spares: SparePool,
    { logFileBytes, maxLogBytes, sync }: LogWriterSettings,
    events: LogWriterEvents,
  ) {
    this.#directory = directory;
    this.#spares = spares;
    this.#logFileBytes = logFileBytes;
    this.#maxLogBytes = maxLogBytes;
    this.#sync = sync;
    this.#events = events;
    this.#start = start;
    this.#file = directory.open(start.fileName, 'write');
    this.#fileNumber = start.fileNumber;
    this.#fileBytes = start.fileBytes;
    this.#offset = start.writeOffset;
    this.#position = start.position;
    this.#syncedThrough = start.syncedThrough;
    this.#olderFiles = [...start.olderFiles];
    this.#releasedEpoch = start.checkpointEpoch;
  }

  get position(): LogPosition {
    return this.#position;
  }

  /** Last epoch that a sync of this writer, or of opening, covered. */
  get syncedThrough(): number {
    return this.#syncedThrough;
  }

  get isSynced(): boolean {
    return this.#syncedThrough === this.#position.epoch;
  }

  /** Bytes of the log's files, spares not counted. */
  get bytes(): number {
    return this.#olderFiles.reduce((sum, { bytes }) => sum + bytes, this.#fileBytes);
  }

  /** What the bound leaves for spares; negative when the log is beyond it. */
  get roomBytes(): number {
    return this.#maxLogBytes - this.bytes;
  }

  /** The files in front of the current one, oldest first. */
  get olderFiles(): readonly OlderFile[] {
    return this.#olderFiles;
  }

  /** The current file and the older ones, oldest first. */
  files(): { fileNumber: number; name: string; bytes: number; endSeq: number; isCurrent: boolean }[] {
    const name = logFileName(this.#fileNumber);
    const { nextSeq } = this.#position;
    const current = { fileNumber: this.#fileNumber, name, bytes: this.#fileBytes, endSeq: nextSeq, isCurrent: true };
    return [...this.#olderFiles.map((file) => ({ ...file, isCurrent: false })), current];
  }

  /** Whether a sync is under way. Until it has ended the log begins no other, and does not leave the file. */
  get isSyncing(): boolean {
    return this.#underWay !== undefined;
  }

  /** Whether a segment of that length would stand in a new file. */
  needsNewFile(segmentBytes: number): boolean {
    return this.#offset + segmentBytes > this.#fileBytes;
  }

  /**
   * Writes one segment, in a new file if the present one has no room left.
   *
   * @param check - looks at what was written before the log goes on behind it
   * @throws {WalError} ERR_WAL_STORAGE_FULL, ERR_WAL_LOG_FULL (may be tried again), ERR_WAL_EXHAUSTED (nothing was
   *   written), ERR_WAL_IO; what `check` throws
   */
  append(draft: SegmentDraft, check?: (written: WrittenSegment) => void): void {
    const { segmentBytes } = draft;
    if (draft.epoch > Number.MAX_SAFE_INTEGER) throw exhausted('epoch', { epoch: this.#position.epoch });
    if (this.needsNewFile(segmentBytes)) this.#rotate(segmentBytes);
    const { pieces, headerCrc, certificateCrc } = draft.encode(this.#place());
    const again = (): void => this.#file.write(pieces, this.#offset);
    again();
    check?.({ name: logFileName(this.#fileNumber), offset: this.#offset, again });
    this.#offset += segmentBytes;
    this.#hasUnsynced = true;
    this.#position = { epoch: draft.epoch, nextSeq: draft.endSeq, headerCrc, certificateCrc };
    this.#events.appended(draft.endSeq, segmentBytes);
  }

  /** Resolves when no sync is under way. */
  async untilAtRest(): Promise<void> {
    while (this.#underWay !== undefined) await this.#underWay;
  }

  /**
   * Leaves the current file if it holds anything, so that a checkpoint can let it go.
   *
   * @throws {WalError} as {@link append}
   */
  leaveFile(): void {
    if (this.#offset > FILE_HEADER_BYTES) this.#rotate(0);
  }

  /** Makes everything written durable. Any error is final: a second sync would prove nothing (A5). */
  sync(): void {
    this.#assertMaySync();
    const startMs = monotonicMs();
    this.#file.sync();
    this.#hasUnsynced = false;
    this.#noteSynced(this.#position, monotonicMs() - startMs);
  }

  /**
   * The same while the log goes on, for what was written before the call. Of two syncs at a time only one would hear of
   * an error (A5), so this one is under way until its outcome is told, in the same microtask.
   */
  startSync(outcome: SyncOutcome): void {
    this.#assertMaySync();
    const [through, startMs] = [this.#position, monotonicMs()];
    this.#hasUnsynced = false;
    this.#underWay = this.#file.startSync().then(
      () => {
        this.#underWay = undefined;
        this.#noteSynced(through, monotonicMs() - startMs);
        outcome.synced(through);
      },
      (thrown: unknown) => {
        this.#underWay = undefined;
        outcome.failed(thrown);
      },
    );
  }

  /** A last epoch of which every commit is at or below `throughSeq`; at least what {@link release} lets go by it. */
  epochThrough(throughSeq: number): number {
    if (throughSeq >= this.#position.nextSeq - 1) return this.#position.epoch;
    const covered = this.#olderFiles.filter(({ endSeq }) => endSeq - 1 <= throughSeq);
    // Files that a crash brought back from below the checkpoint are known by no epoch.
    return Math.max(this.#releasedEpoch, covered.at(-1)?.endEpoch ?? 0);
  }

  /**
   * Recycles every older file that holds nothing above `throughSeq`, oldest first.
   *
   * They are below the checkpoint, so it does not matter in which order their new names become durable.
   *
   * @param letGo - asked for each of them in turn; the first that has to stay keeps all behind it
   */
  release(throughSeq: number, letGo: (file: OlderFile) => Release = () => 'recycle'): void {
    const isFree = ({ endSeq }: OlderFile): boolean => endSeq - 1 <= throughSeq;
    const before = this.#olderFiles.length;
    // Kept beyond the files: the next checkpoint may cover no further one, and must not seem to cover less than this.
    this.#releasedEpoch = this.epochThrough(throughSeq);
    try {
      for (let file = this.#olderFiles[0]; file !== undefined; file = this.#olderFiles[0]) {
        const release = isFree(file) ? letGo(file) : 'stay';
        if (release === 'stay') break;
        if (release === 'recycle') this.#spares.recycle(file.name, file.bytes === this.#logFileBytes);
        this.#olderFiles.shift();
      }
      this.#spares.trim(this.roomBytes);
    } finally {
      if (this.#sync && this.#olderFiles.length < before) this.#directory.sync();
    }
  }

  /** Closes the file. A sync under way is let end first: the descriptor's number might become another file's. */
  close(): void {
    if (this.#underWay === undefined) this.#file.close();
    // Only a log that has failed closes then, whatever closing it says.
    else void this.#underWay.then(() => this.#file.close()).catch(() => undefined);
  }

  #assertMaySync(): void {
    assert(this.#sync, 'nothing is synced under policy off');
    assert(!this.isSyncing, 'one sync at a time');
  }

  #noteSynced({ epoch, nextSeq }: LogPosition, tookMs: number): void {
    this.#syncedThrough = epoch;
    this.#events.synced(tookMs, epoch, nextSeq);
  }

  #place(): SegmentPlace {
    const { logId, incarnation } = this.#start;
    const { headerCrc, certificateCrc } = this.#position;
    // Informational, and never lower than before even when the clock is set back (F24).
    this.#wallClockMs = Math.max(this.#wallClockMs, wallClockMs());
    return {
      logId,
      incarnation,
      fileNumber: this.#fileNumber,
      fileOffset: this.#offset,
      previous: { headerCrc, certificateCrc },
      syncedThrough: this.#syncedThrough,
      wallClockMs: this.#wallClockMs,
    };
  }

  /** Leaves the present file for a new one with room for `segmentBytes`. */
  #rotate(segmentBytes: number): void {
    assert(!this.isSyncing, 'the log does not leave a file that is being synced');
    // What the old file holds is durable before the log goes on elsewhere: later syncs only cover the new file. Marks
    // too: the new file is chained to the last segment, whatever it is.
    if (this.#sync && this.#hasUnsynced) this.sync();
    const fileNumber = this.#fileNumber + 1;
    if (fileNumber > Number.MAX_SAFE_INTEGER) throw exhausted('file number', { fileNumber: this.#fileNumber });
    const fileBytes = Math.max(this.#logFileBytes, FILE_HEADER_BYTES + segmentBytes);
    const spare = fileBytes === this.#logFileBytes ? this.#spares.oldest() : undefined;
    if (spare === undefined) this.#makeRoom(fileBytes);
    const file = this.#startFile(fileNumber, fileBytes, spare);
    if (spare !== undefined) this.#spares.taken(spare);
    this.#file.close();
    this.#hasUnsynced = false;
    const older = { fileNumber: this.#fileNumber, name: logFileName(this.#fileNumber), bytes: this.#fileBytes };
    this.#olderFiles.push({ ...older, endSeq: this.#position.nextSeq, endEpoch: this.#position.epoch });
    this.#file = file;
    this.#fileNumber = fileNumber;
    this.#fileBytes = fileBytes;
    this.#offset = FILE_HEADER_BYTES;
    this.#events.rotated(spare === undefined ? fileBytes : 0);
  }

  /**
   * Gives spares up for a file that is not one of them. A log of one file goes on whatever the bound: nothing could
   * be let go, and a segment larger than the bound has to stand somewhere.
   *
   * @throws {WalError} ERR_WAL_LOG_FULL; nothing has changed
   */
  #makeRoom(fileBytes: number): void {
    const roomBytes = this.roomBytes - fileBytes;
    const isAlone = this.#olderFiles.length === 0;
    if (roomBytes >= 0 || isAlone) this.#spares.trim(roomBytes);
    if (isAlone || this.#spares.chargedBytes <= roomBytes) return;
    const details = { maxLogBytes: this.#maxLogBytes, logBytes: this.bytes, fileBytes };
    throw new WalError('ERR_WAL_LOG_FULL', `The log has reached its ${this.#maxLogBytes} bytes.`, details);
  }

  /** The next log file, with its header and its name. */
  #startFile(fileNumber: number, fileBytes: number, spare: string | undefined): LogFile {
    const { logId, incarnation, pageBytes } = this.#start;
    const header = encodeFileHeader({
      flags: spare === undefined ? 0 : FILE_FLAG.recycled,
      incarnation,
      logId,
      fileNumber,
      pageBytes,
      start: this.#position,
      syncedThrough: this.#syncedThrough,
      wallClockMs: wallClockMs(),
      fileBytes,
    });
    const file = startLogFile(this.#directory, logFileName(fileNumber), header, spare, this.#sync);
    if (this.#sync) this.#events.directorySynced();
    return file;
  }
}
