// Goal: pages are loaded once, latched as asked, evicted only when they may be, and refused with the right error. Method:
// several sessions in one thread, over a store that is a Map and counts what it is asked for.

import { describe, expect, test } from 'vitest';
import type { WalError } from '../../../src/base/errors.js';
import { CacheWords } from '../../../src/cache/cache-memory.js';
import { shareOf } from '../../../src/cache/latch-word.js';
import { Latches } from '../../../src/cache/latches.js';
import { reapSession } from '../../../src/cache/reap.js';
import { type PageSource, SharedPageCache } from '../../../src/cache/shared-page-cache.js';
import { type AtomicOps, atomics } from '../../../src/memory/atomics.js';

const PAGE_BYTES = 16;
const SHORT_MS = 5;

/** A cache, a store behind it, and one SharedPageCache a session. */
function rig({ frames = 4, sessions = 3 } = {}) {
  const store = { indexed: 0, loads: [] as number[], waits: 0, fails: undefined as Error | undefined };
  const source: PageSource = {
    isEvictable: (seq) => seq <= store.indexed,
    load: (pageNumber, target) => {
      if (store.fails !== undefined) throw store.fails;
      store.loads.push(pageNumber);
      target.fill(pageNumber);
      return 0;
    },
    awaitEvictable: () => {
      store.waits += 1;
      store.indexed = Number.POSITIVE_INFINITY;
    },
  };
  const memory = SharedPageCache.create({ frames, pageBytes: PAGE_BYTES });
  const caches = Array.from({ length: sessions }, (_, session) => new SharedPageCache(memory, session, source));
  /** A session during whose sleeps others do something. */
  const withWait = (session: number, act: () => void): SharedPageCache => {
    return new SharedPageCache(memory, session, source, { ...atomics, wait: act });
  };
  return { store, memory, source, caches, withWait, cache: caches[0]!, other: caches[1]!, third: caches[2]! };
}

function errorOf(act: () => unknown): WalError {
  try {
    act();
  } catch (error) {
    return error as WalError;
  }
  throw new Error('nothing was thrown');
}

describe('a page', () => {
  test('K6: is loaded once and shared from then on', () => {
    const { cache, other, store } = rig();
    const frame = cache.latchShared(7, SHORT_MS);
    expect(other.latchShared(7, SHORT_MS)).toBe(frame);
    expect([...other.view(frame)]).toEqual(new Array(PAGE_BYTES).fill(7));
    expect(cache.view(frame)).toBe(cache.view(frame));
    cache.unlatchShared(frame);
    other.unlatchShared(frame);
    cache.unlatchShared(cache.latchShared(7, SHORT_MS));
    expect(store.loads).toEqual([7]);
  });

  test('K2: that one session has, no other shares or has', () => {
    const { cache, other } = rig();
    const frame = cache.latchExclusive(7, SHORT_MS);
    for (const act of [() => other.latchShared(7, SHORT_MS), () => other.latchExclusive(7, SHORT_MS)]) {
      expect(errorOf(act)).toMatchObject({ code: 'ERR_WAL_DEADLOCK', details: { pageNumber: 7, sessions: [0] } });
    }
    cache.downgrade(frame);
    other.unlatchShared(other.latchShared(7, SHORT_MS));
    cache.unlatchShared(frame);
    other.unlatchExclusive(other.latchExclusive(7, SHORT_MS));
  });
});

