// The only file that names Atomics. Everything shared between threads goes through an AtomicOps, so that tests can
// let one operation through at a time. All operations are sequentially consistent (design/assumptions.md A6).

/** The atomic operations the protocol uses, on 32-bit words and on 64-bit words read as plain numbers. */
export interface AtomicOps {
  load(words: Int32Array, index: number): number;
  store(words: Int32Array, index: number, value: number): void;
  /** Adds and returns the value before. */
  add(words: Int32Array, index: number, delta: number): number;
  /** Stores `replacement` if the word holds `expected`; returns the value before. */
  compareExchange(words: Int32Array, index: number, expected: number, replacement: number): number;
  /** A 64-bit word as a number; the protocol keeps them below 2^53. */
  load64(words: BigInt64Array, index: number): number;
  store64(words: BigInt64Array, index: number, value: number): void;
  /** Adds 1 to a 64-bit word and returns the value before. */
  increment64(words: BigInt64Array, index: number): number;
  /** Stores `replacement` if the word holds `expected`; returns the value before. */
  compareExchange64(words: BigInt64Array, index: number, expected: number, replacement: number): number;
  /** Blocks until notified, at most `timeoutMs`; returns at once when the word no longer holds `value`. */
  wait(words: Int32Array, index: number, value: number, timeoutMs?: number): void;
  /** Like `wait`, without blocking. Does not keep the event loop alive: hold a ref'd handle meanwhile. */
  waitAsync(words: Int32Array, index: number, value: number): Promise<unknown>;
  /** Wakes everybody who waits on the word. */
  notify(words: Int32Array, index: number): void;
}

/** The real operations. */
export const atomics: AtomicOps = {
  load: (words, index) => Atomics.load(words, index),
  store: (words, index, value) => {
    Atomics.store(words, index, value);
  },
  add: (words, index, delta) => Atomics.add(words, index, delta),
  compareExchange: (words, index, expected, replacement) =>
    Atomics.compareExchange(words, index, expected, replacement),
  load64: (words, index) => Number(Atomics.load(words, index)),
  store64: (words, index, value) => {
    Atomics.store(words, index, BigInt(value));
  },
  increment64: (words, index) => Number(Atomics.add(words, index, 1n)),
  compareExchange64: (words, index, expected, replacement) =>
    Number(Atomics.compareExchange(words, index, BigInt(expected), BigInt(replacement))),
  wait: (words, index, value, timeoutMs) => {
    Atomics.wait(words, index, value, timeoutMs);
  },
  waitAsync: (words, index, value) => Promise.resolve(Atomics.waitAsync(words, index, value).value),
  notify: (words, index) => {
    Atomics.notify(words, index);
  },
};

/**
 * For words that only say something about the log, and that no order of the protocol goes by: they are not among the
 * operations in front of which tests stop a thread.
 */
export const unordered = {
  load64: (words: BigInt64Array, index: number): number => Number(Atomics.load(words, index)),
  store64: (words: BigInt64Array, index: number, value: number): void => {
    Atomics.store(words, index, BigInt(value));
  },
  add64: (words: BigInt64Array, index: number, delta: number): void => {
    Atomics.add(words, index, BigInt(delta));
  },
};

/**
 * For the one thread that stores to a region, in which nobody else does: it sees its own stores however it loads, so
 * plain loads do, which cost a fraction of atomic ones.
 */
export const soleWriter: AtomicOps = {
  ...atomics,
  load: (words, index) => words[index] as number,
  load64: (words, index) => Number(words[index]),
};
