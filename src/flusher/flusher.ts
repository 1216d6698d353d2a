// The flusher: seals epochs, writes and syncs them, moves the marks. A step machine: `step` does what is due and says
// what to wait for; only its host waits, so that tests drive it one step at a time (design/concurrency.md, "Flush").
//
// It alone writes: marks, epochs, lane heads, counters, and the state (but for the case that it died itself).

import { type ErrorCode, toWalError, WalError } from '../base/errors.js';
import { type Control, SLEEP, STATE } from '../epoch/control.js';
import type { LogPosition } from '../log/codec.js';
import type { LogWriter } from '../log/log-writer.js';
import type { FlushingScenario } from '../observe/trace.js';
import { type BuiltSegment, buildEpochSegment, buildMarkSegment, SegmentScratch } from '../segment/segment-writer.js';
import { NO_VERDICTS } from '../shadow/shadow-compare.js';
import { FlushRequests, type FlushResult } from './flush-requests.js';
import type { FlusherEvents, FlushObserver } from './flusher-events.js';
import { Gathering } from './gathering.js';
import type { FlusherLanes, SealedEpoch } from './lanes.js';
import type { Steering } from './steering.js';
import { type SyncSettings, Syncs } from './syncs.js';

/** The settings that the flusher uses. */
export interface FlusherSettings extends SyncSettings {
  readonly maxFlushDelayMs: number;
  readonly maxParallelCommitBytes: number;
  readonly helperLaneBudget: number;
}

/** What to wait for before the next step. */
export type NextStep =
  | { readonly kind: 'again' }
  | { readonly kind: 'ended' }
  /** Until somebody wakes the flusher (how lightly it sleeps: {@link SLEEP}), at most until `untilMs`. */
  | { readonly kind: 'sleep'; readonly sleep: number; readonly untilMs: number };

/** Errors of a write that can be tried again once there is room, on the disk or in the log. */
const FULL_CODES: readonly ErrorCode[] = ['ERR_WAL_STORAGE_FULL', 'ERR_WAL_LOG_FULL'];

/** How often a guard that holds an epoch back, or a full disk, is looked at again. */
const HELD_BACK_MS = 20;
const STALL_RETRY_MS_MAX = 1000;
/** How long a close waits for a checkpoint to make room before it is refused. */
const CLOSE_PATIENCE_MS = 1000;

/** Seals, writes and syncs; one per open log. */
export class Flusher {
  readonly #control: Control;
  readonly #lanes: FlusherLanes;
  readonly #log: LogWriter;
  readonly #settings: FlusherSettings;
  readonly #events: FlusherEvents;
  readonly #requests = new FlushRequests();
  readonly #scratch = new SegmentScratch();
  readonly #observer: FlushObserver;
  readonly #syncs: Syncs;
  readonly #gathering: Gathering;
  #isTicking: boolean;
  #pending: { sealed: SealedEpoch; segment: BuiltSegment } | undefined;
  /** When the oldest unsealed commit was first seen, and the first demand for one; undefined while there is none. */
  #unsealedSinceMs: number | undefined;
  #demandedSinceMs: number | undefined;
  /** Set when a sync has happened that no mark on disk tells of yet. */
  #markDueMs: number | undefined;
  #stallRetryMs: number | undefined;
  #stallDelayMs = HELD_BACK_MS;
  /** Why it is stalled. */
  #stalledBy: WalError | undefined;
  /** When a close first found the log at its bound. */
  #closeRefusalMs: number | undefined;
  #closing: { resolve(): void; reject(error: WalError): void } | undefined;

