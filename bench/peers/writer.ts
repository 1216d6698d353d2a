// The loop of one writer of the benchmark 'store', the same for all contenders: writes one value at a time to a key that
// looks random, and goes on when it is durable. It knows afterwards what it wrote last to each key.

import { parentPort, workerData } from 'node:worker_threads';
import { randomBelow } from '../harness.js';

export const VALUE_BYTES = 4096;

/** A round, or the question what was written last. */
export type WriterPlan = { readonly kind: 'write'; readonly seconds: number } | { readonly kind: 'last' };

/** What a round gave. */
export interface WriterResult {
  readonly latenciesMs: Float64Array;
  /** For `last`: by key, the number of this writer's last write to it; 0 for none. */
  readonly last: Uint32Array;
}

/** What every worker is started with, besides what its contender needs. */
export interface WriterData {
  readonly index: number;
  readonly keys: number;
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

/** Serves a benchmark with `write`, which returns, or resolves, when the value is durable. */
export function serveWriter(write: (key: number, value: Uint8Array) => void | Promise<void>): void {
  const { index, keys } = workerData as WriterData;
  const last = new Uint32Array(keys + 1);
  const below = randomBelow(index + 1, keys);
  // Memory of its own, as a native store may want it.
  const value = Buffer.alloc(VALUE_BYTES);
  let count = 0;
  const run = async (plan: WriterPlan): Promise<WriterResult> => {
    const latenciesMs: number[] = [];
    if (plan.kind === 'last') return { latenciesMs: new Float64Array(0), last };
    let nowMs = performance.now();
    const endMs = nowMs + plan.seconds * 1000;
    while (nowMs < endMs) {
      const key = 1 + below();
      count += 1;
      const written = write(key, fillValue(value, key, index + 1, count));
      if (written !== undefined) await written;
      last[key] = count;
      const thenMs = performance.now();
      latenciesMs.push(thenMs - nowMs);
      nowMs = thenMs;
    }
    return { latenciesMs: Float64Array.from(latenciesMs), last: new Uint32Array(0) };
  };
  const port = parentPort;
  port?.on('message', (plan: WriterPlan) => void run(plan).then((result) => port.postMessage(result)));
  port?.postMessage('ready');
}
