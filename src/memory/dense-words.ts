// Many words of one kind, back to back in shared memory: for thousands of things that have one each, where a line of
// 128 bytes a word (words.ts) would cost more than the contention it saves.

import type { AtomicOps } from './atomics.js';

/** A stretch of 32-bit words, bound to the operations that may touch it. */
export class DenseWords {
  readonly #ops: AtomicOps;
  readonly #words: Int32Array;

  constructor(ops: AtomicOps, buffer: SharedArrayBuffer, byteOffset: number, count: number) {
    this.#ops = ops;
    this.#words = new Int32Array(buffer, byteOffset, count);
  }

  load(index: number): number {
    return this.#ops.load(this.#words, index);
  }

  store(index: number, value: number): void {
    this.#ops.store(this.#words, index, value);
  }

  /** True if the word held `expected` and now holds `replacement`. */
  exchangeIf(index: number, expected: number, replacement: number): boolean {
    return this.#ops.compareExchange(this.#words, index, expected, replacement) === expected;
  }
}

/** A stretch of 64-bit words, read and written as numbers below 2^53. */
export class DenseWords64 {
  readonly #ops: AtomicOps;
  readonly #words: BigInt64Array;

  constructor(ops: AtomicOps, buffer: SharedArrayBuffer, byteOffset: number, count: number) {
    this.#ops = ops;
    this.#words = new BigInt64Array(buffer, byteOffset, count);
  }

  load(index: number): number {
    return this.#ops.load64(this.#words, index);
  }

  store(index: number, value: number): void {
    this.#ops.store64(this.#words, index, value);
  }
}
