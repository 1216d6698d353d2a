// A log of entries, as its owner sees it: what every thread can (entry-log.ts), and truncation, saved states, recovery,
// close. Not here: how it is opened (open.ts).

import { monotonicMs } from '../base/clock.js';
import { invalidArgument } from '../base/errors.js';
import { Control } from '../epoch/control.js';
import { type Publication, type WrittenRange, writtenPublication } from '../epoch/publication.js';
import type { FlushResult } from '../flusher/flush-requests.js';
import type { LogFileInfo } from '../flusher/messages.js';
import type { WalHandle } from '../handle.js';
import { parseSpareFileName } from '../log/names.js';
import type { Marks } from '../marks.js';
import type { RecoveryReport } from '../recovery/report.js';
import type { Wal } from '../wal.js';
import type { Codec } from './codec.js';
import { warnWhenDropped } from './dropped.js';
import type { ReplayMode } from './entries.js';
import { type EntryFile, entryFiles } from './entry-files.js';
import { type Appended, checkEntryBytesMax, EntryLog, type EntrySettings } from './entry-log.js';
import { type FlushPolicy, flushMapping } from './flush-policy.js';
import { writeIdMark } from './id-marks.js';
import type { EntryObserver } from './observer.js';
import { readStates, type SavedState, savedNow, writeState } from './state-file.js';

/** Reaches an open log of entries from other threads. Cloneable. */
export interface TypedLogHandle {
  readonly kind: 'lanewal-typed';
  readonly wal: WalHandle;
  readonly directoryPath: string;
  readonly settings: EntrySettings;
}

/** What can be changed while a log is open. */
export interface Reconfiguration {
  readonly flush?: Exclude<FlushPolicy, { readonly intervalMs: number }> | undefined;
  readonly entryBytesMax?: number | undefined;
}

/** A state to be saved. */
export interface StateInput {
  /** Everything up to and with entry {@link StateInput.lastId}, as bytes. */
  readonly state: Uint8Array;
  /** The last entry that is in it; 0 for none. Durable. */
  readonly lastId: number;
  /** Plain data of the user, kept as JSON. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  /** Whether the log lets go of what both saved states cover; default true. */
  readonly truncate?: boolean | undefined;
}

/** What gets the state and the entries behind it. */
export interface StateTarget<E> {
  /** Called once, before any entry, if there is a saved state. */
  load?(state: Uint8Array, saved: { readonly lastId: number; readonly metadata: SavedState['metadata'] }): void;
  /** Called for each entry behind the state, in order; a promise is awaited before the next. */
  apply(entry: E, id: number): void | Promise<void>;
  /** Default `strict`. */
  readonly mode?: ReplayMode | undefined;
}

/** Something that a recovery of entries met. */
export interface EntryRecoveryProblem {
  /** A file of the log directory, or an entry. */
  readonly place: string;
  readonly reason: string;
  /** Whether something that was promised is missing from the result because of it. */
  readonly isFatal: boolean;
}

/** What a recovery of entries did. */
export interface EntryRecoveryReport {
  /** The last entry of the saved state that was loaded; null without one. */
  readonly stateUsed: number | null;
  readonly firstId: number;
  /** The last entry there is. */
  readonly lastId: number;
  readonly replayed: number;
  /** Entries that the codec refused. */
  readonly skipped: number;
  readonly problems: readonly EntryRecoveryProblem[];
  /** No problem is fatal. */
  readonly success: boolean;
  readonly durationMs: number;
  /** What opening the log below found. */
  readonly log: RecoveryReport;
}

/** Figures of an open log of entries. */
export interface TypedLogStats extends Marks {
  readonly firstId: number;
  readonly lastId: number;
  readonly entries: number;
  readonly files: number;
  /** The log files, oldest first, with the entries in each. */
  readonly ranges: readonly EntryFile[];
  /** Bytes of all log files. */
  readonly bytes: number;
  /** Files in the pool, to be used again. */
  readonly spareFiles: number;
  readonly counters: ReturnType<Wal['counters']>;
}

/**
 * An open log of entries. Made by `openTypedLog` and `openMemoryLog`.
 *
 * Threading: the opening thread owns it; others use `connectTypedLog(log.handle)`.
 */
export class TypedLog<E> extends EntryLog<E> {
  /** The log below: events, settings, files. Checkpoints go through {@link truncateBefore} and {@link saveState}. */
  readonly wal: Wal;
  readonly #logId: number;
  readonly #written: Publication<WrittenRange>;
  readonly #stopWarning: () => void;
  #last: Promise<unknown> = Promise.resolve();

  /** @internal */
  constructor(wal: Wal, codec: Codec<E>, settings: EntrySettings) {
    const { directory, handle } = wal;
    const writer = wal.connect();
    const control = new Control(handle.control);
    super(writer, { directory, control, writerId: writer.writerId }, codec, settings);
    this.wal = wal;
    this.#logId = settings.logId;
    this.#written = writtenPublication(control);
    this.#stopWarning = warnWhenDropped(this, { control, path: directory.path });
  }

