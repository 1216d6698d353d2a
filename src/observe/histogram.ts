// Histograms of times in shared memory: buckets that grow with the value, four to each power of two, so that every
// value is known to a quarter. Any number of threads add, each with two atomic additions; readers take no snapshot.
// Where the words are is telemetry.ts; design/shared-memory.md, "Telemetry".

import { unordered } from '../memory/atomics.js';

/** The unit: a sixteenth of a microsecond. An append takes a few of them, a sync thousands. */
const UNITS_PER_MS = 16_000;
/** Two bits of a value below its highest one choose the bucket: four buckets to a power of two. */
const BUCKETS_PER_OCTAVE = 4;
/** Values from here on, 134 s, count as one below it. */
const UNITS_MAX = 2 ** 31 - 1;

/** Buckets of a histogram. */
export const BUCKET_COUNT = bucketOf(UNITS_MAX) + 1;
/** Words of a histogram: the sum of its values in units, then a count for each bucket. */
export const HISTOGRAM_WORDS = 1 + BUCKET_COUNT;

/** Where each bucket but the last ends, in ms, exclusive. The last one has no end. */
export const BUCKET_BOUNDS_MS: readonly number[] = Array.from({ length: BUCKET_COUNT - 1 }, (_, bucket) => {
  return endOf(bucket) / UNITS_PER_MS;
});

/** A histogram as plain data. */
export interface Histogram {
  readonly count: number;
  readonly sumMs: number;
  /** Where each bucket but the last ends, exclusive; ascending, the same for every histogram. */
  readonly boundsMs: readonly number[];
  /** How many values lie in each bucket: one more than there are bounds. */
  readonly counts: readonly number[];
}

/** One histogram of times. */
export class SharedHistogram {
  readonly #words: BigInt64Array;

  constructor(buffer: SharedArrayBuffer, byteOffset: number) {
    this.#words = new BigInt64Array(buffer, byteOffset, HISTOGRAM_WORDS);
  }

  /** Counts a time. Any thread. */
  add(ms: number): void {
    const units = Math.min(UNITS_MAX, Math.max(0, Math.round(ms * UNITS_PER_MS)));
    unordered.add64(this.#words, 0, units);
    unordered.add64(this.#words, 1 + bucketOf(units), 1);
  }

  /** What was counted so far. Each word is read once; together they are no snapshot. */
  read(): Histogram {
    const counts = Array.from({ length: BUCKET_COUNT }, (_, bucket) => unordered.load64(this.#words, 1 + bucket));
    const count = counts.reduce((sum, each) => sum + each, 0);
    return { count, sumMs: unordered.load64(this.#words, 0) / UNITS_PER_MS, boundsMs: BUCKET_BOUNDS_MS, counts };
  }
}

/** The bucket of a value in units. */
function bucketOf(units: number): number {
  if (units < BUCKETS_PER_OCTAVE) return units;
  const octave = 31 - Math.clz32(units);
  return (octave - 1) * BUCKETS_PER_OCTAVE + ((units >> (octave - 2)) & (BUCKETS_PER_OCTAVE - 1));
}

/** The first value in units behind a bucket. */
function endOf(bucket: number): number {
  if (bucket < BUCKETS_PER_OCTAVE) return bucket + 1;
  const octave = Math.floor(bucket / BUCKETS_PER_OCTAVE) + 1;
  return ((bucket % BUCKETS_PER_OCTAVE) + BUCKETS_PER_OCTAVE + 1) * 2 ** (octave - 2);
}