  constructor(
    control: Control,
    lanes: FlusherLanes,
    log: LogWriter,
    settings: FlusherSettings,
    isTicking: boolean,
    events: FlusherEvents,
    observer: FlushObserver,
    steering: Omit<Steering, 'lanes'> = { gatherMs: undefined, flushes: settings.helperLaneBudget },
  ) {
    this.#control = control;
    this.#lanes = lanes;
    this.#log = log;
    this.#settings = settings;
    this.#isTicking = isTicking;
    this.#events = events;
    this.#observer = observer;
    this.#gathering = new Gathering(steering);
    this.#syncs = new Syncs(control, log, settings, steering, {
      synced: (through) => this.#onSynced(through),
      failed: (thrown) => this.fail(toWalError(thrown, 'sync the log')),
    });
  }

  /** Whether a sync is under way; its end is told while the event loop turns, by {@link FlusherEvents.synced}. */
  get isSyncing(): boolean {
    return this.#syncs.isUnderWay;
  }

  /** Whether epochs are sealed and synced by time, too. */
  set isTicking(isTicking: boolean) {
    this.#isTicking = isTicking;
  }

  /** Asks for everything published so far to be durable; under `off`, written. */
  async flush(): Promise<FlushResult> {
    if (this.#control.hasEnded()) throw this.endedError();
    return this.#requests.add(this.#control.commitSeqNext.load() - 1);
  }

  /** Something may have made room: a stalled log looks again at once. */
  retryNow(): void {
    if (this.#stallRetryMs !== undefined) this.#stallRetryMs = 0;
  }

  /**
   * Takes no more commits, drains, and leaves the clean mark.
   *
   * Rejects with ERR_WAL_LOG_FULL when the log is at its bound and nothing makes room: then it takes commits again.
   */
  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#control.hasEnded()) return reject(this.endedError());
      this.#closing = { resolve, reject };
      this.#control.setState(STATE.closing);
    });
  }

  /** Fails the log: nothing more is written, whoever waits is told. For errors of the host as well. */
  fail(error: WalError): void {
    if (this.#control.hasEnded()) return;
    const reason = new WalError(
      'ERR_WAL_POISONED',
      `The log failed: ${error.message}`,
      { ...error.details, reasonCode: error.code },
      error.cause ?? error,
    );
    this.#control.setFailure(reason);
    this.#control.setState(STATE.failed);
    this.#requests.rejectAll(reason);
    this.#closing?.reject(reason);
    this.#events.failed(reason);
    try {
      this.#log.close();
    } catch {
      // Nothing of it is trusted any more.
    }
  }

  /** Does what is due at `nowMs` (monotonic), without waiting. */
  step(nowMs: number): NextStep {
    if (this.#control.hasEnded()) return { kind: 'ended' };
    try {
      if (this.#stallRetryMs !== undefined && nowMs < this.#stallRetryMs && !this.#hasRoom()) {
        return this.#sleepStalled();
      }
      const before = this.#log.position;
      // What was written before the disk was full does not wait for space, and what was written while another sync was
      // under way does not wait for the next write.
      if (this.#stallRetryMs !== undefined || this.#syncs.isMuch) this.#syncIfDue(nowMs);
      if (this.#pending === undefined && this.#isSealDue(nowMs)) this.#seal();
      this.#write(nowMs);
      this.#syncIfDue(nowMs);
      this.#markIfIdle(nowMs);
      this.#resumeIfStalled();
      if (this.#closing !== undefined && this.#isDrained()) return this.#finishClose();
      return before === this.#log.position ? this.#whatNext(nowMs) : { kind: 'again' };
    } catch (thrown) {
      const error = toWalError(thrown, 'write the log');
      if (error.code === 'ERR_WAL_LOG_FULL') return this.#onLogFull(error, nowMs);
      if (error.code !== 'ERR_WAL_STORAGE_FULL') {
        this.fail(error);
        return { kind: 'ended' };
      }
      this.#stall(error, nowMs);
      return this.#sleepStalled();
    }
  }

  /** Why a log that has closed or failed does nothing any more. */
  endedError(): WalError {
    if (this.#control.state === STATE.failed) return this.#control.failure();
    return new WalError('ERR_WAL_CLOSED', 'The log is closed.');
  }

  #firstUnsealed(): number {
    return this.#log.position.nextSeq;
  }

  #isSealDue(nowMs: number): boolean {
    const first = this.#firstUnsealed();
    if (this.#control.commitSeqNext.load() <= first) {
      this.#unsealedSinceMs = undefined;
      this.#demandedSinceMs = undefined;
      return false;
    }
    this.#unsealedSinceMs ??= nowMs;
    if (this.#syncs.isUnderWay) return this.#syncs.isWorthWriting(this.#lanes.stagedBytes());
    if (!this.#requests.isEmpty || this.#closing !== undefined) return true;
    if (this.#control.demandSeq.load() >= first) {
      this.#demandedSinceMs ??= nowMs;
      if (nowMs >= this.#sealMs(this.#demandedSinceMs)) return true;
    }
    if (this.#isTicking && nowMs >= this.#unsealedSinceMs + this.#settings.epochIntervalMs) return true;
    return this.#isPressed();
  }

  /** When a seal that is asked for is due: at once, or after a moment in which more may come. */
  #sealMs(demandedSinceMs: number): number {
    const commits = this.#control.commitSeqNext.load() - this.#firstUnsealed();
    const delayedMs = demandedSinceMs + this.#settings.maxFlushDelayMs;
    return Math.max(delayedMs, this.#gathering.untilMs(commits, demandedSinceMs) ?? 0);
  }

  /** So much is staged that it does not wait for the tick. */
  #isPressed(): boolean {
    return this.#lanes.isAnyHalfFull() || this.#lanes.stagedBytes() >= this.#settings.maxParallelCommitBytes;
  }

  #seal(): void {
    const { epoch, nextSeq } = this.#log.position;
    const sealed = this.#lanes.seal(epoch + 1, nextSeq);
    if (sealed === undefined) return;
    this.#gathering.sealed(sealed.certificate.endSeq - sealed.certificate.firstSeq);
    const frames = sealed.cuts.flatMap(({ pieces }) => pieces);
    this.#pending = { sealed, segment: buildEpochSegment(sealed.certificate, frames, this.#scratch) };
    this.#control.sealedEpoch.store(epoch + 1);
    this.#observer.sealed(sealed, this.#whySealed());
    this.#unsealedSinceMs = undefined;
    this.#demandedSinceMs = undefined;
  }

  #whySealed(): FlushingScenario {
    if (this.#closing !== undefined) return 'close';
    if (!this.#requests.isEmpty) return 'flush';
    if (this.#demandedSinceMs !== undefined) return 'demand';
    return this.#isPressed() || this.#syncs.isUnderWay ? 'pressure' : 'tick';
  }

  #write(nowMs: number): void {
    if (this.#pending === undefined) return;
    const { sealed, segment } = this.#pending;
    // The log does not leave a file that is being synced.
    if (this.#syncs.isUnderWay && this.#log.needsNewFile(segment.segmentBytes)) return;
    let verdicts = NO_VERDICTS;
    // M5: before any mark moves, and before the lanes let go of what it is compared with.
    this.#log.append(segment, (written) => {
      verdicts = this.#lanes.compare(sealed, written);
    });
    this.#pending = undefined;
    this.#lanes.release(sealed);
    this.#observer.written(sealed, segment.segmentBytes, verdicts);
    this.#control.writtenSeq.store(segment.endSeq - 1);
    if (this.#settings.fsync === 'off') this.#moveDurable(this.#log.position);
    else this.#syncs.wrote(segment.segmentBytes, nowMs);
    // Also tells those who wait for space.
    this.#control.writtenTurn.announce();
  }

  #syncIfDue(nowMs: number): void {
    const isAsked = !this.#requests.isEmpty || this.#closing !== undefined;
    if (this.#syncs.syncIfDue(nowMs, isAsked, this.#isTicking)) {
      this.#markDueMs = nowMs + this.#settings.epochIntervalMs;
    }
    this.#answerRequests();
  }

  #onSynced(through: LogPosition): void {
    // Whoever waited was told that the log failed, and not what became of its commit.
    if (this.#control.hasEnded()) return;
    this.#moveDurable(through);
    this.#events.synced();
  }

  /** Only behind the sync that covers it (or, under `off`, the write), and in epoch order: one sync at a time. */
  #moveDurable({ epoch, nextSeq }: LogPosition): void {
    this.#control.durableSeq.store(nextSeq - 1);
    this.#control.durableEpoch.store(epoch);
    this.#gathering.woke(this.#control.durableTurn.announce());
  }

  #answerRequests(): void {
    if (this.#requests.isEmpty) return;
    const { durableSeq, durableEpoch } = this.#control;
    this.#requests.answer({ durableSeq: durableSeq.load(), durableEpoch: durableEpoch.load() });
  }

  /** Puts on disk, in an idle moment, that the last epoch is synced: after this a hole in it is known to be damage. */
  #markIfIdle(nowMs: number): void {
    if (!this.#isTicking || this.#markDueMs === undefined || nowMs < this.#markDueMs || this.isSyncing) return;
    this.#markDueMs = undefined;
    if (this.#control.commitSeqNext.load() > this.#firstUnsealed() || !this.#log.isSynced) return;
    this.#writeMark(false);
  }

  /** A full disk, or log, is no reason to wait: without the mark the next opening knows less, and nothing is lost. */
  #writeMark(isClean: boolean): void {
    const { epoch, nextSeq } = this.#log.position;
    try {
      this.#log.append(buildMarkSegment(epoch, nextSeq, isClean));
      this.#control.count('marksWritten');
    } catch (thrown) {
      const isFull = thrown instanceof WalError && FULL_CODES.includes(thrown.code);
      if (!isFull) throw thrown;
    }
  }

  /** Nothing is published or about to be, and all of it is as durable as the policy makes it. */
  #isDrained(): boolean {
    const isEmpty = !this.#lanes.isGuarded() && this.#control.commitSeqNext.load() === this.#firstUnsealed();
    return isEmpty && this.#pending === undefined && this.#syncs.isDone;
  }

  #finishClose(): NextStep {
    this.#writeMark(true);
    if (this.#settings.fsync !== 'off') this.#log.sync();
    this.#log.close();
    this.#control.setState(STATE.closed);
    this.#requests.rejectAll(this.endedError());
    this.#closing?.resolve();
    return { kind: 'ended' };
  }

  /** Whether a log that is stalled at its bound has room by now: a pin that went tells nobody. */
  #hasRoom(): boolean {
    return this.#stalledBy?.code === 'ERR_WAL_LOG_FULL' && this.#events.makeRoom();
  }

  #onLogFull(error: WalError, nowMs: number): NextStep {
    if (this.#events.makeRoom()) return { kind: 'again' };
    if (this.#control.state === STATE.failed) return { kind: 'ended' };
    const why = this.#events.whyFull(error);
    // The spare that is being made is a file that the bound has room for.
    if (why === undefined) return { kind: 'sleep', sleep: SLEEP.untilTick, untilMs: nowMs + HELD_BACK_MS };
    this.#stall(why, nowMs);
    this.#refuseClose(why, nowMs);
    return this.#sleepStalled();
  }

  /** A close that nobody makes room for ends with the reason; the log is open as before, and holds everything. */
  #refuseClose(why: WalError, nowMs: number): void {
    if (this.#closing === undefined) return;
    this.#closeRefusalMs ??= nowMs + CLOSE_PATIENCE_MS;
    if (nowMs < this.#closeRefusalMs) return;
    const { reject } = this.#closing;
    this.#closing = undefined;
    this.#closeRefusalMs = undefined;
    this.#control.setState(STATE.stalled);
    reject(why);
  }

  #stall(error: WalError, nowMs: number): void {
    if (this.#stallRetryMs === undefined) this.#control.count('stalls');
    const { code, message } = this.#stalledBy ?? {};
    this.#stalledBy = error;
    // What pins a full log may be something else by now.
    if (message !== error.message) this.#control.setFailure(error);
    // A closing log stays closing: stalled would take commits again.
    if (this.#control.state === STATE.running) this.#control.setState(STATE.stalled);
    if (code !== error.code) this.#events.stalled(error);
    this.#stallRetryMs = nowMs + this.#stallDelayMs;
    this.#stallDelayMs = Math.min(this.#stallDelayMs * 2, STALL_RETRY_MS_MAX);
  }

  #resumeIfStalled(): void {
    if (this.#stallRetryMs === undefined || this.#pending !== undefined) return;
    this.#stallRetryMs = undefined;
    this.#stallDelayMs = HELD_BACK_MS;
    this.#stalledBy = undefined;
    this.#closeRefusalMs = undefined;
    if (this.#control.state === STATE.stalled) this.#control.setState(STATE.running);
    this.#events.resumed();
  }

  #sleepStalled(): NextStep {
    return { kind: 'sleep', sleep: SLEEP.untilTick, untilMs: this.#stallRetryMs as number };
  }

  #whatNext(nowMs: number): NextStep {
    const { epochIntervalMs } = this.#settings;
    const isUnsealed = this.#control.commitSeqNext.load() > this.#firstUnsealed();
    let untilMs = this.#demandedSinceMs === undefined ? Number.POSITIVE_INFINITY : this.#sealMs(this.#demandedSinceMs);
    const wakeAt = (sinceMs: number | undefined, delayMs: number): void => {
      if (sinceMs !== undefined) untilMs = Math.min(untilMs, sinceMs + delayMs);
    };
    if (this.#isTicking) {
      wakeAt(this.#unsealedSinceMs, epochIntervalMs);
      wakeAt(this.#syncs.unsyncedSinceMs, epochIntervalMs);
      wakeAt(this.#markDueMs, 0);
    }
    // Overdue and yet not done: a guard holds it back. Its writer wakes us when it publishes, or it is dead and the
    // host hears of it; either way it is looked at again soon.
    const isOverdue = untilMs <= nowMs || (isUnsealed && this.#isPressed());
    if (!this.#requests.isEmpty || this.#closing !== undefined || isOverdue) {
      return { kind: 'sleep', sleep: SLEEP.idle, untilMs: nowMs + HELD_BACK_MS };
    }
    return { kind: 'sleep', sleep: isUnsealed ? SLEEP.untilTick : SLEEP.idle, untilMs };
  }
}