describe('a page that is latched', () => {
  test('K3: is not evicted, and the frame of one that is not latched is', () => {
    const { cache, other, store } = rig({ frames: 2 });
    const kept = cache.latchShared(1, SHORT_MS);
    other.unlatchShared(other.latchShared(2, SHORT_MS));
    const frame = other.latchShared(3, SHORT_MS);
    expect(frame).not.toBe(kept);
    expect([cache.view(kept)[0], other.view(frame)[0]]).toEqual([1, 3]);
    expect(other.tryLatchShared(2)).toBeLessThan(0);
    expect(store.loads).toEqual([1, 2, 3]);
  });

  test('K2: for a second time by the same session is a bug of the caller', () => {
    const { cache } = rig();
    cache.latchShared(1, SHORT_MS);
    expect(errorOf(() => cache.latchShared(1, SHORT_MS)).code).toBe('ERR_WAL_INVARIANT');
    cache.latchExclusive(2, SHORT_MS);
    expect(errorOf(() => cache.latchExclusive(2, SHORT_MS)).code).toBe('ERR_WAL_INVARIANT');
    expect(errorOf(() => cache.unlatchShared(2)).code).toBe('ERR_WAL_INVARIANT');
    expect([cache.tryLatchShared(1), cache.tryLatchShared(2)].every((frame) => frame < 0)).toBe(true);
  });

  test('is shared at once or not at all by who only tries', () => {
    const { cache, other, store } = rig();
    expect(other.tryLatchShared(1)).toBeLessThan(0);
    const frame = cache.latchExclusive(1, SHORT_MS);
    expect(other.tryLatchShared(1)).toBeLessThan(0);
    cache.downgrade(frame);
    expect(other.tryLatchShared(1)).toBe(frame);
    expect(store.loads).toEqual([1]);
  });
});

describe('an upgrade', () => {
  test('K2: waits until nobody else shares the page', () => {
    const { cache, other } = rig();
    const frame = cache.latchShared(1, SHORT_MS);
    other.latchShared(1, SHORT_MS);
    expect(errorOf(() => cache.latchExclusive(1, SHORT_MS))).toMatchObject({
      code: 'ERR_WAL_DEADLOCK',
      details: { pageNumber: 1, sessions: [0, 1], timeoutMs: SHORT_MS },
    });
    other.unlatchShared(frame);
    expect(cache.latchExclusive(1, SHORT_MS)).toBe(frame);
    cache.unlatchExclusive(frame);
  });

  test('K2: of a page that another session waits to upgrade is refused at once', () => {
    const { memory, source, other, withWait } = rig();
    const refused: unknown[] = [];
    const cache = withWait(0, () => {
      refused.push(errorOf(() => other.latchExclusive(1, Number.POSITIVE_INFINITY)).code);
      other.unlatchShared(frame);
    });
    const frame = cache.latchShared(1, SHORT_MS);
    other.latchShared(1, SHORT_MS);
    expect(cache.latchExclusive(1, 1000)).toBe(frame);
    expect(refused).toEqual(['ERR_WAL_DEADLOCK']);
    cache.unlatchExclusive(frame);
    expect(new SharedPageCache(memory, 2, source).latchShared(1, SHORT_MS)).toBe(frame);
  });
});

test('K4: of two upgrades, while a third session claims the page, one is refused at once, and then all go on', () => {
  const { withWait } = rig();
  const ends: unknown[] = [];
  const other = withWait(1, () => {
    throw new Error('it waits');
  });
  const upgrader = withWait(0, () => {
    ends.push(errorOf(() => other.latchExclusive(1, Number.POSITIVE_INFINITY)).code);
    other.unlatchShared(frame);
  });
  const third = withWait(2, () => {
    expect(upgrader.latchExclusive(1, 1000)).toBe(frame);
    ends.push('upgraded');
    upgrader.unlatchExclusive(frame);
  });
  const frame = upgrader.latchShared(1, SHORT_MS);
  other.latchShared(1, SHORT_MS);
  expect(third.latchExclusive(1, 1000)).toBe(frame);
  third.unlatchExclusive(frame);
  expect(ends).toEqual(['ERR_WAL_DEADLOCK', 'upgraded']);
});

test('K4: a writer that gives up wakes those who wait because of its claim', () => {
  const { cache, third, memory } = rig();
  const frame = cache.latchShared(1, SHORT_MS);
  const turn = new CacheWords(memory, atomics).turnOf(0);
  turn.enter(shareOf(1));
  const before = turn.load();
  expect(errorOf(() => third.latchExclusive(1, SHORT_MS)).code).toBe('ERR_WAL_DEADLOCK');
  expect(turn.load()).not.toBe(before);
  turn.leave(shareOf(1));
  cache.unlatchShared(frame);
});

