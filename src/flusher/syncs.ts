// When what is written is synced: at once on the flusher's thread, or, if it is much, while the flusher goes on and
// writes the next epochs (design/concurrency.md, "Sync"). One sync at a time, and nothing is durable before a sync that
// began behind its write has ended.

import type { Control } from '../epoch/control.js';
import type { LogWriter, SyncOutcome } from '../log/log-writer.js';
import type { Steering } from './steering.js';

/** The settings that decide when something is synced. */
export interface SyncSettings {
  readonly fsync: 'full' | 'normal' | 'off';
  readonly epochIntervalMs: number;
  readonly syncBytes: number;
}

/** Below this a sync takes less time than another thread needs to take it over, and to tell that it has ended. */
const OVERLAPPED_BYTES = 512 * 1024;
/** With a small `syncBytes` syncs of this share of it are already overlapped. */
const OVERLAPPED_SHARE = 1 / 16;

/** The syncs of one log. */
export class Syncs {
  readonly #control: Control;
  readonly #log: LogWriter;
  readonly #settings: SyncSettings;
  readonly #events: SyncOutcome;
  readonly #steering: Pick<Steering, 'flushes'>;
  /** So much is worth writing while a sync is under way, and worth a sync that does not hold up the flusher. */
  readonly #overlappedBytes: number;
  #unsyncedSinceMs: number | undefined;
  #unsyncedBytes = 0;

  constructor(
    control: Control,
    log: LogWriter,
    settings: SyncSettings,
    steering: Pick<Steering, 'flushes'>,
    events: SyncOutcome,
  ) {
    this.#steering = steering;
    this.#control = control;
    this.#log = log;
    this.#settings = settings;
    this.#events = events;
    this.#overlappedBytes = Math.min(OVERLAPPED_BYTES, settings.syncBytes * OVERLAPPED_SHARE);
  }

  get isUnderWay(): boolean {
    return this.#log.isSyncing;
  }

  /** When the oldest write was that no sync covers or is about to; undefined when there is none. */
  get unsyncedSinceMs(): number | undefined {
    return this.#unsyncedSinceMs;
  }

  /** Whether everything written is as durable as the policy makes it. */
  get isDone(): boolean {
    return this.#unsyncedSinceMs === undefined && !this.isUnderWay;
  }

  /** Whether what is unsynced is worth a sync of its own, before more is written. */
  get isMuch(): boolean {
    return this.#steering.flushes > 1 && this.#unsyncedBytes >= this.#overlappedBytes;
  }

  /** A segment of `bytes` was written. */
  wrote(bytes: number, nowMs: number): void {
    this.#unsyncedSinceMs ??= nowMs;
    this.#unsyncedBytes += bytes;
  }

  /**
   * Whether `stagedBytes` are worth writing while a sync is under way. The next one covers them, and takes the longer:
   * what waits for it is bounded.
   */
  isWorthWriting(stagedBytes: number): boolean {
    return stagedBytes >= this.#overlappedBytes && this.#unsyncedBytes < this.#settings.syncBytes;
  }

  /**
   * Syncs what is written, if it is due.
   *
   * @param isAsked - a flush or close waits for it
   * @throws what {@link LogWriter.sync} throws, if it is not overlapped
   */
  syncIfDue(nowMs: number, isAsked: boolean, isTicking: boolean): boolean {
    if (this.isUnderWay || !this.#isDue(nowMs, isAsked, isTicking)) return false;
    const isOverlapped = this.isMuch;
    this.#unsyncedSinceMs = undefined;
    this.#unsyncedBytes = 0;
    if (isOverlapped) {
      // What is written from here on it need not cover: the mark moves to where the log was when it began.
      this.#log.startSync(this.#events);
    } else {
      this.#log.sync();
      this.#events.synced(this.#log.position);
    }
    return true;
  }

  #isDue(nowMs: number, isAsked: boolean, isTicking: boolean): boolean {
    const { fsync, syncBytes, epochIntervalMs } = this.#settings;
    if (fsync === 'off' || this.#unsyncedSinceMs === undefined) return false;
    if (fsync === 'full' || isAsked || this.#unsyncedBytes >= syncBytes) return true;
    // Without a ticker nobody else would sync what somebody waits for.
    if (!isTicking) return this.#control.demandSeq.load() > this.#control.durableSeq.load();
    return nowMs >= this.#unsyncedSinceMs + epochIntervalMs;
  }
}
