// An open log, as its owner sees it: the composition root. It wires and sequences; what is decided, a folder decides.
// READ THIS FIRST, then design/overview.md. The order of openWal is the order of a log's life: settings, lock,
// recovery, shared memory, flusher; close goes the other way.

import { type Attachment, Attachments } from './attachments.js';
import { invalidArgument } from './base/errors.js';
import { type Control, STATE, type StateName, stateName } from './epoch/control.js';
import type { WaitOptions } from './epoch/mark-waiter.js';
import { type DurableRange, durablePublication, type Publication } from './epoch/publication.js';
import { drainAtExit } from './exit.js';
import type { FlushResult } from './flusher/flush-requests.js';
import { type FlusherHost, isRefusedClose } from './flusher/flusher-host.js';
import type { LogFileInfo } from './flusher/messages.js';
import type { DurableCommit } from './follow/commit-copy.js';
import { type CommitsOptions, durableCommits, type LogSource } from './follow/durable-commits.js';
import { PageHistory, type ReadOptions } from './follow/page-history.js';
import type { WalHandle } from './handle.js';
import { LOCK_NAME } from './log/names.js';
import { epochDurable, type Marks } from './marks.js';
import type { Metrics } from './metrics.js';
import { ModalLog } from './modal-log.js';
import { passOn } from './notices.js';
import { type Observation, within } from './observation.js';
import { type SegmentInfo, segmentsIn } from './recover.js';
import { openLog } from './recovery/opening.js';
import type { RecoveryReport } from './recovery/report.js';
import { type ReleaseObserver, ReleaseObservers } from './release-observers.js';
import { processEnvironment, resolveSettings, type SettingOptions, type Settings, settingValues } from './settings.js';
import { checkDirect } from './shadow/shadow-compare.js';
import { type Place, type RunningLog, startLog } from './start.js';
import type { Directory } from './storage/directory.js';
import { acquireLock, type LogLock } from './storage/lock.js';
import { NodeDirectory } from './storage/node-directory.js';
import { EventLoopHold } from './thread/keep-alive.js';
import { isMainThread } from './thread/thread-connect.js';
import { Ticking } from './ticking.js';
import type { WalWriter } from './writer.js';

/** Options of {@link openWal}: any of the settings. */
export type OpenOptions = SettingOptions;

/**
 * Opens the log of `dbPath`, which is the directory `<dbPath>-wal`, and makes it if it is not there.
 *
 * Recovers first: after a crash everything that was durable is there, and `wal.recovery` says what was found.
 *
 * @throws {WalError} ERR_WAL_LOCKED, ERR_WAL_CORRUPT, ERR_WAL_GAP, ERR_WAL_VERSION, ERR_WAL_INVALID_ARGUMENT,
 *   ERR_WAL_STORAGE_FULL, ERR_WAL_IO; nothing was changed then. ERR_WAL_WRONG_STORE: another log's archive
 *
 * Threading: the opening thread owns the log; others connect with `wal.handle`. When the owner ends, the log ends.
 * Source: design/recovery.md.
 */
export async function openWal(dbPath: string, options: OpenOptions = {}): Promise<Wal> {
  if (typeof dbPath !== 'string' || dbPath === '')
    throw invalidArgument('The path of a log must be a non-empty string.');
  const directory = new NodeDirectory(`${dbPath}-wal`);
  const place = { directory, lock: () => acquireLock(directory.path, LOCK_NAME), isThreaded: true };
  return new EventLoopHold().during(Wal.open(place, options));
}

/** An open log. Made by {@link openWal}. */
export class Wal extends ModalLog {
  /** What opening found. */
  readonly recovery: RecoveryReport;
  /** Reaches this log from other threads. */
  readonly handle: WalHandle;
  /** The settings in force. */
  readonly settings: Settings;
  readonly directory: Directory;
  readonly #lock: Pick<LogLock, 'release'>;
  readonly #control: Control;
  readonly #host: FlusherHost;
  readonly #writer: WalWriter;
  readonly #hold = new EventLoopHold();
  readonly #publication: Publication<DurableRange>;
  readonly #attachments = new Attachments((error) => this.emit('checkpointFailed', error));
  readonly #observers: ReleaseObservers;
  readonly #stopDraining: () => void;
  readonly #source: LogSource;
  readonly #history: PageHistory;
  readonly #observation: Observation;
  readonly #ticking: Ticking;
  readonly #ended: Promise<void>;
  #closing: Promise<void> | undefined;

