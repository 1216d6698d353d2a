// Words in shared memory. Every word that two threads write sits on a line of its own, so that writers on different
// cores never contend for a cache line by accident. A region names its lines once; nothing else computes an index.

import type { AtomicOps } from './atomics.js';

/** Bytes between shared words: two 64-byte cache lines, because processors prefetch lines in pairs. */
export const LINE_BYTES = 128;

const INT32_PER_LINE = LINE_BYTES / 4;
const INT64_PER_LINE = LINE_BYTES / 8;

/** One 32-bit word of a region, bound to the operations that may touch it. */
export class Word32 {
  readonly #ops: AtomicOps;
  readonly #words: Int32Array;
  readonly #index: number;

  constructor(ops: AtomicOps, buffer: SharedArrayBuffer, line: number) {
    this.#ops = ops;
    this.#words = new Int32Array(buffer);
    this.#index = line * INT32_PER_LINE;
  }

  load(): number {
    return this.#ops.load(this.#words, this.#index);
  }

  store(value: number): void {
    this.#ops.store(this.#words, this.#index, value);
  }

  /** Adds and returns the value before. */
  add(delta: number): number {
    return this.#ops.add(this.#words, this.#index, delta);
  }

  /** True if the word held `expected` and now holds `replacement`. */
  exchangeIf(expected: number, replacement: number): boolean {
    return this.#ops.compareExchange(this.#words, this.#index, expected, replacement) === expected;
  }

  wait(value: number, timeoutMs?: number): void {
    this.#ops.wait(this.#words, this.#index, value, timeoutMs);
  }

  waitAsync(value: number): Promise<unknown> {
    return this.#ops.waitAsync(this.#words, this.#index, value);
  }

  notify(): void {
    this.#ops.notify(this.#words, this.#index);
  }
}

/** One 64-bit word of a region, read and written as a number below 2^53. */
export class Word64 {
  readonly #ops: AtomicOps;
  readonly #words: BigInt64Array;
  readonly #index: number;

  constructor(ops: AtomicOps, buffer: SharedArrayBuffer, line: number) {
    this.#ops = ops;
    this.#words = new BigInt64Array(buffer);
    this.#index = line * INT64_PER_LINE;
  }

  load(): number {
    return this.#ops.load64(this.#words, this.#index);
  }

  store(value: number): void {
    this.#ops.store64(this.#words, this.#index, value);
  }

  /** Adds 1 and returns the value before. */
  increment(): number {
    return this.#ops.increment64(this.#words, this.#index);
  }

  /** Raises the word to `value` unless it is higher already. */
  raise(value: number): void {
    for (let seen = this.load(); seen < value; ) {
      const before = this.#ops.compareExchange64(this.#words, this.#index, seen, value);
      if (before === seen) return;
      seen = before;
    }
  }
}