test('K4: a reader lets a writer that waits go first, but for a few milliseconds only', () => {
  const { memory, source, other, withWait } = rig();
  const waits: number[] = [];
  const wait: AtomicOps['wait'] = (words, index, value, timeoutMs = Number.POSITIVE_INFINITY) => {
    waits.push(timeoutMs);
    atomics.wait(words, index, value, Math.min(timeoutMs, 20));
  };
  const third = new SharedPageCache(memory, 2, source, { ...atomics, wait });
  const cache = withWait(0, () => {
    expect(third.tryLatchShared(1)).toBeLessThan(0);
    const frame = third.latchShared(1, 1000);
    third.unlatchShared(frame);
    other.unlatchShared(frame);
  });
  other.latchShared(1, SHORT_MS);
  cache.latchExclusive(1, 1000);
  expect(waits.length).toBeGreaterThan(0);
  expect(Math.max(...waits)).toBeLessThanOrEqual(5);
});

describe('a frame', () => {
  test('K7: whose image the log does not have yet is not used for another page', () => {
    const { cache, store } = rig({ frames: 1 });
    const frame = cache.latchExclusive(1, SHORT_MS, true);
    cache.setSeq(frame, 5);
    cache.unlatchExclusive(frame);
    cache.unlatchShared(cache.latchShared(2, 1000));
    expect([store.waits, store.loads]).toEqual([1, [2]]);
  });

  test('K7: that the log never gets is refused when the time is over', () => {
    const { cache, source } = rig({ frames: 1 });
    source.awaitEvictable = () => undefined;
    const frame = cache.latchExclusive(1, SHORT_MS, true);
    cache.setSeq(frame, 5);
    cache.unlatchExclusive(frame);
    const error = errorOf(() => cache.latchShared(2, SHORT_MS));
    expect(error).toMatchObject({ code: 'ERR_WAL_CACHE_FULL', details: { isWaitingForLog: true, pageNumber: 2 } });
  });

  test('that was used since the clock came by is spared once', () => {
    const { cache, store } = rig({ frames: 3 });
    const use = (pageNumber: number) => cache.unlatchShared(cache.latchShared(pageNumber, SHORT_MS));
    // The fourth page takes the first one's frame, behind a round that found all of them used.
    for (const pageNumber of [1, 2, 3, 4, 2, 5]) use(pageNumber);
    store.loads.length = 0;
    use(2);
    expect(store.loads).toEqual([]);
    use(3);
    expect(store.loads).toEqual([3]);
  });

  test('of a set whose frames one session has latched is refused at once', () => {
    const { withWait } = rig({ frames: 2 });
    const cache = withWait(0, () => {
      throw new Error('it sleeps');
    });
    cache.latchShared(1, SHORT_MS);
    cache.latchExclusive(2, SHORT_MS);
    const error = errorOf(() => cache.latchShared(3, Number.POSITIVE_INFINITY));
    expect(error).toMatchObject({ code: 'ERR_WAL_CACHE_FULL', details: { isWaitingForLog: false, ways: 2 } });
  });

  test('K4: of a set whose frames others have latched is waited for', () => {
    const { other, withWait } = rig({ frames: 1 });
    const cache = withWait(0, () => other.unlatchShared(0));
    other.latchShared(1, SHORT_MS);
    expect(errorOf(() => cache.latchShared(2, 0)).code).toBe('ERR_WAL_CACHE_FULL');
    cache.unlatchShared(cache.latchShared(2, 1000));
  });

  test('K6: whose page could not be loaded, or was not overwritten, is forgotten', () => {
    const { cache, other, store } = rig();
    store.fails = new Error('told to');
    expect(errorOf(() => cache.latchShared(1, SHORT_MS))).toBe(store.fails);
    expect(errorOf(() => cache.latchExclusive(1, SHORT_MS))).toBe(store.fails);
    const frame = cache.latchExclusive(1, SHORT_MS, true);
    expect(cache.seqOf(frame)).toBeLessThan(0);
    cache.view(frame).fill(99);
    cache.unlatchExclusive(frame);
    store.fails = undefined;
    expect(other.view(other.latchShared(1, SHORT_MS))[0]).toBe(1);
  });

  test('K6: that its holder abandons is loaded again', () => {
    const { cache, store } = rig();
    cache.abandon(cache.latchExclusive(1, SHORT_MS));
    cache.latchShared(1, SHORT_MS);
    expect(store.loads).toEqual([1, 1]);
  });
});

