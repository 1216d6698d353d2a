// One thread's way into an open log: append, with back-pressure. The protocol of an append is in lane/lane-writer.ts;
// here is what surrounds it: the complete check before, waiting for space, jumbos, waking the flusher after.

import { appendPaths } from './append-paths.js';
import { monotonicMs } from './base/clock.js';
import { exhausted } from './base/counters.js';
import { type ErrorDetails, WalError } from './base/errors.js';
import { checkWaitBounds } from './base/wait-bounds.js';
import { Commit, type MarkWaiters } from './commit.js';
import type { AppendPath } from './control/ordered-encoder.js';
import { Control, SPACE_COUNT_MAX, STATE } from './epoch/control.js';
import { type KeepAlive, MarkWaiter } from './epoch/mark-waiter.js';
import type { WriterMessage, WriterWelcome } from './flusher/messages.js';
import type { WalHandle } from './handle.js';
import { Lane } from './lane/lane.js';
import { checkFrameSize, LaneWriter, type Refusal } from './lane/lane-writer.js';
import { type AtomicOps, atomics } from './memory/atomics.js';
import { AppendTelemetry } from './observe/append-telemetry.js';
import { Telemetry } from './observe/telemetry.js';
import { type CheckedCommit, type CommitBounds, type CommitInput, checkCommit } from './record/commit.js';
import { type AppendSteps, type Attempt, aborted, isFinal, type Published, StagedAppends } from './staged-appends.js';
import type { MessagePort } from './thread/thread-connect.js';

/** How long an append waits for another writer inside the same lane, whatever its timeout: it needs microseconds, or it
 * is dead and the flusher takes its lock away within this time. Then it looks whether there still is a flusher. */
const LOCK_WAIT_MS = 50;
/** Staged bytes of all lanes are added up once per this share of the cap; the cap is exact to that. */
const CAP_CHECK_SHARE = 64;

/** Bounds of one append. */
export interface AppendOptions {
  /** How long to wait for space in the lane; default `appendTimeoutMs` (1000 in workers, 0 on the main thread). */
  readonly timeoutMs?: number | undefined;
}

/** Bounds of one append that does not block. */
export interface AppendAsyncOptions extends AppendOptions {
  readonly signal?: AbortSignal | undefined;
}

/** An attempt at what fits the lane. A class, because every append makes one: closures would be three more objects. */
class PathAttempt implements Attempt {
  readonly isEncoded = false;
  readonly commit: CheckedCommit;
  readonly path: AppendPath;

  constructor(path: AppendPath, commit: CheckedCommit) {
    this.path = path;
    this.commit = commit;
  }

  try(lockTimeoutMs: number): number | Refusal {
    return this.path.tryAppend(this.commit, lockTimeoutMs);
  }

  drop(): void {
    // Nothing was handed to anybody.
  }
}

/** Appends commits of one thread. Made by `wal.connect()` or `connectWal(handle)`; one per thread. */
export class WalWriter {
  readonly #handle: WalHandle;
  readonly #control: Control;
  readonly #lanes: readonly Lane[];
  readonly #lane: Lane;
  /** The ways into the log, by the code of the mode that each belongs to. */
  readonly #paths: readonly AppendPath[];
  readonly #writerId: number;
  readonly #port: MessagePort;
  readonly #keepAlive: KeepAlive;
  readonly #bounds: CommitBounds;
  readonly #waiters: MarkWaiters;
  readonly #telemetry: AppendTelemetry;
  readonly #staged: StagedAppends;
  readonly #appendTimeoutMs: number;
  readonly #onDisconnect: () => void;
  #jumboNext = 0;
  #bytesSinceCheck = 0;
  #isConnected = true;