  /** Reaches this log from other threads. */
  get handle(): TypedLogHandle {
    const { wal, settings } = this;
    return { kind: 'lanewal-typed', wal: wal.handle, directoryPath: wal.directory.path, settings };
  }

  /** What opening the log found; `cleanlyClosed` says whether it had been closed in order. */
  get recovery(): RecoveryReport {
    return this.wal.recovery;
  }

  /** Makes every entry appended so far durable (under `fsync: 'off'`: written). */
  flush(): Promise<FlushResult> {
    return this.wal.flush();
  }

  /** Figures as of now. */
  async stats(): Promise<TypedLogStats> {
    const { wal } = this;
    const ranges = await this.files();
    const { firstId, lastId } = this;
    const bytes = ranges.reduce((sum, file) => sum + file.bytes, 0);
    const spareFiles = wal.directory.list().filter((name) => parseSpareFileName(name) !== undefined).length;
    const ids = { firstId, lastId, entries: lastId + 1 - firstId };
    return { ...wal.marks(), ...ids, files: ranges.length, ranges, bytes, spareFiles, counters: wal.counters() };
  }

  /** The log files, oldest first: who keeps each, and which entries are in it. */
  async files(): Promise<EntryFile[]> {
    const files = await this.wal.files();
    return entryFiles(files, this.counted().segments());
  }

  /** Goes on in a new log file, if the current one holds anything. @throws {WalError} as `wal.rotate()` */
  rotate(): Promise<void> {
    return this.wal.rotate();
  }

  /** Tells an observer what the log does, and asks it before a log file goes. Returns how to stop. */
  observe(observer: EntryObserver): () => void {
    const { wal } = this;
    const { control } = this.source;
    const withEntries = (file: LogFileInfo): EntryFile => {
      // A log that has failed behind the notice counts no more.
      return entryFiles([file], control.hasEnded() ? [] : this.counted().segments())[0] as EntryFile;
    };
    const rotated = (file: LogFileInfo): void => observer.rotated?.(withEntries(file));
    const appended = (entries: Appended): void => observer.appended?.(entries);
    wal.on('rotated', rotated);
    this.appendListeners.add(appended);
    const leave = [
      this.#written.listen((range) => observer.flushed?.(range)),
      wal.onDurable((range) => observer.synced?.(range)),
      () => void wal.off('rotated', rotated),
      () => void this.appendListeners.delete(appended),
    ];
    const { mayGo } = observer;
    if (mayGo !== undefined) leave.push(wal.onRelease((file) => mayGo.call(observer, withEntries(file))));
    return () => {
      for (const each of leave) each();
    };
  }

  /**
   * Changes settings of the running log, in this thread and in those that connect from now on.
   *
   * @param change - `flush`: another policy, but for an interval, which is decided when the log is opened;
   *   `entryBytesMax`: another bound of an entry
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT; nothing has changed then
   */
  async reconfigure({ flush, entryBytesMax = this.settings.entryBytesMax }: Reconfiguration): Promise<void> {
    checkEntryBytesMax(entryBytesMax);
    if (typeof flush === 'object' && 'intervalMs' in flush)
      throw invalidArgument('An interval is decided when the log is opened.', { flush });
    const { every } = flush === undefined ? this.settings : flushMapping(flush, {});
    this.settings = { ...this.settings, every, entryBytesMax };
    // None of these policies has a ticker. Stopping it writes and syncs what there is.
    if (flush !== undefined) await this.wal.stop();
  }

  /**
   * Lets go of the entries below an id: they are not read any more, and log files that hold nothing else are freed.
   *
   * @param id - from 1 to one more than the last durable entry
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT, also for what the newest saved state does not hold
   * Durability: on return they are gone for good, also after a crash; before, they may be there again.
   */
  truncateBefore(id: number): Promise<void> {
    return this.#inTurn(() => this.#truncateBefore(id));
  }

  /**
   * Saves a state as of an entry; the log then lets go of what both saved states hold, so that either may be damaged.
   *
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT (an entry that is not durable), ERR_WAL_RECORD_TOO_LARGE,
   *   ERR_WAL_STORAGE_FULL, ERR_WAL_IO
   * Durability: synced on return. After a crash meanwhile the state before it counts.
   */
  saveState(input: StateInput): Promise<void> {
    return this.#inTurn(() => this.#saveState(input));
  }

