// The checkpointer of an open page store: follows the durable log, fills the version index, checkpoints when it is due
// or asked, and cleans up behind threads that end (design/page-store.md). The same code runs on a thread of its own or
// inline, over any directory. It takes no latch and waits for no transaction.

import { monotonicMs } from '../base/clock.js';
import { toWalError, WalError } from '../base/errors.js';
import { type Control, STATE } from '../epoch/control.js';
import type { Indexer } from '../follow/indexer.js';
import type { VersionIndex } from '../versions/version-index.js';
import { type CheckpointParts, Checkpoints } from './checkpoint.js';
import type {
  CheckpointerNotice,
  CheckpointerRequest,
  CheckpointerSettings,
  CheckpointMark,
  CheckpointMode,
  CheckpointReport,
  SizesAt,
} from './messages.js';
import { type Backlog, Schedule } from './schedule.js';
import type { SizeHistory } from './sizes.js';
import type { StoreWords } from './store-words.js';
import { Wakeups } from './wakeups.js';

/** While commits become durable the index follows in steps of this: each wake-up costs the writers a notify. */
const POLL_MS = 5;
/** How long the thread indexes before its event loop turns. */
const INDEX_MS = 5;
/** A checkpoint that takes its time looks this often whether somebody waits for it by now. */
const HURRY_LOOK_MS = 20;
/** How long behind an error of the disk the log is read again. */
const READ_RETRY_MS = 100;

/** What a checkpointer is made of. */
export interface CheckpointerParts extends Omit<CheckpointParts, 'paceMs' | 'turn'> {
  readonly control: Control;
  readonly words: StoreWords;
  readonly index: VersionIndex;
  readonly indexer: Indexer;
  readonly sizes: SizeHistory;
  readonly settings: CheckpointerSettings;
  /** Leaves the current log file, so that a checkpoint can let go of it. */
  readonly rotate: () => Promise<void>;
  readonly tell: (notice: CheckpointerNotice) => void;
}

interface IndexWait {
  readonly seq: number;
  resolve(sizes: SizesAt): void;
  reject(error: unknown): void;
}

/** Runs the index and the checkpoints of one store. */
export class Checkpointer {
  readonly #parts: CheckpointerParts;
  readonly #checkpoints: Checkpoints;
  readonly #schedule: Schedule;
  readonly #wakeups: Wakeups;
  #waits: IndexWait[] = [];
  #running: Promise<unknown> | undefined;
  /** Somebody waits for the checkpoint under way: nothing slows it down. */
  #hurried = 0;
  #indexedBytesBefore = 0;
  #isIndexFull = false;
  #isWanted = false;
  #isNearFull = false;
  /** Whether the page file is known to be this log's. */
  #hasBegun = false;
  #isQuiet = false;
  #isEnding = false;
  #failure: WalError | undefined;

  constructor(parts: CheckpointerParts, mark: CheckpointMark) {
    this.#parts = parts;
    this.#schedule = new Schedule(parts.settings, monotonicMs());
    this.#wakeups = new Wakeups(parts.words, parts.control);
    const paceMs = (bytes: number): number => (this.#hurried > 0 ? 0 : this.#schedule.paceMs(bytes, this.#backlog()));
    const turn = async (untilMs: number): Promise<void> => {
      do await this.#wakeups.pause(Math.min(untilMs, monotonicMs() + HURRY_LOOK_MS));
      while (monotonicMs() < untilMs && paceMs(1) > 0);
    };
    this.#checkpoints = new Checkpoints({ ...parts, paceMs, turn }, mark);
  }

  /** Serves until it is told to end. */
  async run(): Promise<void> {
    try {
      await this.#loop();
    } catch (thrown) {
      this.#failure = toWalError(thrown, 'follow the log');
      throw this.#failure;
    } finally {
      await this.#running?.catch(() => undefined);
      this.#settleWaits();
    }
  }

  answer(request: CheckpointerRequest): unknown {
    switch (request.kind) {
      case 'index':
        return this.#indexThrough(request.seq);
      case 'checkpoint':
        return this.#checkpoint(request.mode, request.timeoutMs);
      case 'begin':
        this.#hasBegun = true;
        return this.#wakeups.poke();
      case 'close':
        return this.#close();
      case 'end':
        this.#isEnding = true;
        this.#wakeups.poke();
        return undefined;
    }
  }

  /** The log wants room: at once if it nears its bound. */
  want(isNearFull: boolean): void {
    this.#isWanted = true;
    this.#isNearFull ||= isNearFull;
    this.#wakeups.poke();
  }

  /** Resolves with the last sequence taken when everything through it is indexed. */
  async indexAll(): Promise<number> {
    const seq = this.#parts.control.commitSeqNext.load() - 1;
    await this.#indexThrough(seq);
    return seq;
  }

  async #loop(): Promise<void> {
    while (!this.#isEnding) {
      const seen = this.#wakeups.look();
      const before = this.#parts.index.indexedThrough;
      const isMore = this.#index();
      this.#settleWaits();
      const dueMs = this.#checkpointIfDue();
      if (isMore) {
        await this.#wakeups.pause(0);
        continue;
      }
      const isActive = this.#parts.index.indexedThrough > before;
      const isAwaited = this.#waits.length > 0 || this.#parts.words.askSeq > this.#parts.index.indexedThrough;
      const untilMs = isActive && !isAwaited ? monotonicMs() + POLL_MS : Number.POSITIVE_INFINITY;
      await this.#wakeups.sleep(seen, Math.min(untilMs, dueMs), { isDurableWanted: !isActive || isAwaited });
    }
  }

