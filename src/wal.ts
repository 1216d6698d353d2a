// An open log, as its owner sees it: the composition root. It wires and sequences; what is decided, a folder decides.
// READ THIS FIRST, then design/overview.md. The order of openWal is the order of a log's life: settings, lock, recovery,
// shared memory, flusher; close goes the other way.

import { EventEmitter } from 'node:events';
import { invalidArgument, WalError } from './base/errors.js';
import { connectWal } from './connect.js';
import { Control, MEMORY_VERSION, STATE, type StateName } from './epoch/control.js';
import type { WaitOptions } from './epoch/mark-waiter.js';
import { drainAtExit } from './exit.js';
import { FlusherHost } from './flusher/flusher-host.js';
import type { FlushResult } from './flusher/flusher.js';
import type { FlusherNotice, FlusherStart, LogFileInfo } from './flusher/messages.js';
import { frameSeed } from './frame/codec.js';
import type { WalHandle } from './handle.js';
import { Lane } from './lane/lane.js';
import { LOCK_NAME } from './log/names.js';
import { type OpenedLog, openLog } from './recovery/opening.js';
import type { RecoveryReport } from './recovery/report.js';
import { processEnvironment, resolveSettings, type SettingOptions, type Settings, settingValues } from './settings.js';
import type { Directory } from './storage/directory.js';
import { acquireLock, type LogLock } from './storage/lock.js';
import { NodeDirectory } from './storage/node-directory.js';
import { EventLoopHold } from './thread/keep-alive.js';
import { isMainThread, threadId } from './thread/thread-connect.js';
import type { WalWriter } from './writer.js';

/** Options of {@link openWal}: any of the settings. */
export type OpenOptions = SettingOptions;

/** How far the log is. Each mark means everything up to it, and only moves forward. */
export interface Marks {
  /** Last commit published in a lane, with all before it. */
  readonly appendedSeq: number;
  /** Last commit that survives the death of the process. */
  readonly writtenSeq: number;
  /** Last commit that survives power loss; under `off` the same as written. */
  readonly durableSeq: number;
  /** Last epoch of which that is true. */
  readonly durableEpoch: number;
  /** Last epoch sealed. */
  readonly epoch: number;
}

/** A range of commits that became durable: `firstSeq` to `lastSeq`, both inclusive. */
export interface DurableRange {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly durableEpoch: number;
}

interface WalEvents {
  stalled: [error: WalError];
  resumed: [];
  failed: [error: WalError];
}

/** Something attached to the log that has to be brought up to date before it closes. */
export interface Attachment {
  beforeClose(): Promise<void>;
}

/** What a log is opened on. */
export interface Place {
  readonly directory: Directory;
  /** Takes the exclusive lock. */
  lock(): Pick<LogLock, 'release'>;
  /** Whether the flusher gets a thread of its own. */
  readonly isThreaded: boolean;
}

/**
 * Opens the log of `dbPath`, which is the directory `<dbPath>-wal`, and makes it if it is not there.
 *
 * Recovers first: after a crash everything that was durable is there, and `wal.recovery` says what was found.
 *
 * @throws {WalError} ERR_WAL_LOCKED, ERR_WAL_CORRUPT, ERR_WAL_GAP, ERR_WAL_VERSION, ERR_WAL_INVALID_ARGUMENT,
 *   ERR_WAL_STORAGE_FULL, ERR_WAL_IO; nothing was changed then
 *
 * Threading: the opening thread owns the log; others connect with `wal.handle`. When the owner ends, the log ends.
 * Source: design/recovery.md.
 */
export function openWal(dbPath: string, options: OpenOptions = {}): Promise<Wal> {
  if (typeof dbPath !== 'string' || dbPath === '') throw invalidArgument('The path of a log must be a non-empty string.');
  const directory = new NodeDirectory(`${dbPath}-wal`);
  const place = { directory, lock: () => acquireLock(directory.path, LOCK_NAME), isThreaded: true };
  return new EventLoopHold().during(Wal.open(place, options));
}