  /** @internal */
  constructor(
    handle: WalHandle,
    welcome: WriterWelcome,
    port: MessagePort,
    keepAlive: KeepAlive,
    appendTimeoutMs: number,
    onDisconnect: () => void,
    ops: AtomicOps = atomics,
  ) {
    this.#onDisconnect = onDisconnect;
    this.#handle = handle;
    this.#control = new Control(handle.control, ops);
    this.#lanes = handle.lanes.map((buffer, index) => new Lane(index, buffer, ops));
    const lane = this.#lanes[welcome.laneIndex] as Lane;
    this.#lane = lane;
    this.#writerId = welcome.writerId;
    this.#paths = appendPaths(handle, this.#lanes, lane, welcome.writerId, this.#control);
    this.#port = port;
    this.#keepAlive = keepAlive;
    this.#appendTimeoutMs = handle.appendTimeoutMs ?? appendTimeoutMs;
    this.#bounds = {
      pageBytes: handle.pageSize,
      spaceCountMax: SPACE_COUNT_MAX,
      sizePages: (space) => this.#control.sizePages(space),
    };
    const telemetry = new Telemetry(handle.telemetry);
    this.#telemetry = new AppendTelemetry(telemetry, handle.traceId, this.#control);
    this.#waiters = {
      written: new MarkWaiter(this.#control, 'written', keepAlive),
      durable: new MarkWaiter(this.#control, 'durable', keepAlive, (tookMs) => telemetry.commit.add(tookMs)),
    };
    const steps: AppendSteps = {
      prepare: (input) => this.#prepare(input),
      prepareAgain: (attempt, input) => this.#prepareAgain(attempt, input),
      prepareOtherWay: (attempt, input) => this.#prepareOtherWay(attempt, input),
      tryRun: (run) => this.#tryRun(run),
      published: (run) => this.#publishedRun(run),
      askFor: (refusal) => this.#askForSpace(refusal),
      refused: (refusal, { path }, timeoutMs) => this.#refused(refusal, path, timeoutMs),
    };
    const place = { index: lane.index, count: this.#lanes.length };
    this.#staged = new StagedAppends(steps, place, handle.maxParallelCommitBytes, this.#control.writtenTurn, keepAlive);
  }

  /** The lane of this thread, from 0; stable. In conservative mode all threads append to lane 0 instead. */
  get lane(): number {
    return this.#lane.index;
  }

  /** Whether the lane is at most half full, staged appends counted: a hint, as for a stream. */
  get writable(): boolean {
    const path = this.#path;
    const freeBytes = path.freeBytes() - this.#staged.bytes;
    return this.#isConnected && this.#control.isOpen() && freeBytes * 2 >= path.lane.bytes;
  }

  get #path(): AppendPath {
    return this.#paths[this.#control.modeCode()] as AppendPath;
  }

  /** @internal The id under which this thread holds locks and pins. */
  get writerId(): number {
    return this.#writerId;
  }

  /** @internal */
  get waiters(): MarkWaiters {
    return this.#waiters;
  }

