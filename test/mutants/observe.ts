// Mutants of the trace and the metrics.

import type { Mutant } from '../support/mutation.js';

const HISTOGRAM_TEST = 'test/unit/observe/histogram.test.ts';
const TRACE_TEST = 'test/unit/observe/trace.test.ts';
const METRICS_TEST = 'test/unit/observe/metrics.test.ts';
const THREADS_TEST = 'test/threads/trace.test.ts';

export const OBSERVE_MUTANTS: readonly Mutant[] = [
  {
    name: 'telemetry: threads that count at once overwrite each other',
    file: 'src/observe/histogram.ts',
    find: `    unordered.add64(this.#words, 1 + bucketOf(units), 1);`,
    replace: `    const word = 1 + bucketOf(units);
    unordered.store64(this.#words, word, unordered.load64(this.#words, word) + 1);`,
    killedBy: { file: HISTOGRAM_TEST, title: 'a time that is added in the middle of another addition' },
  },
  {
    name: 'telemetry: a value at a bound is counted below it',
    file: 'src/observe/histogram.ts',
    find: `(units >> (octave - 2)) & (BUCKETS_PER_OCTAVE - 1)`,
    replace: `((units - 1) >> (octave - 2)) & (BUCKETS_PER_OCTAVE - 1)`,
    killedBy: { file: HISTOGRAM_TEST, title: 'a value lies in the bucket whose bounds enclose it' },
  },
  {
    name: 'telemetry: histograms overlap',
    file: 'src/observe/telemetry.ts',
    find: `LINE_BYTES + HISTOGRAMS.indexOf(name) * HISTOGRAM_BYTES`,
    replace: `LINE_BYTES + HISTOGRAMS.indexOf(name) * 8`,
    killedBy: { file: HISTOGRAM_TEST, title: 'histograms of one block do not touch each other' },
  },
  {
    name: 'telemetry: a sync tells again of what an earlier one covered',
    file: 'src/flusher/flush-telemetry.ts',
    find: `    this.#unsyncedSeq = endSeq;
`,
    replace: ``,
    killedBy: { file: TRACE_TEST, title: 'tells of every commit once in each component' },
  },
  {
    name: 'telemetry: the flusher collects records although nobody listens',
    file: 'src/flusher/flush-telemetry.ts',
    find: `    if (!this.#telemetry.isTraced) return;
`,
    replace: ``,
    killedBy: { file: TRACE_TEST, title: 'what was done last is kept for evidence where commits are compared' },
  },
  {
    name: 'telemetry: a stall is told before the seals in front of it',
    file: 'src/flusher/flusher-thread.ts',
    find: `    this.#telemetry.post();
`,
    replace: ``,
    killedBy: { file: TRACE_TEST, title: 'tells of a stall and its end' },
  },
  {
    name: 'telemetry: the owner looks only once whether somebody listens',
    file: 'src/observation.ts',
    find: `setInterval(() => this.#look(), LOOK_MS)`,
    replace: `setInterval(() => undefined, LOOK_MS)`,
    killedBy: { file: TRACE_TEST, title: 'the owner looks again every second' },
  },
  {
    name: 'telemetry: an append that waited is told as one that did not',
    file: 'src/staged-appends.ts',
    find: `    if (measured !== undefined) measured.hasWaited = true;
`,
    replace: ``,
    killedBy: { file: TRACE_TEST, title: 'tells of every commit once in each component' },
  },
  {
    name: 'telemetry: every append is measured',
    file: 'src/observe/append-telemetry.ts',
    find: `if (isSampled) this.#untilSample = APPENDS_PER_SAMPLE;`,
    replace: `if (isSampled) this.#untilSample = 1;`,
    killedBy: { file: METRICS_TEST, title: 'count what was done' },
  },
  {
    name: 'telemetry: a wait that failed counts as one that ended well',
    file: 'src/epoch/mark-waiter.ts',
    find: `          if (error !== undefined) return reject(error);
          this.#onWaited(monotonicMs() - startMs);`,
    replace: `          this.#onWaited(monotonicMs() - startMs);
          if (error !== undefined) return reject(error);`,
    killedBy: { file: METRICS_TEST, title: 'of waits count those that reached their commit' },
  },
  {
    name: 'telemetry: buckets of a scrape do not add up',
    file: 'src/adapters/prometheus.ts',
    find: `    below += counts[index] as number;`,
    replace: `    below = counts[index] as number;`,
    killedBy: { file: METRICS_TEST, title: 'is scraped with the figures of this moment' },
  },
  {
    name: 'telemetry: the death of a flusher is in no trace',
    file: 'src/observation.ts',
    find: `    else if (notice.kind === 'failed') this.#publish({ component: 'failure', ...why(notice.error) });
`,
    replace: ``,
    killedBy: { file: THREADS_TEST, title: 'F26: the death of the flusher is a failure that the owner tells of' },
  },
];