  /** Indexes for a while; true if there may be more at once. */
  #index(): boolean {
    const { control, indexer } = this.#parts;
    const endMs = monotonicMs() + INDEX_MS;
    try {
      for (;;) {
        const by = indexer.step(control.durableEpoch.load());
        this.#isIndexFull = by === 'full';
        if (by !== 'more') return false;
        if (monotonicMs() >= endMs) return true;
      }
    } catch (thrown) {
      const error = toWalError(thrown, 'read the log');
      if (error.code !== 'ERR_WAL_IO') throw error;
      this.#parts.tell({ kind: 'checkpointFailed', error: error.toWire() });
      this.#wakeups.pokeIn(READ_RETRY_MS);
      return false;
    }
  }

  #backlog(): Backlog {
    const { control, index, indexer } = this.#parts;
    const checkpoints = this.#checkpoints;
    return {
      bytes: indexer.indexedBytes - this.#indexedBytesBefore,
      // Not asked behind each write: it looks at every pin there can be.
      get isAny() {
        const pinned = control.pins.oldest(['snapshot', 'backup'])?.throughSeq ?? Number.POSITIVE_INFINITY;
        return Math.min(index.indexedThrough, pinned) > checkpoints.throughSeq || checkpoints.isRecordDue;
      },
      isWanted: this.#isWanted,
      isNearFull: this.#isNearFull || this.#isIndexFull,
    };
  }

  /** Starts an automatic checkpoint, or says when the next one is due. */
  #checkpointIfDue(): number {
    if (!this.#hasBegun || this.#isQuiet || this.#running !== undefined) return Number.POSITIVE_INFINITY;
    const dueMs = this.#schedule.dueMs(this.#backlog(), monotonicMs());
    if (dueMs > monotonicMs()) return dueMs;
    // Whoever waits is told; an automatic one tells the owner.
    void this.#take(() => this.#parts.index.indexedThrough).catch(() => undefined);
    return Number.POSITIVE_INFINITY;
  }

  async #checkpoint(mode: CheckpointMode, timeoutMs: number | undefined): Promise<CheckpointReport> {
    this.#hurried += 1;
    try {
      if (mode === 'passive') return await this.#take(() => this.#parts.index.indexedThrough);
      const deadlineMs = monotonicMs() + (timeoutMs ?? Number.POSITIVE_INFINITY);
      const seq = await this.#within(this.indexAll(), deadlineMs, timeoutMs);
      let report = await this.#take(() => seq);
      while (report.throughSeq < seq) {
        await this.#within(this.#wakeups.pause(monotonicMs() + POLL_MS), deadlineMs, timeoutMs);
        if (this.#backlog().isAny) report = sum(report, await this.#take(() => seq));
        else this.#requireTime(deadlineMs, timeoutMs);
      }
      if (mode === 'full') return report;
      await this.#parts.rotate();
      return sum(report, await this.#take(() => seq, true));
    } finally {
      this.#hurried -= 1;
    }
  }

  /** Takes a checkpoint behind the one under way. */
  async #take(wantedSeq: () => number, isReleasing = false): Promise<CheckpointReport> {
    while (this.#running !== undefined) await this.#running.catch(() => undefined);
    if (this.#isQuiet || !this.#hasBegun) throw new WalError('ERR_WAL_CLOSED', 'The page store takes no checkpoints.');
    const bytes = this.#parts.indexer.indexedBytes;
    this.#isWanted = false;
    const running = this.#checkpoints.take(wantedSeq(), isReleasing);
    this.#running = running;
    try {
      const report = await running;
      this.#indexedBytesBefore = bytes;
      this.#isNearFull = this.#isWanted && this.#isNearFull;
      this.#schedule.done(monotonicMs());
      if (report.pagesWritten > 0) this.#parts.tell({ kind: 'checkpoint', report });
      return report;
    } catch (thrown) {
      const error = toWalError(thrown, 'checkpoint');
      this.#schedule.failed(monotonicMs());
      this.#parts.tell({ kind: 'checkpointFailed', error: error.toWire() });
      throw error;
    } finally {
      this.#running = undefined;
      this.#wakeups.poke();
    }
  }

  /** A last checkpoint; behind it, well or not, nothing is written any more. */
  async #close(): Promise<CheckpointReport> {
    this.#hurried += 1;
    // Asked again when the log could not be closed.
    this.#isQuiet = false;
    try {
      const last = this.indexAll().catch(() => undefined);
      for (;;) {
        const isIndexed = await Promise.race([last.then(() => true), this.#wakeups.pause(monotonicMs() + POLL_MS)]);
        const report = await this.#take(() => this.#parts.index.indexedThrough);
        // A log that cannot go on holds what is missing.
        const isStuck = this.#parts.control.state !== STATE.running && report.pagesWritten === 0;
        if (isIndexed === true || isStuck) return report;
      }
    } finally {
      this.#isQuiet = true;
      this.#parts.file.close();
    }
  }

  #indexThrough(seq: number): Promise<SizesAt> {
    return new Promise((resolve, reject) => {
      this.#waits.push({ seq, resolve, reject });
      if (this.#parts.index.indexedThrough < seq) this.#parts.control.demandThrough(seq);
      this.#wakeups.poke();
    });
  }

  #settleWaits(): void {
    const { index, sizes, control } = this.#parts;
    const waits = this.#waits;
    const isLost = this.#isEnding || this.#failure !== undefined || control.state === STATE.failed;
    this.#waits = [];
    for (const wait of waits) {
      if (wait.seq <= index.indexedThrough) {
        wait.resolve({ sizePages: sizes.asOf(wait.seq), largestPages: sizes.largest() });
      } else if (isLost) wait.reject(this.#lost());
      else this.#waits.push(wait);
    }
  }

  #lost(): WalError {
    const { control } = this.#parts;
    if (this.#failure !== undefined) return this.#failure;
    if (control.state === STATE.failed) return control.failure();
    return new WalError('ERR_WAL_CLOSED', 'The page store is closed.');
  }

  async #within<T>(work: Promise<T>, deadlineMs: number, timeoutMs: number | undefined): Promise<T> {
    if (timeoutMs === undefined) return work;
    let isDone = false;
    void work.then(
      () => {
        isDone = true;
      },
      () => {
        isDone = true;
      },
    );
    while (!isDone) {
      await this.#wakeups.pause(Math.min(deadlineMs, monotonicMs() + POLL_MS));
      if (!isDone) this.#requireTime(deadlineMs, timeoutMs);
    }
    return work;
  }

  #requireTime(deadlineMs: number, timeoutMs: number | undefined): void {
    if (monotonicMs() < deadlineMs) return;
    const pin = this.#parts.control.pins.oldest(['snapshot', 'backup']);
    const why =
      pin === undefined ? 'the log takes longer' : `a ${pin.kind} needs the store as of commit ${pin.throughSeq}`;
    const message = `The checkpoint was not complete within ${timeoutMs} ms: ${why}.`;
    throw new WalError('ERR_WAL_TIMEOUT', message, { timeoutMs, pin: pin ?? null });
  }
}

/** What two checkpoints did together. */
function sum(one: CheckpointReport, other: CheckpointReport): CheckpointReport {
  return {
    throughSeq: other.throughSeq,
    pagesWritten: one.pagesWritten + other.pagesWritten,
    bytesWritten: one.bytesWritten + other.bytesWritten,
    durationMs: one.durationMs + other.durationMs,
  };
}
