// Shared words, the ring of bytes, the lock and the turn, each on one thread.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32c } from '../../../src/base/checksum.js';
import { type AtomicOps, atomics } from '../../../src/memory/atomics.js';
import { ByteRing } from '../../../src/memory/byte-ring.js';
import { SharedLock } from '../../../src/memory/shared-lock.js';
import { Turn } from '../../../src/memory/turn.js';
import { LINE_BYTES, Word32, Word64 } from '../../../src/memory/words.js';
import { announced } from '../cli/seeded.js';

const buffer = (): SharedArrayBuffer => new SharedArrayBuffer(4 * LINE_BYTES);

describe('words', () => {
  test('each stands on a line of its own', () => {
    const shared = buffer();
    for (let line = 0; line < 4; line += 1) new Word32(atomics, shared, line).store(line + 1);
    const words = new Int32Array(shared);
    expect(words.filter((word) => word !== 0)).toEqual(Int32Array.of(1, 2, 3, 4));
    expect(words[LINE_BYTES / 4]).toBe(2);
    new Word64(atomics, shared, 3).store(2 ** 40);
    expect(new BigInt64Array(shared)[(3 * LINE_BYTES) / 8]).toBe(2n ** 40n);
  });

  test('32 bits wrap as positions do', () => {
    const word = new Word32(atomics, buffer(), 0);
    word.store(2 ** 31 - 1);
    expect(word.add(1)).toBe(2 ** 31 - 1);
    expect(word.load()).toBe(-(2 ** 31));
  });

  test('raise never lowers, also when another thread raises in between', () => {
    const shared = buffer();
    const plain = new Word64(atomics, shared, 0);
    let isDisturbed = false;
    const ops: AtomicOps = {
      ...atomics,
      compareExchange64: (...args) => {
        if (!isDisturbed) plain.store(8);
        isDisturbed = true;
        return atomics.compareExchange64(...args);
      },
    };
    const word = new Word64(ops, shared, 0);
    word.raise(5);
    expect(word.load()).toBe(8);
    word.raise(9);
    expect(word.load()).toBe(9);
    word.raise(3);
    expect(word.load()).toBe(9);
  });
});

describe('the ring of bytes', () => {
  const SIZE = 64;

  test('reads back what was written at every position, wrapped or not', () => {
    const law = fc.property(fc.integer(), fc.uint8Array({ maxLength: SIZE }), (start, bytes) => {
      const ring = ByteRing.wrapping(new Uint8Array(SIZE).fill(0xee));
      ring.copyIn(start, bytes);
      expect(Buffer.concat(ring.pieces(start, bytes.length))).toEqual(Buffer.from(bytes));
      expect(ring.crc(start, bytes.length, 7)).toBe(crc32c(bytes, 7));
      expect(ring.bytes.filter((byte) => byte === 0xee).length).toBeGreaterThanOrEqual(SIZE - bytes.length);
      ring.zero(start, bytes.length);
      expect(Buffer.concat(ring.pieces(start, bytes.length)).every((byte) => byte === 0)).toBe(true);
    });
    fc.assert(law, { ...announced('a ring reads back what was written'), numRuns: 300 });
  });

  test('fields are little-endian and never split', () => {
    const ring = ByteRing.wrapping(new Uint8Array(SIZE));
    for (let position = -2 * SIZE; position < 2 * SIZE; position += 8) {
      ring.setU64(position, 2 ** 53 - 1);
      expect(ring.u64(position)).toBe(2 ** 53 - 1);
      ring.setU64(position, 2n ** 64n - 1n);
      expect(ring.pieces(position, 8)).toEqual([new Uint8Array(8).fill(0xff)]);
      ring.setU32(position + 4, 0x01020304);
      expect(ring.pieces(position + 4, 4)).toEqual([Uint8Array.of(4, 3, 2, 1)]);
    }
  });

  test.each([0, 3, 48])('a ring of %i bytes does not exist', (size) => {
    expect(() => ByteRing.wrapping(new Uint8Array(size))).toThrow(
      expect.objectContaining({ code: 'ERR_WAL_INVARIANT' }),
    );
  });

  test('over plain memory positions are offsets', () => {
    const flat = ByteRing.flat(new Uint8Array(10));
    flat.copyIn(7, Uint8Array.of(1, 2, 3));
    expect([...flat.bytes]).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 2, 3]);
  });
});

