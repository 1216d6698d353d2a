// What an open log shows of itself on its owner's thread: metrics when asked, the trace to whoever listens. It changes
// nothing of the log. design/observability.md.

import { wallClockMs } from './base/clock.js';
import { WalError, type WireError } from './base/errors.js';
import { withTimeout } from './base/timeout.js';
import { STATE, stateName } from './epoch/control.js';
import type { FlusherNotice } from './flusher/messages.js';
import { type Marks, readMarks } from './marks.js';
import { type Measured, type Metrics, readMetrics } from './metrics.js';
import { isTracedHere, publishTrace, type TraceRecord } from './observe/trace.js';
import type { OpenedLog } from './recovery/opening.js';

/** How often the owner looks whether somebody listens: nothing tells it of a subscriber. */
const LOOK_MS = 1000;

/** One open log, seen by its owner. */
export class Observation {
  readonly #measured: Measured;
  readonly #traceId: string;
  readonly #timer: NodeJS.Timeout;

  constructor(measured: Measured, traceId: string) {
    this.#measured = measured;
    this.#traceId = traceId;
    this.#look();
    // An idle log does not keep its process alive.
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  /** Each is read once. */
  marks(): Marks {
    return readMarks(this.#measured.control, this.#measured.lanes);
  }

  /** That something is not done in time, and where the log stands. */
  timedOut(timeoutMs: number, doing: string): WalError {
    const { control } = this.#measured;
    const { state } = control;
    const reason = state === STATE.stalled ? control.failure() : undefined;
    const details = { timeoutMs, state: stateName(state), ...this.marks() };
    return new WalError('ERR_WAL_TIMEOUT', `Could not ${doing} within ${timeoutMs} ms; it goes on.`, details, reason);
  }

  /** Reads everything once; also of a log that has ended. */
  metrics(): Metrics {
    return readMetrics(this.#measured);
  }

  /** Tells what opening found. */
  opened({ report, position, checkpoint }: OpenedLog): void {
    const { epoch: recoveryEpoch, nextSeq: endSeq } = position;
    const { firstSeq, bytesRead: bytes, tail: scenario, durationMs: tookMs } = report;
    const checkpointEpoch = checkpoint?.throughEpoch ?? 0;
    const where = { recoveryEpoch, checkpointEpoch, firstSeq: firstSeq === 0 ? endSeq : firstSeq, endSeq };
    this.#publish({ component: 'recovery', scenario, tookMs, ...where, bytes });
  }

  /** Passes on what the flusher did, and tells of stalls and failures. */
  hear(notice: FlusherNotice): void {
    if (notice.kind === 'traced') notice.records.forEach(publishTrace);
    else if (notice.kind === 'stalled')
      this.#publish({ component: 'stall', scenario: 'stalled', ...why(notice.error) });
    else if (notice.kind === 'resumed') this.#publish({ component: 'stall', scenario: 'resumed' });
    else if (notice.kind === 'failed') this.#publish({ component: 'failure', ...why(notice.error) });
  }

  /** Looks no more. */
  end(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { telemetry } = this.#measured;
    const isTraced = isTracedHere();
    if (isTraced !== telemetry.isTraced) telemetry.isTraced = isTraced;
  }

  #publish(record: Omit<TraceRecord, 'traceId' | 'timeMs'>): void {
    const { mode, fallback } = this.#measured.control;
    publishTrace({ traceId: this.#traceId, timeMs: wallClockMs(), mode, fallback, ...record });
  }
}

/** Bounds how long a caller waits for `work`, which goes on. */
export function within<T>(work: Promise<T>, timeoutMs: number | undefined, doing: string, seen: Observation) {
  return withTimeout(work, timeoutMs, () => seen.timedOut(timeoutMs as number, doing));
}

function why({ code, message }: WireError) {
  return { code, message };
}
