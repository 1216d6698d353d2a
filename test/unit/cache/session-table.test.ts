// Goal: a session's number belongs to one thread until it is given back. Method: two tables over one memory.

import { expect, test } from 'vitest';
import { SESSIONS_MAX } from '../../../src/cache/latch-word.js';
import { SessionTable } from '../../../src/cache/session-table.js';
import { SharedPageCache } from '../../../src/cache/shared-page-cache.js';

function tables(): [SessionTable, SessionTable] {
  const memory = SharedPageCache.create({ frames: 1, pageBytes: 16 });
  return [new SessionTable(memory), new SessionTable(memory)];
}

test('K5: numbers are taken once, the lowest free one first, and there are 31', () => {
  const [one, other] = tables();
  const taken = Array.from({ length: SESSIONS_MAX }, (_, index) => (index % 2 ? one : other).take(index + 100));
  expect(taken.map((each) => each?.session)).toEqual(Array.from({ length: SESSIONS_MAX }, (_, session) => session));
  expect(one.take(1)).toBeUndefined();
  other.free(taken[7]!);
  expect(one.taken()).toHaveLength(SESSIONS_MAX - 1);
  expect([one.threadOf(7), one.threadOf(8)]).toEqual([undefined, 108]);
  expect(one.take(1)).toMatchObject({ session: 7 });
});

test('K5: a number that is given again is another session, and the old one cannot be given back again', () => {
  const [one, other] = tables();
  const old = one.take(1)!;
  other.free(old);
  const now = other.take(2)!;
  expect([now.session, one.isCurrent(old), one.isCurrent(now)]).toEqual([old.session, false, true]);
  expect(() => one.free(old)).toThrow(expect.objectContaining({ code: 'ERR_WAL_INVARIANT' }));
});