test('pages of a run and of any stride are spread over all sets', () => {
  const { memory, cache } = rig({ frames: 1024 });
  expect(memory).toMatchObject({ frames: 1024, ways: 64 });
  for (const stride of [1, 2, 64, 1024, 4099]) {
    const counts = new Map<number, number>();
    for (let index = 1; index <= 512; index += 1) {
      const frame = cache.latchShared(index * stride, SHORT_MS);
      counts.set(Math.floor(frame / 64), (counts.get(Math.floor(frame / 64)) ?? 0) + 1);
      cache.unlatchShared(frame);
    }
    expect(Math.max(...counts.values()), `stride ${stride}`).toBeLessThanOrEqual(64);
  }
});

test('K1: page numbers up to 2^32 - 1 are told apart', () => {
  const { cache, store } = rig();
  const frames = [1, 2 ** 31, 2 ** 32 - 1].map((pageNumber) => cache.latchShared(pageNumber, SHORT_MS));
  expect(new Set(frames).size).toBe(3);
  expect(store.loads).toEqual([1, 2 ** 31, 2 ** 32 - 1]);
});

test('K2: the size is latched by one session at a time', () => {
  const { cache, other } = rig();
  cache.latchSize(SHORT_MS);
  const error = errorOf(() => other.latchSize(SHORT_MS));
  expect(error).toMatchObject({ code: 'ERR_WAL_DEADLOCK', details: { sessions: [0] } });
  cache.unlatchSize();
  other.latchSize(SHORT_MS);
});

describe('K5: a reap', () => {
  test('frees what the dead session held, tells of what it may have changed, and leaves the rest', () => {
    const { cache, other, third, memory } = rig();
    cache.latchExclusive(1, SHORT_MS);
    const shared = cache.latchShared(2, SHORT_MS);
    other.latchShared(2, SHORT_MS);
    const kept = other.latchExclusive(3, SHORT_MS);
    cache.latchSize(SHORT_MS);
    const told: number[] = [];
    expect(reapSession(memory, 0, (pageNumber) => told.push(pageNumber))).toEqual({
      discarded: 1,
      shared: 1,
      heldSize: true,
    });
    expect(told).toEqual([1]);
    third.unlatchExclusive(third.latchExclusive(1, SHORT_MS));
    third.latchSize(SHORT_MS);
    expect(errorOf(() => third.latchExclusive(2, SHORT_MS)).details).toMatchObject({ sessions: [1] });
    other.unlatchShared(shared);
    other.unlatchExclusive(kept);
    expect(reapSession(memory, 0, () => told.push(0))).toEqual({ discarded: 0, shared: 0, heldSize: false });
    expect(told).toEqual([1]);
  });

  test('takes back the lock of a set, a claim and a place among the sleepers', () => {
    const { memory, other } = rig();
    const words = new CacheWords(memory, atomics);
    words.lockOf(0).tryAcquire(1);
    words.turnOf(0).enter(1);
    new Latches(words, 0).tryClaim(0);
    const turn = words.turnOf(0).load();
    reapSession(memory, 0, () => undefined);
    expect([words.lockOf(0).isHeld(), new Latches(words, 1).isClaimed(0)]).toEqual([false, false]);
    words.turnOf(0).announce();
    expect(words.turnOf(0).load()).toBe(turn);
    other.unlatchShared(other.latchShared(1, SHORT_MS));
  });

  test('wakes whoever sleeps, because the dead may have owed it', () => {
    const { memory } = rig();
    const { turnOf } = new CacheWords(memory, atomics);
    const turn = turnOf.call(new CacheWords(memory, atomics), 0);
    turn.enter(2);
    const seen = turn.load();
    reapSession(memory, 0, () => undefined);
    expect(turn.load()).not.toBe(seen);
  });
});