  private constructor(place: Place, lock: Pick<LogLock, 'release'>, recovery: RecoveryReport, running: RunningLog) {
    super(running.control, running.host);
    const { settings, control } = running;
    this.settings = settings;
    this.recovery = recovery;
    this.handle = running.handle;
    this.directory = place.directory;
    this.#lock = lock;
    this.#control = control;
    this.#host = running.host;
    this.#writer = running.writer;
    this.#observation = running.observation;
    this.#publication = durablePublication(control);
    this.#source = { directory: this.directory, control, writerId: running.writer.writerId };
    this.#history = new PageHistory(this.#source, settings.pageSize);
    this.#observers = new ReleaseObservers(running.host);
    running.notices.listen((notice) => passOn(notice, this, this.#attachments, this.#observers));
    this.#ticking = new Ticking(settings.ticker, control, running.host, this.#hold);
    // A flusher on this very thread could not run while an exit handler does.
    const exitFlushMs = place.isThreaded ? settings.exitFlushMs : 0;
    this.#stopDraining = drainAtExit(control, exitFlushMs, () => void this.#host.flush().catch(() => undefined));
    this.#ended = this.#host.ended().then(() => this.#onEnd());
  }

  /** @internal */
  static async open(place: Place, options: OpenOptions): Promise<Wal> {
    const resolved = resolveSettings(options, processEnvironment(), isMainThread, 'log');
    const settings = settingValues(resolved);
    const sync = settings.fsync !== 'off';
    place.directory.create({ sync });
    const lock = place.lock();
    try {
      const opened = await openLog(place.directory, {
        ...settings,
        sync,
        pageBytes: resolved.pageSize.source === 'default' ? undefined : settings.pageSize,
        pageBytesDefault: settings.pageSize,
      });
      place.check?.(opened);
      if (settings.shadowDirect) checkDirect(place.directory, opened.fileName);
      const running = await startLog(place, { ...settings, pageSize: opened.pageBytes }, resolved, opened);
      return new Wal(place, lock, opened.report, running);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** This thread's writer. */
  connect(): WalWriter {
    return this.#writer;
  }

  /** `running`, `stalled` (disk full, or log at its bound), `closing`, `closed` or `failed` (reopen to recover). */
  get state(): StateName {
    return stateName(this.#control.state);
  }

  /** Whether the ticker runs. */
  get isRunning(): boolean {
    return this.#ticking.isRunning;
  }

  /** The marks now. Each is read once; together they are no snapshot. */
  marks(): Marks {
    return this.#observation.marks();
  }

  /** What was counted, how the log stands, and how long things took, as plain data; also once it is closed. */
  metrics(): Metrics {
    return this.#observation.metrics();
  }

  /** What the flusher has counted since the log was opened. */
  counters(): ReturnType<Control['counters']> {
    return this.#control.counters();
  }

  /** Resolves when a sequence, or an epoch, is durable; rejects like `commit.durable()`. */
  async durable(what: { seq: number } | { epoch: number }, options: WaitOptions = {}): Promise<void> {
    const { durable } = this.#writer.waiters;
    if ('seq' in what) return durable.wait(what.seq, options);
    return epochDurable(this.#control, durable, what.epoch, options);
  }

  /** Makes everything appended so far durable (under `off`: written). */
  flush(): Promise<FlushResult> {
    return this.#hold.during(this.#host.flush());
  }

  /**
   * Seals and flushes by hand; the way to move epochs when the ticker does not run.
   *
   * @throws {WalError} ERR_WAL_TIMEOUT with the epoch and the reason; the flush goes on, or is tried again
   */
  async advanceAndFlush({ timeoutMs }: { timeoutMs?: number } = {}): Promise<FlushResult> {
    return this.#hold.during(within(this.#host.flush(), timeoutMs, 'advance and flush', this.#observation));
  }

  /** Starts the ticker; twice is harmless. With a signal: until it fires, then as {@link stop}. */
  async start({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    await this.#ticking.start(signal);
  }

  /** Drains, then stops the ticker, unless it was started again. Twice is harmless; commits are still taken. */
  async stop(): Promise<void> {
    await this.#ticking.stop();
  }

  /** Goes on in a new log file, if the current one holds anything. @throws {WalError} as a checkpoint */
  rotate(): Promise<void> {
    return this.#hold.during(this.#host.rotate());
  }

  /** The log files, oldest first, and who keeps each. */
  async files(): Promise<LogFileInfo[]> {
    return this.#hold.during(this.#host.files());
  }

  /** The segments on disk, oldest first; reads and verifies the log, but for what is appended meanwhile. */
  async segments(): Promise<SegmentInfo[]> {
    return this.#hold.during(segmentsIn(this.directory));
  }

  /**
   * Says that everything up to `throughSeq` is kept durably elsewhere: frees the log files wholly below it.
   *
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT beyond the durable mark
   * Durability: the checkpoint record is synced before any file is recycled.
   */
  async checkpoint({ throughSeq }: { throughSeq: number }): Promise<void> {
    await this.#hold.during(this.#host.checkpoint(throughSeq));
  }

  /** The durable commits in order, each once: an async iterator; see {@link durableCommits}. */
  commits(options: CommitsOptions = {}): AsyncIterableIterator<DurableCommit, undefined> {
    return durableCommits(this.#source, options);
  }

  /** The image of a page as of a durable commit; from the log alone: see {@link PageHistory.read}. */
  read(pageNumber: number, options: ReadOptions = {}): Promise<Uint8Array | undefined> {
    return this.#hold.during(this.#history.read(pageNumber, options));
  }

  /** Calls back before a log file goes: {@link ReleaseObserver}. Returns how to stop. */
  onRelease(observer: ReleaseObserver): () => void {
    return this.#observers.add(observer);
  }

  /** Calls back with each range of commits once it is durable, in order. Returns how to stop. */
  onDurable(callback: (range: DurableRange) => void): () => void {
    return this.#publication.listen(callback);
  }

  /** @internal Registers something that is brought up to date before the log closes. */
  attach(attachment: Attachment): void {
    this.#attachments.add(attachment);
  }

  /**
   * Checkpoints what is attached, takes no more commits, writes and syncs what there is, and leaves the clean mark.
   * Twice is harmless. A log that has failed closes quietly: whoever waited was told.
   *
   * @throws {WalError} ERR_WAL_TIMEOUT (closing goes on), ERR_WAL_POISONED when the log fails meanwhile, the error of a
   *   checkpoint that failed (the log is closed nevertheless, and still holds everything); ERR_WAL_LOG_FULL when the
   *   log is at its bound and nothing makes room: it stays open, close it again when what pins it is gone
   */
  async close({ timeoutMs }: { timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#drain().catch((error) => {
      if (isRefusedClose(error)) this.#closing = undefined;
      throw error;
    });
    return this.#hold.during(within(this.#closing, timeoutMs, 'close', this.#observation));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #drain(): Promise<void> {
    if (this.#control.state === STATE.failed) return this.#ended;
    const failure = await this.#attachments.checkpoint();
    await this.#host.close();
    await this.#ended;
    // A log that was too full for the checkpoint, and is closed now, has been drained by somebody else's.
    if (failure !== undefined && !isRefusedClose(failure)) throw failure;
  }

  /** The flusher is gone, in order or not: nobody writes any more, others may open the log. */
  async #onEnd(): Promise<void> {
    this.#observation.end();
    this.#stopDraining();
    this.#writer.disconnect();
    this.#history.close();
    await this.#attachments.detach();
    this.#lock.release();
  }
}
