// The orders on which no lost wake-up rests: who counts, changes and looks first.

import { expect, test } from 'vitest';
import { type AtomicOps, atomics } from '../../../src/memory/atomics.js';
import { SharedLock } from '../../../src/memory/shared-lock.js';
import { Turn } from '../../../src/memory/turn.js';
import { LINE_BYTES, Word32 } from '../../../src/memory/words.js';

/** Two words, and every operation on them by name. */
function words(more: Partial<AtomicOps> = {}) {
  const buffer = new SharedArrayBuffer(2 * LINE_BYTES);
  const log: string[] = [];
  const logged = <Arguments extends [Int32Array, number, ...unknown[]], Result>(
    name: string,
    operation: (...rest: Arguments) => Result,
  ) => {
    return (...rest: Arguments): Result => {
      log.push(`${name} ${rest[1] === 0 ? 'first' : 'second'}`);
      return operation(...rest);
    };
  };
  const ops: AtomicOps = {
    ...atomics,
    load: logged('load', atomics.load),
    add: logged('add', atomics.add),
    compareExchange: logged('exchange', atomics.compareExchange),
    notify: logged('notify', atomics.notify),
    ...more,
  };
  const [first, second] = [new Word32(ops, buffer, 0), new Word32(ops, buffer, 1)];
  const counted = new Word32(atomics, buffer, 1);
  return { log, first, second, counted };
}

test('a lock is free before its holder looks who waits', () => {
  const { log, first, second } = words();
  const lock = new SharedLock(first, second);
  lock.tryAcquire(3);
  log.length = 0;
  lock.release(3);
  expect(log).toEqual(['exchange first', 'load second']);
});

test('a waiter for a lock is counted before it looks at it for the last time', () => {
  const waits: number[] = [];
  const { log, first, second, counted } = words({ wait: () => void waits.push(counted.load()) });
  const lock = new SharedLock(first, second);
  lock.tryAcquire(9);
  expect(lock.acquire(3, 1)).toBe(false);
  expect(waits.length).toBeGreaterThan(0);
  expect(new Set(waits)).toEqual(new Set([1]));
  const behind = log.slice(log.indexOf('add second'));
  expect(behind.slice(0, 3)).toEqual(['add second', 'exchange first', 'load first']);
});

test('I7: an announcement changes the turn before it looks who sleeps', () => {
  const { log, first, second } = words();
  new Turn(first, second).announce();
  expect(log).toEqual(['add first', 'load second']);
});

test('I7: a sleeper is counted while it sleeps, blocking or not', async () => {
  const sleeps: number[] = [];
  const { first, second, counted } = words({
    wait: () => void sleeps.push(counted.load()),
    waitAsync: () => Promise.resolve(sleeps.push(counted.load())),
  });
  const turn = new Turn(first, second);
  turn.wait(0, 1);
  await turn.waitAsync(0);
  // The announcer can tell one kind from the other.
  expect(sleeps).toEqual([1, 2 ** 16]);
  expect(counted.load()).toBe(0);
});
