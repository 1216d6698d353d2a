// Latencies as HDR histograms: recorded by each thread with three significant digits, whatever their size, sent to the
// main thread as text, and added up there without loss. The text is what other HdrHistogram tools read.

import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';

const BUCKET_BITS = 32;
/** The largest latency that is told apart: anything longer counts as this. */
const NS_MAX = 600e9;
/** Points of a percentile curve: 50%, then each half of what is left. */
const CURVE_HALVES = 14;

/** Latencies of one thread, or of many. */
export class LatencyHistogram {
  readonly #histogram: Histogram;

  constructor(
    histogram: Histogram = build({ bitBucketSize: BUCKET_BITS, numberOfSignificantValueDigits: 3, autoResize: true }),
  ) {
    this.#histogram = histogram;
  }

  /** Adds up what `toText` of several threads gave. */
  static merged(texts: readonly string[]): LatencyHistogram {
    const all = new LatencyHistogram();
    for (const text of texts) {
      const part = decodeFromCompressedBase64(text, BUCKET_BITS, false);
      // A part without values may be narrower than the whole.
      if (part.totalCount > 0) all.#histogram.add(part);
    }
    return all;
  }

  record(ms: number): void {
    // The histogram takes whole numbers from 1.
    this.#histogram.recordValue(Math.min(NS_MAX, Math.max(1, Math.round(ms * 1e6))));
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  /** Microseconds below which `percent` of the latencies lie; NaN without any. */
  us(percent: number): number {
    return this.count === 0 ? Number.NaN : this.#histogram.getValueAtPercentile(percent) / 1000;
  }

  /** The usual percentiles, in microseconds. */
  summary(): Record<'count' | 'p50' | 'p90' | 'p99' | 'p99.9' | 'max', number> {
    const us = (percent: number): number => Math.round(this.us(percent) * 10) / 10;
    return { count: this.count, p50: us(50), p90: us(90), p99: us(99), 'p99.9': us(99.9), max: us(100) };
  }

  /** Points of the percentile curve as far as there are enough values to tell: x in percent, y in microseconds. */
  curve(): { x: number; y: number }[] {
    const halves = Math.min(CURVE_HALVES, Math.floor(Math.log2(Math.max(1, this.count))));
    const percents = [10, 25, ...Array.from({ length: halves }, (_, half) => 100 * (1 - 0.5 ** (half + 1)))];
    return this.count === 0 ? [] : percents.map((percent) => ({ x: percent, y: this.us(percent) }));
  }

  toText(): string {
    return encodeIntoCompressedBase64(this.#histogram);
  }
}