/** How the flusher's notices reach a log; not for users. */
const NOTICE = Symbol('notice');

/** An open log. Made by {@link openWal}. */
export class Wal extends EventEmitter<WalEvents> {
  /** What opening found. */
  readonly recovery: RecoveryReport;
  /** Reaches this log from other threads. */
  readonly handle: WalHandle;
  /** The settings in force. */
  readonly settings: Settings;
  readonly directory: Directory;
  readonly #lock: Pick<LogLock, 'release'>;
  readonly #control: Control;
  readonly #lanes: readonly Lane[];
  readonly #host: FlusherHost;
  readonly #writer: WalWriter;
  readonly #hold = new EventLoopHold();
  readonly #onDurable = new Set<(range: DurableRange) => void>();
  readonly #attachments = new Set<Attachment>();
  readonly #stopDraining: () => void;
  #isTicking: boolean;
  #isFollowing = false;
  #closing: Promise<void> | undefined;

  private constructor(parts: {
    settings: Settings;
    opened: OpenedLog;
    place: Place;
    lock: Pick<LogLock, 'release'>;
    control: Control;
    lanes: readonly Lane[];
    host: FlusherHost;
    writer: WalWriter;
    handle: WalHandle;
  }) {
    super();
    this.settings = parts.settings;
    this.recovery = parts.opened.report;
    this.handle = parts.handle;
    this.directory = parts.place.directory;
    this.#lock = parts.lock;
    this.#control = parts.control;
    this.#lanes = parts.lanes;
    this.#host = parts.host;
    this.#writer = parts.writer;
    this.#isTicking = parts.settings.ticker;
    this.#stopDraining = drainAtExit(this.#control, parts.settings.exitFlushMs, parts.place.isThreaded);
    void this.#host.ended().then(() => this.#onEnd());
  }

