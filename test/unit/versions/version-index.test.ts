// Goal: the version index says of every page, as of every sequence, what a list of everything inserted says. Method:
// random runs of inserts, cuts and releases in a small ring against a plain model (fast-check prints its seed), and the
// corners by hand: a full ring, cuts and growth, hot pages, numbers near 2^53.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WalError } from '../../../src/base/errors.js';
import { type AtomicOps, atomics } from '../../../src/memory/atomics.js';
import type { NewestVersions } from '../../../src/versions/newest-versions.js';
import { type PageVersion, VersionIndex } from '../../../src/versions/version-index.js';
import { VersionSlots } from '../../../src/versions/version-slots.js';
import { disagreement, told, VersionModel } from '../../support/version-model.js';

/** A version whose place can be told from all others. */
function version(seq: number, pageNumber: number, space = 0): PageVersion {
  return { space, pageNumber, seq, fileNumber: 1 + (seq % 3), offset: 4096 + seq * 64 };
}

type Act =
  | { readonly kind: 'commit'; readonly space: number; readonly cut: number | undefined; readonly pages: number[] }
  | { readonly kind: 'release'; readonly share: number };

const acts: fc.Arbitrary<Act[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('commit' as const),
        space: fc.nat({ max: 1 }),
        cut: fc.option(fc.nat({ max: 6 }), { nil: undefined, freq: 5 }),
        pages: fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 4 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('release' as const),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    },
  ),
  { maxLength: 60 },
);

function rowsOf({ pageNumbers, fileNumbers, offsets }: NewestVersions): (number | undefined)[][] {
  return [...pageNumbers].map((pageNumber, index) => [pageNumber, fileNumbers[index], offsets[index]]);
}

/** Everything both can say as of every sequence that may be asked for. */
function compare(index: VersionIndex, model: VersionModel, lastSeq: number): void {
  for (let asOf = model.releasedSeq; asOf <= lastSeq; asOf += 1) {
    for (const space of [0, 1]) {
      for (let pageNumber = 1; pageNumber <= 8; pageNumber += 1) {
        expect(disagreement(index, model, { space, pageNumber }, asOf)).toBeUndefined();
      }
      // File and offset of each version are its own.
      const told = rowsOf(index.newestThrough(space, asOf));
      const expected = model.newestThrough(space, asOf);
      expect(told).toEqual(expected.map(({ pageNumber, fileNumber, offset }) => [pageNumber, fileNumber, offset]));
      expect(index.smallestCut(space, asOf)).toBe(model.smallestCut(space, asOf));
    }
  }
}

describe('an index and a plain list of everything inserted', () => {
  test.each([16, 64])('agree about every page as of every sequence, in a ring of %i', (versionsMax) => {
    fc.assert(
      fc.property(acts, (run) => {
        const made = VersionIndex.create({ versionsMax });
        const index = versionsMax === 16 ? made : VersionIndex.forIndexer(made.buffer);
        const model = new VersionModel();
        let seq = 0;
        const released = (throughSeq: number): void => {
          index.release(throughSeq);
          model.release(throughSeq);
        };
        for (const act of run) {
          if (act.kind === 'release') released(model.releasedSeq + Math.floor(act.share * (seq - model.releasedSeq)));
          else {
            seq += 1;
            // A full ring refuses, changes nothing, and takes the same again once there is room.
            const insisted = (put: () => boolean): void => {
              if (put()) return;
              compare(index, model, seq - 1);
              released(seq - 1);
              expect(put()).toBe(true);
            };
            const { space, cut, pages } = act;
            if (cut !== undefined) {
              insisted(() => index.cut({ space, pages: cut, seq }));
              model.cut({ space, pages: cut, seq });
            }
            for (const [at, pageNumber] of pages.entries()) {
              const one = { ...version(seq, pageNumber, space), offset: 4096 * (seq * 8 + at) };
              insisted(() => index.insert(one));
              model.insert(one);
            }
            index.announce(seq);
          }
        }
        compare(index, model, seq);
        expect(index.liveCount).toBe(model.live.length);
      }),
      { numRuns: 60 },
    );
  });
});

test('a full ring refuses and keeps everything it has', () => {
  const index = VersionIndex.create({ versionsMax: 4 });
  for (let seq = 1; seq <= 4; seq += 1) expect(index.insert(version(seq, seq))).toBe(true);
  expect(index.insert(version(5, 5))).toBe(false);
  expect(index.cut({ space: 0, pages: 0, seq: 5 })).toBe(false);
  expect([1, 2, 3, 4, 5].map((page) => told(index.find(0, page, 9)))).toEqual([1, 2, 3, 4, 'page file']);
  expect(index.liveCount).toBe(4);
  index.release(1);
  expect(index.insert(version(5, 5))).toBe(true);
  expect([1, 2, 3, 4, 5].map((page) => told(index.find(0, page, 9)))).toEqual(['page file', 2, 3, 4, 5]);
});

test('pages beyond a cut are zero until they are written again, also when the space grew again', () => {
  const index = VersionIndex.create({ versionsMax: 16 });
  index.insert(version(1, 5));
  index.cut({ space: 0, pages: 3, seq: 2 });
  index.insert(version(3, 6));
  index.cut({ space: 0, pages: 5, seq: 4 });
  index.insert(version(5, 5));
  const history = (page: number): unknown[] => [0, 1, 2, 3, 4, 5].map((asOf) => told(index.find(0, page, asOf)));
  expect(history(5)).toEqual(['page file', 1, 'zero', 'zero', 'zero', 5]);
  expect(history(6)).toEqual(['page file', 'page file', 'zero', 3, 'zero', 'zero']);
  expect(history(3)).toEqual(Array(6).fill('page file'));
  expect(rowsOf(index.newestThrough(0, 4))).toEqual([]);
  expect([index.smallestCut(0, 1), index.smallestCut(0, 5), index.smallestCut(1, 5)]).toEqual([
    undefined,
    3,
    undefined,
  ]);
});

