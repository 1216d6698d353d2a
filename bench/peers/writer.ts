// The loop of one thread of the benchmarks with peers, the same for all contenders: writes one value at a time to a key
// that looks random, and goes on when it is acknowledged; or reads one, as often as the plan says. It knows afterwards
// what it wrote last to each key.

import { workerData } from 'node:worker_threads';
import { randomBelow } from '../harness.js';
import { LatencyHistogram } from '../histogram.js';
import { serveRounds } from '../worker-group.js';

export const VALUE_BYTES = 4096;

/** A round, or the question what was written last. */
export type WriterPlan =
  | {
      readonly kind: 'write';
      readonly seconds: number;
      /** Of this writer: the round ends behind so many writes, if it has not ended before. */
      readonly commits?: number;
      /** Reads of a hundred operations; none without. */
      readonly readPercent?: number;
    }
  | { readonly kind: 'last' };

/** What a round gave. */
export interface WriterResult {
  readonly writeLatencies: string;
  readonly readLatencies: string;
  /** For `last`: by key, the number of this writer's last write to it; 0 for none. */
  readonly last: Uint32Array;
}

/** What every worker is started with, besides what its contender needs. */
export interface WriterData {
  readonly index: number;
  readonly keys: number;
}

/** A contender, as one thread sees it. */
export interface KeyValues {
  /** Returns, or resolves, when the value is acknowledged. */
  write(key: number, value: Uint8Array): void | Promise<void>;
  /** The newest value, copied or not. A log has none. */
  read?(key: number): Uint8Array | Promise<Uint8Array>;
}

/** Fills a value with who wrote it as which of its writes, and bytes that follow from that. */
export function fillValue(value: Uint8Array, key: number, writer: number, count: number): Uint8Array {
  const words = new Uint32Array(value.buffer, value.byteOffset, value.length / 4);
  words.fill(Math.imul(key, 2_654_435_761) ^ Math.imul(count, 40_503) ^ writer);
  words[0] = key;
  words[1] = writer;
  words[2] = count;
  return value;
}

/** Serves a benchmark with what is under comparison. */
export function serveWriter(store: KeyValues): void {
  const { index, keys } = workerData as WriterData;
  const last = new Uint32Array(keys + 1);
  const below = randomBelow(index + 1, keys);
  const percent = randomBelow(index + 1000, 100);
  // Memory of its own, as a native store may want it.
  const value = Buffer.alloc(VALUE_BYTES);
  let count = 0;

  const write = async (key: number): Promise<void> => {
    count += 1;
    const written = store.write(key, fillValue(value, key, index + 1, count));
    if (written !== undefined) await written;
    last[key] = count;
  };
  const read = async (key: number): Promise<void> => {
    const found = store.read?.(key);
    const bytes = found instanceof Promise ? await found : found;
    if (bytes?.length !== VALUE_BYTES) throw new Error(`Key ${key} was read as ${bytes?.length} bytes.`);
  };

  serveRounds(async (plan: WriterPlan): Promise<WriterResult> => {
    const writes = new LatencyHistogram();
    const reads = new LatencyHistogram();
    if (plan.kind === 'last') return { writeLatencies: writes.toText(), readLatencies: reads.toText(), last };
    const countMax = count + (plan.commits ?? Number.POSITIVE_INFINITY);
    let nowMs = performance.now();
    const endMs = nowMs + plan.seconds * 1000;
    while (nowMs < endMs && count < countMax) {
      const isRead = plan.readPercent !== undefined && percent() < plan.readPercent;
      await (isRead ? read : write)(1 + below());
      const thenMs = performance.now();
      (isRead ? reads : writes).record(thenMs - nowMs);
      nowMs = thenMs;
    }
    return { writeLatencies: writes.toText(), readLatencies: reads.toText(), last: new Uint32Array(0) };
  });
}