  /** @internal */
  static async open(place: Place, options: OpenOptions): Promise<Wal> {
    const resolved = resolveSettings(options, processEnvironment(), isMainThread);
    const settings = settingValues(resolved);
    const sync = settings.fsync !== 'off';
    place.directory.create({ sync });
    const lock = place.lock();
    try {
      const opened = await openLog(place.directory, {
        pageBytes: resolved.pageSize.source === 'default' ? undefined : settings.pageSize,
        pageBytesDefault: settings.pageSize,
        logFileBytes: settings.logFileBytes,
        sync,
        onDamage: settings.onDamage,
        recoveryMemoryBytes: settings.recoveryMemoryBytes,
        workerUrls: settings.workerUrls,
      });
      return await Wal.#start(place, { ...settings, pageSize: opened.pageBytes }, resolved.appendTimeoutMs.source !== 'default', opened, lock);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  static async #start(
    place: Place,
    settings: Settings,
    isTimeoutGiven: boolean,
    opened: OpenedLog,
    lock: Pick<LogLock, 'release'>,
  ): Promise<Wal> {
    const control = Control.create(opened.position.nextSeq - 1, opened.position.epoch);
    for (const [space, pages] of opened.sizes) control.setSizePages(space, pages);
    const lanes = Array.from({ length: settings.lanes }, (_, index) => Lane.create(index, settings.laneBytes));
    const key = `${opened.logId.toString(16)}-${opened.incarnation}-${threadId}-${place.directory.path}`;
    const start: FlusherStart = {
      directoryPath: place.directory.path,
      workerUrls: settings.workerUrls,
      key,
      control: control.buffer,
      lanes: lanes.map(({ buffer }) => buffer),
      logStart: opened,
      checkpoint: { generation: opened.checkpoint?.generation ?? 0, throughSeq: opened.checkpoint?.throughSeq ?? 0 },
      settings,
      isTicking: settings.ticker,
    };
    let wal: Wal | undefined;
    const onNotice = (notice: FlusherNotice): void => wal?.[NOTICE](notice);
    const host = place.isThreaded ? await FlusherHost.start(start, onNotice) : FlusherHost.inline(start, place.directory, onNotice);
    const handle: WalHandle = {
      kind: 'lanewal',
      memoryVersion: MEMORY_VERSION,
      key,
      flusherThreadId: host.threadId,
      control: control.buffer,
      lanes: start.lanes,
      frameSeed: frameSeed(opened.logId, opened.incarnation),
      pageSize: settings.pageSize,
      maxJumboBytes: settings.maxJumboBytes,
      maxParallelCommitBytes: settings.maxParallelCommitBytes,
      appendTimeoutMs: isTimeoutGiven ? settings.appendTimeoutMs : undefined,
    };
    const writer = await connectWal(handle);
    wal = new Wal({ settings, opened, place, lock, control, lanes, host, writer, handle });
    return wal;
  }

  /** This thread's writer. */
  connect(): WalWriter {
    return this.#writer;
  }

  /** `running`, `stalled` (the disk is full), `closing`, `closed` or `failed` (reopen to recover). */
  get state(): StateName {
    const { state } = this.#control;
    return (Object.keys(STATE) as StateName[]).find((name) => STATE[name] === state) as StateName;
  }

  /** Whether the ticker runs. */
  get isRunning(): boolean {
    return this.#isTicking && this.#control.isOpen();
  }

  /** The marks now. Each is read once; together they are no snapshot. */
  marks(): Marks {
    const durableSeq = this.#control.durableSeq.load();
    const durableEpoch = this.#control.durableEpoch.load();
    const writtenSeq = this.#control.writtenSeq.load();
    const epoch = this.#control.sealedEpoch.load();
    return { appendedSeq: this.#appendedSeq(), writtenSeq, durableSeq, durableEpoch, epoch };
  }

  /** What the flusher has counted since the log was opened. */
  counters(): ReturnType<Control['counters']> {
    return this.#control.counters();
  }

  /** Resolves when a sequence, or an epoch, is durable; rejects like `commit.durable()`. */
  async durable(what: { seq: number } | { epoch: number }, options: WaitOptions = {}): Promise<void> {
    if ('seq' in what) return this.#writer.waiters.durable.wait(what.seq, options);
    while (this.#control.durableEpoch.load() < what.epoch) {
      await this.#writer.waiters.durable.wait(this.#control.durableSeq.load() + 1, options);
    }
  }

  /** Makes everything appended so far durable (under `off`: written). */
  async flush(): Promise<FlushResult> {
    return this.#hold.during(this.#host.flush());
  }

  /**
   * Seals and flushes by hand; the way to move epochs when the ticker does not run.
   *
   * @throws {WalError} ERR_WAL_TIMEOUT with the epoch and the reason; the flush goes on, or is tried again
   */
  async advanceAndFlush({ timeoutMs }: { timeoutMs?: number } = {}): Promise<FlushResult> {
    return this.#within(this.#host.flush(), timeoutMs, 'advance and flush');
  }

  /** Starts the ticker; twice is harmless. With a signal: until it fires, then as {@link stop}. */
  async start({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    if (signal?.aborted === true) return;
    this.#isTicking = true;
    await this.#hold.during(this.#host.setTicking(true));
    signal?.addEventListener('abort', () => void this.stop().catch(() => undefined), { once: true });
  }

  /** Drains, then stops the ticker; twice is harmless. Commits are still taken. */
  async stop(): Promise<void> {
    if (!this.#isTicking) return;
    this.#isTicking = false;
    await this.#hold.during(this.#host.flush().then(() => this.#host.setTicking(false)));
  }

  /** The log files, oldest first. */
  async files(): Promise<LogFileInfo[]> {
    return this.#hold.during(this.#host.files());
  }

  /**
   * Says that everything up to `throughSeq` is kept durably elsewhere: frees the log files wholly below it.
   *
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT beyond the durable mark
   * Durability: the checkpoint record is synced before any file is recycled.
   */
  async checkpoint({ throughSeq }: { throughSeq: number }): Promise<void> {
    if (!Number.isSafeInteger(throughSeq) || throughSeq < 0) {
      throw invalidArgument('throughSeq must be a commit sequence.', { throughSeq });
    }
    await this.#hold.during(this.#host.checkpoint(throughSeq));
  }

  /** Calls back with each range of commits once it is durable, in order. Returns how to stop. */
  onDurable(callback: (range: DurableRange) => void): () => void {
    this.#onDurable.add(callback);
    void this.#follow();
    return () => this.#onDurable.delete(callback);
  }

  /** @internal Registers something that is brought up to date before the log closes. Returns how to leave. */
  attach(attachment: Attachment): () => void {
    this.#attachments.add(attachment);
    return () => this.#attachments.delete(attachment);
  }

  /**
   * Takes no more commits, writes and syncs what there is, and leaves the clean mark. Twice is harmless.
   *
   * @throws {WalError} ERR_WAL_TIMEOUT (closing goes on), ERR_WAL_POISONED when the log failed
   */
  async close({ timeoutMs }: { timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#drain();
    return this.#within(this.#closing, timeoutMs, 'close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #drain(): Promise<void> {
    if (this.#control.state === STATE.failed) return this.#host.ended();
    for (const attachment of [...this.#attachments]) await attachment.beforeClose();
    await this.#host.close();
  }

  /** The flusher is gone, in order or not: nobody writes any more, others may open the log. */
  #onEnd(): void {
    this.#stopDraining();
    this.#writer.disconnect();
    this.#lock.release();
  }

  [NOTICE](notice: FlusherNotice): void {
    if (notice.kind === 'resumed') this.emit('resumed');
    else this.emit(notice.kind, WalError.fromWire(notice.error));
  }

  async #within<T>(work: Promise<T>, timeoutMs: number | undefined, doing: string): Promise<T> {
    if (timeoutMs === undefined) return this.#hold.during(work);
    let timer: NodeJS.Timeout | undefined;
    const timedOut = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#timedOut(timeoutMs, doing)), timeoutMs);
    });
    work.catch(() => undefined);
    return this.#hold.during(Promise.race([work, timedOut])).finally(() => clearTimeout(timer));
  }

  #timedOut(timeoutMs: number, doing: string): WalError {
    const reason = this.#control.state === STATE.stalled ? this.#control.failure() : undefined;
    const details = { timeoutMs, state: this.state, ...this.marks() };
    return new WalError('ERR_WAL_TIMEOUT', `Could not ${doing} within ${timeoutMs} ms; it goes on.`, details, reason);
  }

  /** Last commit below which every sequence is published or void. */
  #appendedSeq(): number {
    let end = this.#control.commitSeqNext.load();
    for (const lane of this.#lanes) {
      const guard = lane.guard.load();
      if (guard !== 0 && guard < end) end = guard;
    }
    return end - 1;
  }

  /** Publishes ranges behind the durable mark as long as somebody listens. Does not keep the process alive. */
  async #follow(): Promise<void> {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    let published = this.#control.durableSeq.load();
    while (this.#onDurable.size > 0) {
      const turn = this.#control.durableTurn.load();
      const lastSeq = this.#control.durableSeq.load();
      if (lastSeq > published) {
        const range = { firstSeq: published + 1, lastSeq, durableEpoch: this.#control.durableEpoch.load() };
        published = lastSeq;
        for (const callback of this.#onDurable) callback(range);
      }
      if (this.#control.state === STATE.closed || this.#control.state === STATE.failed) break;
      await this.#control.durableTurn.waitAsync(turn);
    }
    this.#isFollowing = false;
  }
}
