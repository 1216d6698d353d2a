// Mutants of the shared words: locks, turns, rings.

import type { Mutant } from '../support/mutation.js';

const MEMORY_TEST = 'test/unit/memory/memory.test.ts';
const ORDERS_TEST = 'test/unit/memory/orders.test.ts';

export const MEMORY_MUTANTS: readonly Mutant[] = [
  {
    name: 'a lock is freed by whoever calls',
    file: 'src/memory/shared-lock.ts',
    find: `assert(this.#holder.exchangeIf(id, 0), 'only the holder frees a lock');`,
    replace: `this.#holder.store(0);`,
    killedBy: { file: MEMORY_TEST, title: 'is held by one id at a time and freed by that one only' },
  },
  {
    name: 'a lock looks at its waiters before it is free',
    file: 'src/memory/shared-lock.ts',
    find: `    assert(this.#holder.exchangeIf(id, 0), 'only the holder frees a lock');
    if (this.#waiters.load() > 0) this.#holder.notify();`,
    replace: `    const waiters = this.#waiters.load();
    assert(this.#holder.exchangeIf(id, 0), 'only the holder frees a lock');
    if (waiters > 0) this.#holder.notify();`,
    killedBy: { file: ORDERS_TEST, title: 'a lock is free before its holder looks who waits' },
  },
  {
    name: 'a waiter for a lock is not counted while it sleeps',
    file: 'src/memory/shared-lock.ts',
    find: `    this.#waiters.add(1);
    try {`,
    replace: `    try {`,
    killedBy: { file: ORDERS_TEST, title: 'a waiter for a lock is counted before it looks at it for the last time' },
  },
  {
    name: 'a lock of a dead holder stays',
    file: 'src/memory/shared-lock.ts',
    find: `const held = this.#holder.exchangeIf(deadId, id);`,
    replace: `const held = false;`,
    killedBy: { file: MEMORY_TEST, title: 'passes from a dead holder in one step' },
  },
  {
    name: 'the death of a waiter takes the notify with it that was meant for all',
    file: 'src/memory/shared-lock.ts',
    find: `    if (!held) this.#holder.notify();`,
    replace: ``,
    killedBy: { file: MEMORY_TEST, title: 'passes from a dead holder in one step' },
  },
  {
    name: 'I7: an announcement wakes before it changes the turn',
    file: 'src/memory/turn.ts',
    find: `    this.#word.add(1);
    const sleepers = this.#sleepers.load();
    if (sleepers > 0) this.#word.notify();`,
    replace: `    const sleepers = this.#sleepers.load();
    if (sleepers > 0) this.#word.notify();
    this.#word.add(1);`,
    killedBy: { file: ORDERS_TEST, title: 'I7: an announcement changes the turn before it looks who sleeps' },
  },
  {
    name: 'I7: a sleeper does not count itself',
    file: 'src/memory/turn.ts',
    find: `    this.#sleepers.add(BLOCKED);
    this.#word.wait(seen, timeoutMs);`,
    replace: `    this.#word.wait(seen, timeoutMs);
    this.#sleepers.add(BLOCKED);`,
    killedBy: { file: ORDERS_TEST, title: 'I7: a sleeper is counted while it sleeps' },
  },
  {
    name: 'a thread that looks before it sleeps gives way to a promise',
    file: 'src/memory/turn.ts',
    find: `      if ((this.#sleepers.load() & BLOCKED_MASK) > 0) return 'crowded';`,
    replace: `      if (this.#sleepers.load() > 0) return 'crowded';`,
    killedBy: { file: MEMORY_TEST, title: 'a thread that looks gives way to one that blocks, not to a promise' },
  },
  {
    name: 'I7: a sleeper that does not block does not count itself',
    file: 'src/memory/turn.ts',
    find: `    this.#sleepers.add(AWAITING);
    await this.#word.waitAsync(seen);`,
    replace: `    await this.#word.waitAsync(seen);
    this.#sleepers.add(AWAITING);`,
    killedBy: { file: ORDERS_TEST, title: 'I7: a sleeper is counted while it sleeps' },
  },
  {
    name: 'a demand lowers a higher one that came in between',
    file: 'src/memory/words.ts',
    find: `      const before = this.#ops.compareExchange64(this.#words, this.#index, seen, value);`,
    replace: `      const before = seen;
      this.store(value);`,
    killedBy: { file: MEMORY_TEST, title: 'raise never lowers, also when another thread raises in between' },
  },
  {
    name: 'shared words stand on one cache line',
    file: 'src/memory/words.ts',
    find: `const INT32_PER_LINE = LINE_BYTES / 4;`,
    replace: `const INT32_PER_LINE = LINE_BYTES / 8;`,
    killedBy: { file: MEMORY_TEST, title: 'each stands on a line of its own' },
  },
  {
    name: 'what wraps around the end of a ring is not copied to its beginning',
    file: 'src/memory/byte-ring.ts',
    find: `    this.bytes.set(source.subarray(straight), 0);`,
    replace: ``,
    killedBy: { file: MEMORY_TEST, title: 'reads back what was written at every position, wrapped or not' },
  },
  {
    name: 'the checksum of what wraps begins with its second part',
    file: 'src/memory/byte-ring.ts',
    find: `return crc32c(this.bytes.subarray(0, length - straight), crc32c(this.bytes.subarray(index), seed));`,
    replace: `return crc32c(this.bytes.subarray(index), crc32c(this.bytes.subarray(0, length - straight), seed));`,
    killedBy: { file: MEMORY_TEST, title: 'reads back what was written at every position, wrapped or not' },
  },
  {
    name: 'the checksum of bytes that are no whole words leaves the last of them out',
    file: 'src/memory/byte-ring.ts',
    find: `length <= WORDS_BYTES_MAX && length % 4 === 0;`,
    replace: `length <= WORDS_BYTES_MAX;`,
    killedBy: { file: MEMORY_TEST, title: 'reads back what was written at every position, wrapped or not' },
  },
  {
    name: 'zeroes whole words and leaves the bytes behind them',
    file: 'src/memory/byte-ring.ts',
    find: `    for (; at < end; at += 1) this.#view.setUint8(at & this.#mask, 0);`,
    replace: ``,
    killedBy: { file: MEMORY_TEST, title: 'reads back what was written at every position, wrapped or not' },
  },
  {
    name: 'the checksum of words begins each of them anew',
    file: 'src/base/checksum.ts',
    find: `crc = lookUp(tables, 0, view.getInt32(at, true) ^ crc);`,
    replace: `crc = lookUp(tables, 0, view.getInt32(at, true));`,
    killedBy: { file: 'test/unit/base/checksum.test.ts', title: 'words summed where they stand give the same' },
  },
];