test('a commit that shrinks its space and writes pages has those pages', () => {
  const index = VersionIndex.create({ versionsMax: 16 });
  index.cut({ space: 0, pages: 1, seq: 1 });
  index.insert(version(1, 2));
  expect(told(index.find(0, 2, 1))).toBe(1);
});

test('a cut lasts as long as the versions behind it, and one store lets go of both', () => {
  const index = VersionIndex.create({ versionsMax: 16 });
  index.insert(version(1, 5));
  index.cut({ space: 0, pages: 3, seq: 2 });
  index.insert(version(3, 5));
  index.cut({ space: 0, pages: 4, seq: 4 });
  index.release(3);
  expect([told(index.find(0, 5, 3)), told(index.find(0, 5, 4)), told(index.find(0, 4, 4))]).toEqual([
    'page file',
    'zero',
    'page file',
  ]);
  index.release(4);
  expect(told(index.find(0, 5, 4))).toBe('page file');
});

test('a version is live until it is released, and its id is never used again', () => {
  const index = VersionIndex.create({ versionsMax: 4 });
  index.insert(version(1, 1));
  const found = index.find(0, 1, 1) as { id: number };
  expect(index.isLive(found.id)).toBe(true);
  index.release(1);
  expect(index.isLive(found.id)).toBe(false);
  for (let seq = 2; seq <= 5; seq += 1) index.insert(version(seq, 1));
  expect(index.isLive(found.id)).toBe(false);
});

test('numbers near 2^53 and 2^32 are kept whole', () => {
  const index = VersionIndex.create({ versionsMax: 16 });
  const large = [2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 2];
  large.forEach((number, order) => {
    const seq = 2 ** 53 - 10 + order;
    index.insert({ space: 4095, pageNumber: number, seq, fileNumber: number, offset: number });
  });
  for (const [order, number] of large.entries()) {
    const found = index.find(4095, number, 2 ** 53 - 10 + order);
    expect(found).toMatchObject({ fileNumber: number, offset: number, seq: 2 ** 53 - 10 + order });
    expect(index.find(4095, number, 2 ** 53 - 11 + order)).toBeUndefined();
  }
  expect(rowsOf(index.newestThrough(4095, 2 ** 53 - 1))).toEqual(large.map((each) => [each, each, each]));
});

test('a page written again and again is found as of any sequence in few steps, and its neighbours in fewer', () => {
  const versions = 4096;
  let loads = 0;
  const index = VersionIndex.create({ versionsMax: versions });
  // Another page of the same bucket, written once, long ago.
  const slots = new VersionSlots(index.buffer, atomics);
  let neighbour = 2;
  while (slots.bucketOf(0, neighbour) !== slots.bucketOf(0, 1)) neighbour += 1;
  for (let seq = 1; seq <= versions; seq += 1) index.insert(version(seq, seq === 17 ? neighbour : 1));
  const counting = new VersionIndex(
    index.buffer,
    countingOps(() => {
      loads += 1;
    }),
  );
  let most = 0;
  for (let asOf = 18; asOf <= versions; asOf += 1) {
    loads = 0;
    expect(told(counting.find(0, 1, asOf))).toBe(asOf);
    most = Math.max(most, loads);
  }
  // Two steps for each binary digit, a dozen loads each.
  expect(most).toBeLessThan(12 * 2 * Math.log2(versions) + 24);
  loads = 0;
  expect(told(counting.find(0, neighbour, versions))).toBe(17);
  expect(loads).toBeLessThan(48);
});

test('page numbers in any even steps spread over the buckets', () => {
  const pages = 1024;
  for (const step of [1, 2, 3, 7, 64, 1000, 4096, 2 ** 20]) {
    let loads = 0;
    const index = VersionIndex.create({ versionsMax: pages });
    for (let at = 1; at <= pages; at += 1) index.insert(version(at, at * step));
    const counting = new VersionIndex(
      index.buffer,
      countingOps(() => {
        loads += 1;
      }),
    );
    for (let at = 1; at <= pages; at += 1) expect(told(counting.find(0, at * step, pages))).toBe(at);
    // Fewer than two slots are looked at on the average.
    expect(loads / pages, `step ${step}`).toBeLessThan(30);
  }
});

test.each([0, 1.5, 2 ** 24 + 1, Number.NaN])('an index of %d versions is refused', (versionsMax) => {
  expect(() => VersionIndex.create({ versionsMax })).toThrow(WalError);
});

test('whoever waits for a sequence hears when it is indexed, and no sooner', async () => {
  const index = VersionIndex.create({ versionsMax: 4, indexedThrough: 7 });
  expect([await index.reaches(7), index.waitThrough(7, 0), index.waitThrough(8, 0)]).toEqual([true, true, false]);
  expect(await index.reaches(8, 1)).toBe(false);
  const reached = index.reaches(9, 60_000);
  index.announce(8);
  index.announce(9);
  expect([await reached, index.indexedThrough]).toEqual([true, 9]);
});

/** The real operations, with every load counted. */
function countingOps(count: () => void): AtomicOps {
  return {
    ...atomics,
    load: (words, index) => {
      count();
      return atomics.load(words, index);
    },
    load64: (words, index) => {
      count();
      return atomics.load64(words, index);
    },
  };
}
