// The telemetry block: shared words that say how an open log fares, and that nothing else goes by. One histogram for
// each kind of wait, and whether anybody listens to the trace. design/shared-memory.md, "Telemetry", lists the words.

import { assert } from '../base/assert.js';
import { unordered } from '../memory/atomics.js';
import { LINE_BYTES } from '../memory/words.js';
import { HISTOGRAM_WORDS, type Histogram, SharedHistogram } from './histogram.js';

/** The histograms, in the order in which they stand. */
const HISTOGRAMS = ['append', 'sealToWrite', 'sync', 'commit'] as const;
export type HistogramName = (typeof HISTOGRAMS)[number];

const HISTOGRAM_BYTES = Math.ceil((HISTOGRAM_WORDS * 8) / LINE_BYTES) * LINE_BYTES;
const TELEMETRY_BYTES = LINE_BYTES + HISTOGRAMS.length * HISTOGRAM_BYTES;

/** The telemetry of one open log. */
export class Telemetry {
  readonly buffer: SharedArrayBuffer;
  /** How long an append took, of one in {@link APPENDS_PER_SAMPLE}. Written by whoever appends. */
  readonly append: SharedHistogram;
  /** From the seal of an epoch to the end of its write, stalls included. Written by the flusher. */
  readonly sealToWrite: SharedHistogram;
  /** How long a sync of a log file took. Written by the flusher. */
  readonly sync: SharedHistogram;
  /** How long somebody waited for a commit to be durable. Written by whoever waits. */
  readonly commit: SharedHistogram;
  readonly #traced: BigInt64Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(TELEMETRY_BYTES)) {
    assert(buffer.byteLength === TELEMETRY_BYTES, 'the telemetry block has its one size');
    this.buffer = buffer;
    this.#traced = new BigInt64Array(buffer, 0, 1);
    const histogram = (name: HistogramName): SharedHistogram => {
      return new SharedHistogram(buffer, LINE_BYTES + HISTOGRAMS.indexOf(name) * HISTOGRAM_BYTES);
    };
    this.append = histogram('append');
    this.sealToWrite = histogram('sealToWrite');
    this.sync = histogram('sync');
    this.commit = histogram('commit');
  }

  /** Whether anybody on the owner's thread listens to the trace. */
  get isTraced(): boolean {
    return unordered.load64(this.#traced, 0) !== 0;
  }

  /** Owner only. */
  set isTraced(isTraced: boolean) {
    unordered.store64(this.#traced, 0, isTraced ? 1 : 0);
  }

  /** All histograms as plain data. */
  histograms(): Record<HistogramName, Histogram> {
    const entries = HISTOGRAMS.map((name) => [name, this[name].read()] as const);
    return Object.fromEntries(entries) as Record<HistogramName, Histogram>;
  }
}

/** One append of a thread in so many is measured: two looks at the clock are a tenth of its cost. */
export const APPENDS_PER_SAMPLE = 64;
