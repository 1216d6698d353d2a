// When a checkpoint is due, and how fast it may go (design/page-store.md, "When"). Pure: told the time and what there
// is.

/** Settings that decide; see the table of settings. */
export interface ScheduleSettings {
  readonly maxLogBytes: number;
  readonly checkpointBytes: number;
  readonly checkpointIntervalMs: number;
  readonly checkpointBytesPerSecond: number;
}

/** What there is to be checkpointed. */
export interface Backlog {
  /** Bytes of log that are indexed and above the last checkpoint. */
  readonly bytes: number;
  /** Whether a checkpoint now would go beyond the last one. */
  readonly isAny: boolean;
  /** Whether the log asked for a checkpoint. */
  readonly isWanted: boolean;
  /** Whether it did because it nears its bound, or waits for room. */
  readonly isNearFull: boolean;
}

/** How long after a checkpoint that failed the next one is tried. */
const RETRY_MS = 1000;

/** Decides when the next automatic checkpoint begins. */
export class Schedule {
  readonly #settings: ScheduleSettings;
  #lastMs: number;
  #retryMs = Number.NEGATIVE_INFINITY;

  constructor(settings: ScheduleSettings, nowMs: number) {
    this.#settings = settings;
    this.#lastMs = nowMs;
  }

  /** A checkpoint ended, and is not tried again before it is due. */
  done(nowMs: number): void {
    this.#lastMs = nowMs;
    this.#retryMs = Number.NEGATIVE_INFINITY;
  }

  /** A checkpoint failed: the same again, but not at once. */
  failed(nowMs: number): void {
    this.#retryMs = nowMs + RETRY_MS;
  }

  /** When to begin: now if that is not later than `nowMs`; Infinity when there is nothing to do. */
  dueMs(backlog: Backlog, nowMs: number): number {
    if (!backlog.isAny) return Number.POSITIVE_INFINITY;
    const { checkpointBytes, checkpointIntervalMs } = this.#settings;
    const isWanted = backlog.isWanted || backlog.bytes >= checkpointBytes || this.isNearFull(backlog);
    const byTimeMs = checkpointIntervalMs === 0 ? Number.POSITIVE_INFINITY : this.#lastMs + checkpointIntervalMs;
    return Math.max(isWanted ? nowMs : byTimeMs, this.#retryMs);
  }

  /** Whether the log needs room soon: then nothing slows a checkpoint down. */
  isNearFull({ bytes, isNearFull }: Backlog): boolean {
    return isNearFull || bytes * 2 > this.#settings.maxLogBytes;
  }

  /** Milliseconds that writing so many bytes should take at least. */
  paceMs(bytes: number, backlog: Backlog): number {
    const { checkpointBytesPerSecond } = this.#settings;
    if (checkpointBytesPerSecond === 0 || this.isNearFull(backlog)) return 0;
    return (bytes / checkpointBytesPerSecond) * 1000;
  }
}