  /**
   * Appends one commit. Copies everything before it returns; no I/O.
   *
   * The caller holds its page latches from its last read of a page until this returns: then `seq` is the order of the
   * page's versions.
   *
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT, ERR_WAL_RECORD_TOO_LARGE, ERR_WAL_CLOSED, ERR_WAL_POISONED,
   *   ERR_WAL_EXHAUSTED, ERR_WAL_LANE_FULL (no space and `timeoutMs` 0), ERR_WAL_LOG_FULL (likewise, and the log is at
   *   its bound), ERR_WAL_TIMEOUT, ERR_WAL_STORAGE_FULL (no space and the disk is full); nothing was written then
   *
   * Durability: none yet. Await `commit.durable()` or `commit.written()`.
   * Threading: only the thread that connected.
   * Source: design/concurrency.md, "Append".
   */
  append(input: CommitInput, { timeoutMs = this.#appendTimeoutMs }: AppendOptions = {}): Commit {
    checkWaitBounds({ timeoutMs });
    this.enterStaged();
    const measured = this.#telemetry.begin();
    let attempt = this.#prepare(input);
    // Known when it is needed: an append that finds space does not look at the clock.
    let deadlineMs: number | undefined;
    let lockMs = LOCK_WAIT_MS;
    try {
      for (;;) {
        const turn = this.#control.writtenTurn.load();
        const result = attempt.try(lockMs);
        if (typeof result === 'number') {
          this.#wakeFlusher(attempt.path.lane, attempt.commit.recordsBytes);
          return this.#published({ seq: result, attempt, measured });
        }
        // A full lane of a log that has ended never gets room, and a lock in it is taken from no dead holder.
        if (!this.#control.isOpen()) throw this.#refused('closed', attempt.path, timeoutMs);
        if (result === 'switched') {
          attempt = this.#prepareOtherWay(attempt, input);
          continue;
        }
        const nowMs = monotonicMs();
        deadlineMs ??= nowMs + timeoutMs;
        const leftMs = deadlineMs - nowMs;
        if (isFinal(result) || leftMs <= 0) throw this.#refused(result, attempt.path, timeoutMs);
        this.#askForSpace(result);
        if (measured !== undefined) measured.hasWaited = true;
        if (result === 'full') this.#control.writtenTurn.wait(turn, leftMs);
        lockMs = Math.min(leftMs, LOCK_WAIT_MS);
      }
    } catch (error) {
      attempt.drop();
      throw error;
    }
  }

  /**
   * Like {@link append}, without blocking: waits for space as long as it takes, or as the options say.
   *
   * Appends of one turn of the event loop enter the lane together, in the order of the calls, and before whatever this
   * thread does next with the log. The commit is the caller's until the promise settles: it is read when it enters, and
   * checked again then.
   *
   * @throws {WalError} as append, and ERR_WAL_ABORTED
   * Source: design/concurrency.md, "Staging".
   */
  appendAsync(input: CommitInput, options: AppendAsyncOptions = {}): Promise<Commit> {
    return new Promise((resolve, reject) => {
      checkWaitBounds(options);
      if (options.signal?.aborted) throw aborted(options.signal);
      this.#staged.add(input, options, this.#telemetry.begin(), { resolve, reject });
    });
  }

  /** @internal Lets staged appends enter now, as far as there is space: what follows comes behind them. */
  enterStaged(): void {
    if (this.#staged.bytes > 0) this.#staged.enter();
  }

  /** Resolves when the lane is writable again; rejects when the log takes nothing more. */
  async ready(): Promise<void> {
    for (;;) {
      const turn = this.#control.writtenTurn.load();
      if (this.writable) return;
      this.#checkOpen();
      this.#askForSpace('full');
      this.#keepAlive.hold();
      await this.#control.writtenTurn.waitAsync(turn).finally(() => this.#keepAlive.letGo());
    }
  }

  /** Leaves the log: the lane is free for others. Commits already appended stay. */
  disconnect(): void {
    this.enterStaged();
    this.#isConnected = false;
    this.#onDisconnect();
    this.#port.close();
  }

  /** Checks a commit and says how to try to append it. */
  #prepare(input: CommitInput): Attempt {
    this.#checkOpen();
    const commit = checkCommit(input, this.#bounds);
    checkFrameSize(commit);
    const path = this.#path;
    if (!path.isJumbo(commit.recordsBytes)) return new PathAttempt(path, commit);
    // What the header still needs, as it was when the bytes were encoded.
    const kept = { ...commit, pages: [...commit.pages], sizes: commit.sizes.map((size) => ({ ...size })) };
    // The buffer goes to the flusher before any reference to it can be published.
    const jumbo = path.encodeJumbo(commit, this.#writerId * 2 ** 32 + this.#jumboNext++);
    this.#post({ kind: 'jumbo', ...jumbo });
    return {
      commit,
      path,
      isEncoded: true,
      try: (lockMs) => path.tryAppendJumbo(kept, jumbo, lockMs, (bytes) => this.#admitJumbo(path.lane, bytes)),
      drop: () => this.#post({ kind: 'dropJumbo', jumboId: jumbo.jumboId }),
    };
  }

  /**
   * An attempt after a wait, in which the caller's arrays may have changed: what was checked is not what is there now.
   * Encoding them unchecked could overrun the space that was claimed.
   */
  #prepareAgain(attempt: Attempt, input: CommitInput): Attempt {
    this.#checkOpen();
    return attempt.isEncoded ? attempt : this.#prepare(input);
  }

  /** The mode has changed before the commit was published: it goes the other way from the beginning (M1). */
  #prepareOtherWay(attempt: Attempt, input: CommitInput): Attempt {
    attempt.drop();
    return this.#prepare(input);
  }

  /** Tries a run as far as it goes the way of its first; one by one on the ordered path, which knows no runs. */
  #tryRun(run: readonly Attempt[]): readonly number[] | Refusal {
    const [first] = run as readonly [Attempt];
    const { path: way } = first;
    if (first.isEncoded || !(way instanceof LaneWriter)) {
      const result = first.try(0);
      return typeof result === 'number' ? [result] : result;
    }
    const other = run.findIndex(({ path }) => path !== way);
    const together = other < 0 ? run : run.slice(0, other);
    return way.tryAppendRun(
      together.map(({ commit }) => commit),
      0,
    );
  }

  #checkOpen(): void {
    // First: a log that failed says so, also to a writer that it made leave.
    if (!this.#control.isOpen()) throw this.#refused('closed', this.#path, 0);
    // A writer that left has no port any more: its jumbos would not arrive, and nobody would clean up after its death.
    if (!this.#isConnected) throw new WalError('ERR_WAL_CLOSED', 'This writer has left the log; connect again.');
  }

  #post(message: WriterMessage): void {
    this.#port.postMessage(message);
  }

  /** Claims room for a jumbo, in the lane's lock: bytes in flight stay bounded, but one is always let through. */
  #admitJumbo({ jumboClaimed }: Lane, bytes: number): boolean {
    const { jumboLock } = this.#control;
    if (!jumboLock.acquire(this.#writerId, LOCK_WAIT_MS)) return false;
    try {
      const inFlight = this.#lanes.reduce((sum, lane) => sum + lane.jumboBytes(), 0);
      if (inFlight > 0 && inFlight + bytes > this.#handle.maxJumboBytes) return false;
      jumboClaimed.store(jumboClaimed.load() + bytes);
      return true;
    } finally {
      jumboLock.release(this.#writerId);
    }
  }

  /** Tells the flusher, behind the publication of `bytes` of records. */
  #wakeFlusher(lane: Lane, bytes: number): void {
    this.#bytesSinceCheck += bytes;
    this.#control.wakeFlusher(this.#isSealWanted(lane) ? 'demand' : 'commit');
  }

  #publishedRun(run: readonly Published[]): Commit[] {
    const [first] = run as readonly [Published];
    const bytes = run.reduce((sum, { attempt }) => sum + attempt.commit.recordsBytes, 0);
    this.#wakeFlusher(first.attempt.path.lane, bytes);
    if (run.length > 1) this.#entered(run.at(-1)?.seq as number);
    return run.map((published) => this.#published(published));
  }

  #published({ seq, attempt: { path, commit, isEncoded: isJumbo }, measured }: Published): Commit {
    const { recordsBytes: bytes, pages } = commit;
    if (measured !== undefined)
      this.#telemetry.end(measured, { seq, lane: path.lane.index, pages: pages.length, bytes, isJumbo });
    return new Commit(seq, this.#waiters);
  }

  /** Commits that entered together are waited for together: one of them asks for the flush of all. */
  #entered(lastSeq: number): void {
    this.#waiters.written.entered(lastSeq);
    this.#waiters.durable.entered(lastSeq);
  }

  /** Whether what is staged by now should not wait for the tick. */
  #isSealWanted(lane: Lane): boolean {
    if (lane.stagedBytes() * 2 > lane.bytes) return true;
    if (this.#bytesSinceCheck * CAP_CHECK_SHARE < this.#handle.maxParallelCommitBytes) return false;
    this.#bytesSinceCheck = 0;
    return this.#lanes.reduce((sum, each) => sum + each.stagedBytes(), 0) >= this.#handle.maxParallelCommitBytes;
  }

  #askForSpace(refusal: Refusal): void {
    if (refusal === 'full') this.#control.demandThrough(this.#control.commitSeqNext.load() - 1);
  }

  /** The error of an append that did not happen. */
  #refused(refusal: Refusal, { lane }: AppendPath, timeoutMs: number): WalError {
    const { state } = this.#control;
    if (state === STATE.failed) return this.#control.failure();
    if (refusal === 'closed')
      return new WalError('ERR_WAL_CLOSED', 'The log is closing or closed and takes no commits.');
    if (refusal === 'exhausted')
      return exhausted('commit sequence', { commitSeqNext: this.#control.commitSeqNext.load() });
    const details = { lane: lane.index, laneBytes: lane.bytes, stagedBytes: lane.stagedBytes(), timeoutMs, refusal };
    if (state === STATE.stalled) return stalled(this.#control.failure(), lane.index, details);
    if (timeoutMs === 0) {
      return new WalError(
        'ERR_WAL_LANE_FULL',
        `Lane ${lane.index} has no space now; retry, or use appendAsync.`,
        details,
      );
    }
    // So often that the lanes count as overflowing, the log goes on conservatively.
    if (refusal === 'full') this.#control.overflows.add(1);
    const why = refusal === 'locked' ? 'another writer holds it' : 'it is full: the disk does not keep up';
    return new WalError('ERR_WAL_TIMEOUT', `No space in lane ${lane.index} within ${timeoutMs} ms: ${why}.`, details);
  }
}

/** An append that waited is told that it did; what pins the log is the cause then. */
function stalled(cause: WalError, lane: number, details: ErrorDetails & { timeoutMs: number }): WalError {
  const what = cause.code === 'ERR_WAL_LOG_FULL' ? 'the log' : 'the disk';
  const code = cause.code === 'ERR_WAL_LOG_FULL' && details.timeoutMs > 0 ? 'ERR_WAL_TIMEOUT' : cause.code;
  return new WalError(
    code,
    `Lane ${lane} is full and ${what} is, too: ${cause.message}`,
    { ...cause.details, ...details },
    cause,
  );
}