  /**
   * Brings a user's state up to the log: the newest saved state that is whole, then every durable entry behind it.
   *
   * @returns what was found and done; what could not be is in `problems`
   * @throws {WalError} as {@link entries}, and what the target throws
   */
  async recover(target: StateTarget<E>): Promise<EntryRecoveryReport> {
    const startedMs = monotonicMs();
    const { firstId, lastId } = this;
    const problems: EntryRecoveryProblem[] = [];
    const saved = this.#usableState(problems, firstId, lastId);
    if (saved !== undefined) target.load?.(saved.state, { lastId: saved.lastId, metadata: saved.metadata });
    const isGone = saved === undefined && firstId > 1 && problems.length > 0;
    if (isGone)
      problems.push({ place: `entry ${firstId}`, reason: 'what is in front is in no saved state', isFatal: true });
    let replayed = 0;
    let skipped = 0;
    const onBadEntry = ({ id }: { id: number }): void => {
      skipped += 1;
      problems.push({ place: `entry ${id}`, reason: 'the codec refuses it', isFatal: true });
    };
    const from = Math.max(firstId, (saved?.lastId ?? 0) + 1);
    for await (const { entry, id } of this.entries({ from, mode: target.mode, onBadEntry })) {
      await target.apply(entry, id);
      replayed += 1;
    }
    const { file = '', reason = '' } = this.recovery.notRecovered[0] ?? {};
    if (reason !== '') problems.push({ place: file, reason, isFatal: true });
    const success = !problems.some(({ isFatal }) => isFatal);
    const durationMs = monotonicMs() - startedMs;
    const stateUsed = saved?.lastId ?? null;
    return { stateUsed, firstId, lastId, replayed, skipped, problems, success, durationMs, log: this.recovery };
  }

  /** Drains and closes the log, and leaves the clean mark. Twice is harmless. @throws {WalError} as `wal.close()` */
  async close(options: { timeoutMs?: number } = {}): Promise<void> {
    await this.wal.close(options);
    this.#stopWarning();
    this.index.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #truncateBefore(id: number): Promise<void> {
    const { firstId, lastId } = this;
    if (!Number.isSafeInteger(id) || id < 1 || id > lastId + 1)
      throw invalidArgument('Truncation is before an entry that is durable, or behind the last one.', { id, lastId });
    if (id <= firstId) return;
    const newest = readStates(this.wal.directory).states.find(({ logId }) => logId === this.#logId);
    if (newest !== undefined && id > newest.lastId + 1)
      throw invalidArgument('The newest saved state does not hold all of that.', { id, lastId: newest.lastId });
    await this.#letGo(id);
  }

  /** The mark first: without it nobody could tell the ids of what is left. Nothing is appended: the log may be full. */
  async #letGo(id: number): Promise<void> {
    const { seq: throughSeq, id: throughId } = this.index.placeBefore(id);
    const { directory, settings } = this.wal;
    const mark = { throughSeq, throughId, firstId: id };
    writeIdMark(directory, this.#logId, mark, { sync: settings.fsync !== 'off' });
    this.index.truncated(id);
    if (throughSeq > 0) await this.wal.checkpoint({ throughSeq });
  }

  async #saveState({ state, lastId, metadata = {}, truncate = true }: StateInput): Promise<void> {
    if (!(state instanceof Uint8Array)) throw invalidArgument('A state must be a Uint8Array.');
    const { firstId, lastId: durableId } = this;
    if (!Number.isSafeInteger(lastId) || lastId < firstId - 1 || lastId > durableId)
      throw invalidArgument('A state ends with an entry that is durable.', { lastId, firstId, durableId });
    const { directory, settings } = this.wal;
    const { states } = readStates(directory);
    const before = states.find(({ logId }) => logId === this.#logId);
    const place = this.index.placeBefore(lastId + 1);
    const saved = savedNow({
      logId: this.#logId,
      generation: (states[0]?.generation ?? 0) + 1,
      lastId,
      throughSeq: place.seq,
      throughId: place.id,
      metadata,
      state,
    });
    writeState(directory, saved, { sync: settings.fsync !== 'off' });
    const bothHold = Math.min(before?.lastId ?? 0, lastId) + 1;
    if (truncate && bothHold > firstId) await this.#letGo(bothHold);
  }

  /** The newest state behind which the log has every entry. */
  #usableState(problems: EntryRecoveryProblem[], firstId: number, lastId: number): SavedState | undefined {
    const { states, bad } = readStates(this.wal.directory);
    for (const { name, reason } of bad) problems.push({ place: name, reason, isFatal: false });
    for (const saved of states) {
      const place = `state of entry ${saved.lastId}`;
      if (saved.logId !== this.#logId) problems.push({ place, reason: 'it is of another log', isFatal: false });
      else if (saved.lastId > lastId)
        problems.push({ place, reason: `the log ends in front of it, at ${lastId}`, isFatal: true });
      else if (saved.lastId + 1 < firstId)
        problems.push({ place, reason: `the log begins behind it, at ${firstId}`, isFatal: false });
      else return saved;
    }
    return undefined;
  }
}