describe('the lock', () => {
  function lockRig() {
    const shared = buffer();
    const notified: number[] = [];
    const ops: AtomicOps = {
      ...atomics,
      notify: (words, index) => {
        notified.push(index);
        atomics.notify(words, index);
      },
    };
    const [holder, waiters] = [new Word32(ops, shared, 0), new Word32(ops, shared, 1)];
    return { holder, waiters, notified, lock: new SharedLock(holder, waiters) };
  }

  test('is held by one id at a time and freed by that one only', () => {
    const { lock } = lockRig();
    expect([lock.tryAcquire(2), lock.tryAcquire(3), lock.tryAcquire(2)]).toEqual([true, false, false]);
    expect(() => lock.release(3)).toThrow(expect.objectContaining({ code: 'ERR_WAL_INVARIANT' }));
    lock.release(2);
    expect([lock.isHeld(), lock.tryAcquire(3)]).toEqual([false, true]);
  });

  test('gives up after the time given and counts nobody as waiting then', () => {
    const { lock, waiters } = lockRig();
    lock.tryAcquire(2);
    expect(lock.acquire(3, 0)).toBe(false);
    expect(lock.acquire(3, 2)).toBe(false);
    expect(waiters.load()).toBe(0);
  });

  test('wakes nobody when nobody waits, and whoever is counted', () => {
    const { lock, waiters, notified } = lockRig();
    lock.tryAcquire(2);
    lock.release(2);
    expect(notified).toEqual([]);
    waiters.add(1);
    lock.tryAcquire(2);
    lock.release(2);
    expect(notified).toHaveLength(1);
  });

  test('passes from a dead holder in one step, and wakes all when the dead one held nothing', () => {
    const { lock, holder, notified } = lockRig();
    lock.tryAcquire(2);
    expect(lock.takeOver(2, 1)).toBe(true);
    expect(holder.load()).toBe(1);
    lock.release(1);
    lock.tryAcquire(3);
    expect(lock.takeOver(2, 1)).toBe(false);
    expect(holder.load()).toBe(3);
    expect(notified).toHaveLength(1);
  });
});

describe('the turn', () => {
  test('moves with every announcement and notifies only when somebody sleeps', () => {
    const shared = buffer();
    let notified = 0;
    const ops: AtomicOps = {
      ...atomics,
      notify: () => {
        notified += 1;
      },
    };
    const [word, sleepers] = [new Word32(ops, shared, 0), new Word32(ops, shared, 1)];
    const turn = new Turn(word, sleepers);
    const seen = turn.load();
    turn.announce();
    expect([turn.load() === seen, notified]).toEqual([false, 0]);
    sleepers.add(1);
    turn.announce();
    expect(notified).toBe(1);
  });

  test('a sleep on a turn that has passed ends at once, blocking or not', async () => {
    const shared = buffer();
    const turn = new Turn(new Word32(atomics, shared, 0), new Word32(atomics, shared, 1));
    const seen = turn.load();
    turn.announce();
    turn.wait(seen, Number.POSITIVE_INFINITY);
    expect(turn.spin(seen, Number.POSITIVE_INFINITY)).toBe('moved');
    await turn.waitAsync(seen);
    expect(new Int32Array(shared)[LINE_BYTES / 4]).toBe(0);
  });

  test('an announcement ends a sleep that had begun', async () => {
    const shared = buffer();
    const turn = new Turn(new Word32(atomics, shared, 0), new Word32(atomics, shared, 1));
    const slept = turn.waitAsync(turn.load());
    turn.announce();
    await slept;
    expect(turn.spin(turn.load(), 1)).toBe('in vain');
  });

  test('a thread that looks gives way to one that blocks, not to a promise', async () => {
    const shared = buffer();
    const sleepers = new Word32(atomics, shared, 1);
    const turn = new Turn(new Word32(atomics, shared, 0), sleepers);
    const awaiting = turn.waitAsync(turn.load());
    expect(turn.spin(turn.load(), 0.1)).toBe('in vain');
    // As a thread that blocks would be counted.
    sleepers.add(1);
    expect(turn.spin(turn.load(), Number.POSITIVE_INFINITY)).toBe('crowded');
    // Both are told of, and counted as two.
    expect(turn.announce()).toBe(2);
    await awaiting;
    expect(sleepers.load()).toBe(1);
  });
});
