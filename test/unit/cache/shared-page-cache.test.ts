// Goal: pages are loaded once, latched as asked, evicted only when they may be, and refused with the right error. Method:
// several sessions in one thread, over a store that is a Map and counts what it is asked for.

import { describe, expect, test } from 'vitest';
import type { WalError } from '../../../src/base/errors.js';
import { reapSession } from '../../../src/cache/reap.js';
import { type PageSource, SharedPageCache } from '../../../src/cache/shared-page-cache.js';

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
  return { store, memory, source, caches, cache: caches[0]!, other: caches[1]!, third: caches[2]! };
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

test('a dead session leaves nothing', () => {
  const { cache, other, memory } = rig();
  cache.latchExclusive(1, SHORT_MS);
  cache.latchShared(2, SHORT_MS);
  const told: number[] = [];
  expect(reapSession(memory, 0, (pageNumber) => told.push(pageNumber))).toEqual({
    discarded: 1,
    shared: 1,
    heldSize: false,
  });
  expect(told).toEqual([1]);
  other.latchExclusive(1, SHORT_MS);
  other.latchExclusive(2, SHORT_MS);
});
