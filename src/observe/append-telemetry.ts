// What a writer tells of its appends: the time of one in 64 to the histogram, and every one to who listens on its
// thread. When nobody does and it is not the turn of this one, an append pays for a count and two looks at a property.

import { monotonicMs, wallClockMs } from '../base/clock.js';
import { APPENDS_PER_SAMPLE, type Telemetry } from './telemetry.js';
import { isAppendTraced, publishTrace, type TraceRecord } from './trace.js';

/** An append that is measured. */
export interface MeasuredAppend {
  readonly startMs: number;
  readonly isSampled: boolean;
  /** Set when it has to wait for space. */
  hasWaited: boolean;
}

/** What became of it. */
export interface Appended {
  readonly seq: number;
  readonly lane: number;
  readonly pages: number;
  readonly bytes: number;
  readonly isJumbo: boolean;
}

/** The appends of one writer. */
export class AppendTelemetry {
  readonly #telemetry: Telemetry;
  readonly #traceId: string;
  readonly #log: Required<Pick<TraceRecord, 'mode' | 'fallback'>>;
  #untilSample = APPENDS_PER_SAMPLE;

  /** @param log - says what mode is in force */
  constructor(telemetry: Telemetry, traceId: string, log: Required<Pick<TraceRecord, 'mode' | 'fallback'>>) {
    this.#telemetry = telemetry;
    this.#traceId = traceId;
    this.#log = log;
  }

  /** An append begins; undefined when nobody wants to know. */
  begin(): MeasuredAppend | undefined {
    this.#untilSample -= 1;
    const isSampled = this.#untilSample === 0;
    if (!isSampled && !isAppendTraced()) return undefined;
    if (isSampled) this.#untilSample = APPENDS_PER_SAMPLE;
    return { startMs: monotonicMs(), isSampled, hasWaited: false };
  }

  /** It was published. */
  end({ startMs, isSampled, hasWaited }: MeasuredAppend, { seq, lane, pages, bytes, isJumbo }: Appended): void {
    const tookMs = monotonicMs() - startMs;
    if (isSampled) this.#telemetry.append.add(tookMs);
    if (!isAppendTraced()) return;
    const { mode, fallback } = this.#log;
    publishTrace({
      component: 'append',
      traceId: this.#traceId,
      timeMs: wallClockMs(),
      tookMs,
      scenario: isJumbo ? 'jumbo' : hasWaited ? 'waited' : 'plain',
      lane,
      firstSeq: seq,
      endSeq: seq + 1,
      pages,
      bytes,
      mode,
      fallback,
    });
  }
}
