// Goal: the indexer puts exactly the page images and shrinking sizes of the log into the index, also when the index is
// full in the middle of a commit, and the reader finds the images where it says. Method: logs of several lanes, jumbos
// and spaces over a directory in memory, small rings, every image compared with what was appended.

import { expect, test } from 'vitest';
import type { WalError } from '../../../src/base/errors.js';
import { Indexer } from '../../../src/follow/indexer.js';
import { MemoryDirectory } from '../../../src/storage/memory-directory.js';
import { LogReader, readLiveImage } from '../../../src/versions/log-reader.js';
import { VersionIndex } from '../../../src/versions/version-index.js';
import { image, LogBuilder, PAGE_BYTES, pages } from '../../support/log-builder.js';
import { told } from '../../support/version-model.js';

/** First byte of a page as of a sequence, or what the index says instead. */
function valueAt(index: VersionIndex, reader: LogReader, page: number, asOf: number, space = 0): unknown {
  const found = index.find(space, page, asOf);
  if (found === undefined || found === 'zero') return found;
  const target = new Uint8Array(PAGE_BYTES);
  expect(readLiveImage(reader, found, target, () => index.isLive(found.id))).toBe(true);
  expect(new Set(target).size).toBe(1);
  return target[0];
}

test('every image is found as of every commit, over files and lanes', () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  const log = new LogBuilder(directory, { fileBytes: 32 * 1024, lanes: 3 }).start();
  for (let epoch = 0; epoch < 30; epoch += 1) {
    const [a, b, c] = [epoch * 3 + 1, epoch * 3 + 2, epoch * 3 + 3];
    log.epoch(pages(1, a, 2, a), { operations: [{ code: 1, bytes: new Uint8Array(9) }], ...pages(1, b) }, pages(2, c));
    if (epoch % 4 === 0) log.mark();
  }
  const index = VersionIndex.create({ versionsMax: 200 });
  const indexer = new Indexer(directory, index);
  const reader = new LogReader(directory, { filesMax: 2 });
  expect([indexer.catchUp(10), index.indexedThrough]).toEqual(['caughtUp', 30]);
  expect([indexer.catchUp(30), index.indexedThrough]).toEqual(['caughtUp', 90]);
  for (let asOf = 1; asOf <= 90; asOf += 1) {
    const epochFirst = asOf - ((asOf - 1) % 3);
    const wantedOne = Math.max(1, asOf - epochFirst >= 1 ? epochFirst + 1 : asOf);
    const wantedTwo = asOf % 3 === 0 ? asOf : epochFirst;
    expect([valueAt(index, reader, 1, asOf), valueAt(index, reader, 2, asOf)]).toEqual([wantedOne, wantedTwo]);
  }
  expect(log.fileNumber).toBeGreaterThan(5);
  expect(reader.openCount).toBe(2);
  reader.closeBelow(log.fileNumber + 1);
  expect(reader.openCount).toBe(0);
});

test('of one commit the last image of a page counts', () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  new LogBuilder(directory).start().epoch(pages(1, 1, 2, 2, 1, 3));
  const index = VersionIndex.create({ versionsMax: 8 });
  new Indexer(directory, index).catchUp(1);
  expect(valueAt(index, new LogReader(directory), 1, 1)).toBe(3);
  expect([...index.newestThrough(0, 1).pageNumbers]).toEqual([1, 2]);
});

test('a size that shrinks is a cut, of its space, and one that grows is none', () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  const log = new LogBuilder(directory, { lanes: 1 }).start();
  log.epoch({ dbSizePages: 9, ...pages(9, 1) }, { dbSizePages: 12 }, { dbSizePages: 4 }, { dbSizePages: 12 });
  log.epoch({ sizes: [{ space: 3, pages: 5 }] }, { sizes: [{ space: 3, pages: 2 }] });
  const index = VersionIndex.create({ versionsMax: 8 });
  const indexer = new Indexer(directory, index, { sizes: new Map([[0, 9]]) });
  indexer.catchUp(2);
  expect([1, 2, 3, 4].map((asOf) => told(index.find(0, 9, asOf)))).toEqual([1, 1, 'zero', 'zero']);
  // Nobody said how large space 3 was: its first size may have shrunk it.
  expect([5, 6].map((seq) => index.smallestCut(3, seq))).toEqual([5, 2]);
  expect([index.liveCount, indexer.sizePages(0), indexer.sizePages(3), indexer.sizePages(1)]).toEqual([
    4,
    12,
    2,
    undefined,
  ]);
});

test('a full index stops the indexer within a commit, and nothing is left out or comes twice', () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  const log = new LogBuilder(directory, { lanes: 2 }).start();
  for (let epoch = 1; epoch <= 6; epoch += 1) log.epoch(pages(1, epoch, 2, epoch, 3, epoch), pages(4, epoch));
  const index = VersionIndex.create({ versionsMax: 4 });
  const indexer = new Indexer(directory, index);
  const reader = new LogReader(directory);
  let releasedSeq = 0;
  let stops = 0;
  /** Odd commits write pages 1 to 3, even ones page 4: all that is complete and was not released is there. */
  const check = (): void => {
    for (let seq = releasedSeq + 1; seq <= index.indexedThrough; seq += 1) {
      for (const page of seq % 2 === 1 ? [1, 2, 3] : [4]) {
        expect(told(index.find(0, page, seq))).toBe(seq);
        expect(valueAt(index, reader, page, seq)).toBe(Math.ceil(seq / 2));
      }
    }
  };
  while (indexer.catchUp(6) === 'full') {
    check();
    stops += 1;
    releasedSeq = index.indexedThrough;
    index.release(releasedSeq);
  }
  check();
  expect([index.indexedThrough, stops > 2, releasedSeq < 12]).toEqual([12, true, true]);
});

test('a commit with more images than the index holds is refused by name', () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  new LogBuilder(directory).start().epoch(pages(1, 1), pages(1, 1, 2, 2, 3, 3));
  const index = VersionIndex.create({ versionsMax: 2 });
  const indexer = new Indexer(directory, index);
  expect(indexer.catchUp(1)).toBe('full');
  index.release(1);
  let code: unknown;
  try {
    indexer.catchUp(1);
  } catch (thrown) {
    ({ code } = thrown as WalError);
  }
  expect(code).toBe('ERR_WAL_RECORD_TOO_LARGE');
});

test('indexing begins behind a sequence, in the middle of an epoch too', () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  new LogBuilder(directory).start().epoch(pages(1, 1), pages(2, 2), pages(3, 3)).epoch(pages(1, 4));
  const index = VersionIndex.create({ versionsMax: 8, indexedThrough: 2 });
  new Indexer(directory, index).catchUp(2);
  expect([index.liveCount, told(index.find(0, 1, 3)), told(index.find(0, 3, 3))]).toEqual([2, 'page file', 3]);
});

test('an image whose file is gone is damage while its version is live, and none behind', () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  const log = new LogBuilder(directory).start().epoch(pages(1, 1));
  const reader = new LogReader(directory);
  directory.remove(log.name);
  const target = image(0);
  const place = { fileNumber: 1, offset: 4096 };
  expect(readLiveImage(reader, place, target, () => false)).toBe(false);
  expect(() => readLiveImage(reader, place, target, () => true)).toThrow(log.name);
});
