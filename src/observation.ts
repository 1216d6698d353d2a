// What an open log shows of itself on its owner's thread: metrics when asked, the trace to whoever listens. It changes
// nothing of the log. design/observability.md.

import { wallClockMs } from './base/clock.js';
import type { WireError } from './base/errors.js';
import type { Control } from './epoch/control.js';
import type { FlusherNotice } from './flusher/messages.js';
import type { Lane } from './lane/lane.js';
import { type Marks, readMarks } from './marks.js';
import { type Metrics, readMetrics } from './metrics.js';
import type { Telemetry } from './observe/telemetry.js';
import { isTracedHere, publishTrace, type TraceRecord } from './observe/trace.js';
import type { OpenedLog } from './recovery/opening.js';

/** How often the owner looks whether somebody listens: nothing tells it of a subscriber. */
const LOOK_MS = 1000;

/** One open log, seen by its owner. */
export class Observation {
  readonly #control: Control;
  readonly #lanes: readonly Lane[];
  readonly #telemetry: Telemetry;
  readonly #traceId: string;
  readonly #timer: NodeJS.Timeout;

  constructor(control: Control, lanes: readonly Lane[], telemetry: Telemetry, traceId: string) {
    this.#control = control;
    this.#lanes = lanes;
    this.#telemetry = telemetry;
    this.#traceId = traceId;
    this.#look();
    // An idle log does not keep its process alive.
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  /** Each is read once. */
  marks(): Marks {
    return readMarks(this.#control, this.#lanes);
  }

  /** Reads everything once; also of a log that has ended. */
  metrics(): Metrics {
    return readMetrics(this.#control, this.#lanes, this.#telemetry);
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
    const isTraced = isTracedHere();
    if (isTraced !== this.#telemetry.isTraced) this.#telemetry.isTraced = isTraced;
  }

  #publish(record: Omit<TraceRecord, 'traceId' | 'timeMs'>): void {
    publishTrace({ traceId: this.#traceId, timeMs: wallClockMs(), ...record });
  }
}

function why({ code, message }: WireError) {
  return { code, message };
}
