// One contender under the same load as the others: started once, run round after round, and in the end closed, opened
// anew and read: each value must be the last write of some writer to that key, whole. Between two rounds nobody writes
// anything any more.

import { bytesWritten, quiet } from './harness.js';
import { LatencyHistogram } from './histogram.js';
import type { Contender, OpenContender } from './peers/contender.js';
import { fillValue, VALUE_BYTES, type WriterPlan, type WriterResult } from './peers/writer.js';
import { WorkerGroup } from './worker-group.js';

/** How much is there. */
export interface ContenderCase {
  readonly writers: number;
  readonly keys: number;
}

/** What a round gave. */
export interface ContenderRound {
  readonly writesPerSecond: number;
  /** The same with the time in which everything was brought to its place. */
  readonly settledWritesPerSecond: number;
  readonly readsPerSecond: number;
  /** Of the writes. */
  readonly latencies: LatencyHistogram;
  /** Bytes handed to the system for each write, where it tells. */
  readonly bytesEach: number;
}

/** A contender with its threads. */
export class ContenderRun {
  readonly contender: Contender;
  readonly #directory: string;
  readonly #keys: number;
  readonly #opened: OpenContender;
  readonly #group: WorkerGroup<WriterPlan, WriterResult>;

  private constructor(
    contender: Contender,
    directory: string,
    keys: number,
    opened: OpenContender,
    group: WorkerGroup<WriterPlan, WriterResult>,
  ) {
    this.contender = contender;
    this.#directory = directory;
    this.#keys = keys;
    this.#opened = opened;
    this.#group = group;
  }

  /** Opens the contender in an empty directory of its own. */
  static async start(contender: Contender, directory: string, { writers, keys }: ContenderCase): Promise<ContenderRun> {
    const opened = await contender.open(directory, keys, new Uint8Array(VALUE_BYTES).fill(1));
    const data = Array.from({ length: writers }, (_, index) => ({ ...opened.workerData, index, keys }));
    const group = await WorkerGroup.launch<WriterPlan, WriterResult>(contender.worker, data);
    await quiet();
    return new ContenderRun(contender, directory, keys, opened, group);
  }

  async round(plan: WriterPlan): Promise<ContenderRound> {
    const bytesBefore = bytesWritten();
    const startMs = performance.now();
    const run = await this.#group.round(plan);
    await this.#opened.settle();
    const settledSeconds = (performance.now() - startMs) / 1000;
    const bytes = bytesWritten() - bytesBefore;
    // What a contender does behind its round must not slow down the next one.
    await quiet();
    const latencies = LatencyHistogram.merged(run.results.map(({ writeLatencies }) => writeLatencies));
    const reads = LatencyHistogram.merged(run.results.map(({ readLatencies }) => readLatencies));
    return {
      writesPerSecond: latencies.count / run.seconds,
      settledWritesPerSecond: latencies.count / settledSeconds,
      readsPerSecond: reads.count / run.seconds,
      latencies,
      bytesEach: bytes / Math.max(1, latencies.count),
    };
  }

  /** Closes the contender and reads all of it back; returns how many values were compared. */
  async end(): Promise<number> {
    const { results } = await this.#group.round({ kind: 'last' });
    await this.#group.stop();
    await this.#opened.close();
    const values = await this.contender.readAll(this.#directory, this.#keys);
    const expected = new Uint8Array(VALUE_BYTES);
    for (let key = 1; key <= this.#keys; key += 1) {
      const value = values[key - 1];
      const isOneOf = results.some(({ last }, index) => {
        const count = last[key] as number;
        return count > 0 && value !== undefined && isEqual(value, fillValue(expected, key, index + 1, count));
      });
      const isUntouched = results.every(({ last }) => last[key] === 0);
      if (isOneOf || (isUntouched && value?.every((byte) => byte === 1) === true)) continue;
      throw new Error(`${this.contender.name} lost what was written to key ${key}.`);
    }
    return this.#keys;
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
