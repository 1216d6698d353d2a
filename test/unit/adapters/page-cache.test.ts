// Goal: any cache can be attached, and the page file never runs ahead of the log. Method: a Map and the lru-cache package
// (with room for three pages, so that dirty pages are evicted all the time) run the same story; the model is a Map of
// pages; the page file is looked at byte by byte, the log by recovery.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { describe, expect, test } from 'vitest';
import { attachPageCache, openWal, type PageCache, recoverWal, type Wal } from '../../../src/index.js';
import { inTemporaryDirectory } from '../../support/temporary-path.js';

const OPTIONS = { pageSize: 512, lanes: 1, laneBytes: 65_536, logFileBytes: 65_536 } as const;
const CACHES: Record<string, () => PageCache> = {
  Map: () => new Map<number, Uint8Array>(),
  'lru-cache of three pages': () => new LRUCache<number, Uint8Array>({ max: 3 }),
};

function image(value: number): Uint8Array {
  return new Uint8Array(512).fill(value);
}

/** The page file's pages as the values they were filled with. */
function valuesOf(path: string): number[] {
  const bytes = readFileSync(path);
  return Array.from({ length: bytes.length / 512 }, (_, index) => bytes[index * 512] as number);
}

async function rejectsWith(work: Promise<unknown>, code: string): Promise<void> {
  await expect(work).rejects.toMatchObject({ code });
}

describe.each(Object.entries(CACHES))('a page cache over %s', (_name, makeCache) => {
  const attach = (wal: Wal, path: string) => attachPageCache(wal, { pageFile: join(path, 'db'), cache: makeCache() });

  test('every page reads as last committed, however often the cache evicts', () =>
    inTemporaryDirectory(async (path) => {
      const wal = await openWal(join(path, 'db'), OPTIONS);
      const pages = await attach(wal, path);
      const model = new Map<number, number>();
      for (let round = 1; round <= 60; round += 1) {
        const transaction = pages.begin();
        for (const pageNumber of [1 + (round % 10), 1 + ((round * 7) % 20)]) {
          transaction.write(pageNumber, image(round));
          model.set(pageNumber, round);
          expect(transaction.read(pageNumber)[0]).toBe(round);
        }
        await transaction.commit().durable();
        if (round % 20 === 0) await pages.checkpoint();
        for (const [pageNumber, value] of model) expect(pages.read(pageNumber)[0]).toBe(value);
      }
      await wal.close();
      expect(valuesOf(join(path, 'db'))).toEqual(
        Array.from({ length: Math.max(...model.keys()) }, (_, index) => model.get(index + 1) ?? 0),
      );
    }));

  test('a page file that a torn write left with part of a page is attached if the log has that page (F41)', () =>
    inTemporaryDirectory(async (path) => {
      const db = join(path, 'db');
      const wal = await openWal(db, OPTIONS);
      wal.connect().append({
        pages: [
          { pageNumber: 1, image: image(1) },
          { pageNumber: 2, image: image(2) },
        ],
      });
      const foreign = Buffer.alloc(3 * 512 + 1, 9);
      writeFileSync(db, foreign);
      await rejectsWith(attach(wal, path), 'ERR_WAL_WRONG_STORE');
      expect(readFileSync(db)).toEqual(foreign);
      writeFileSync(db, Buffer.alloc(512 + 100, 9));
      await attach(wal, path);
      expect(valuesOf(db)).toEqual([1, 2]);
      await wal.close();
    }));

  test('C1: no page reaches the page file before a checkpoint has made its log durable', () =>
    inTemporaryDirectory(async (path) => {
      const wal = await openWal(join(path, 'db'), { ...OPTIONS, ticker: false });
      const pages = await attach(wal, path);
      const transaction = pages.begin();
      transaction.write(1, image(7));
      const commit = transaction.commit();
      expect(valuesOf(join(path, 'db'))).toEqual([]);
      const durableBefore = wal.marks().durableSeq;
      await pages.checkpoint();
      expect(durableBefore).toBeLessThan(commit.seq);
      expect(wal.marks().durableSeq).toBe(commit.seq);
      expect(valuesOf(join(path, 'db'))).toEqual([7]);
      await wal.close();
    }));

  test('a clean close leaves everything in the page file and nothing to recover', () =>
    inTemporaryDirectory(async (path) => {
      const wal = await openWal(join(path, 'db'), OPTIONS);
      const pages = await attach(wal, path);
      const transaction = pages.begin();
      for (let pageNumber = 1; pageNumber <= 5; pageNumber += 1) transaction.write(pageNumber, image(pageNumber));
      transaction.commit();
      await wal.close();
      const report = await recoverWal(join(path, 'db'));
      expect(report).toMatchObject({ commitsApplied: 0, checkpointUsed: 1, cleanlyClosed: true, tail: 'clean' });
      expect(valuesOf(join(path, 'db'))).toEqual([1, 2, 3, 4, 5]);
      expect(() => pages.read(1)).toThrow(expect.objectContaining({ code: 'ERR_WAL_CLOSED' }));
    }));

  test('a store that shrinks and grows again has zeros where it was cut', () =>
    inTemporaryDirectory(async (path) => {
      const wal = await openWal(join(path, 'db'), OPTIONS);
      const pages = await attach(wal, path);
      const first = pages.begin();
      for (let pageNumber = 1; pageNumber <= 6; pageNumber += 1) first.write(pageNumber, image(9));
      first.commit();
      await pages.checkpoint();
      const cut = pages.begin();
      cut.resize(2);
      cut.commit();
      expect(() => pages.read(3)).toThrow(expect.objectContaining({ code: 'ERR_WAL_INVALID_ARGUMENT' }));
      const grow = pages.begin();
      grow.write(5, image(4));
      grow.commit();
      expect([1, 2, 3, 4, 5].map((pageNumber) => pages.read(pageNumber)[0])).toEqual([9, 9, 0, 0, 4]);
      await wal.close();
      expect(valuesOf(join(path, 'db'))).toEqual([9, 9, 0, 0, 4]);
    }));
});

test('a rolled back transaction leaves no trace', () =>
  inTemporaryDirectory(async (path) => {
    await using wal = await openWal(join(path, 'db'), OPTIONS);
    const pages = await attachPageCache(wal, { pageFile: join(path, 'db'), cache: new Map() });
    const transaction = pages.begin();
    transaction.write(1, image(1));
    transaction.rollback();
    expect(() => transaction.commit()).toThrow(expect.objectContaining({ code: 'ERR_WAL_INVALID_ARGUMENT' }));
    expect(pages.sizePages).toBe(0);
    expect(wal.marks().appendedSeq).toBe(0);
  }));

test('two page files of one log free its files only as far as both hold them', () =>
  inTemporaryDirectory(async (path) => {
    const wal = await openWal(join(path, 'a'), OPTIONS);
    const one = await attachPageCache(wal, { pageFile: join(path, 'a'), cache: new Map() });
    const other = await attachPageCache(wal, { pageFile: join(path, 'b'), cache: new Map(), space: 1 });
    for (let round = 1; round <= 150; round += 1) {
      for (const pages of [one, other]) {
        const transaction = pages.begin();
        transaction.write(1, image(round % 250));
        await transaction.commit().durable();
      }
    }
    const filesBefore = (await wal.files()).length;
    await one.checkpoint();
    expect((await wal.files()).length).toBe(filesBefore);
    await other.checkpoint();
    expect((await wal.files()).length).toBeLessThan(filesBefore);
    await wal.close();
    expect(valuesOf(join(path, 'b'))).toEqual([150]);
  }));

test('what cannot be attached is refused by name and nothing is made', () =>
  inTemporaryDirectory(async (path) => {
    await using wal = await openWal(join(path, 'db'), OPTIONS);
    const pageFile = join(path, 'pages');
    await rejectsWith(attachPageCache(wal, { pageFile: '', cache: new Map() }), 'ERR_WAL_INVALID_ARGUMENT');
    await rejectsWith(attachPageCache(wal, { pageFile, cache: {} as PageCache }), 'ERR_WAL_INVALID_ARGUMENT');
    await rejectsWith(attachPageCache(wal, { pageFile, cache: new Map(), space: -1 }), 'ERR_WAL_INVALID_ARGUMENT');
    expect(existsSync(pageFile)).toBe(false);
    await attachPageCache(wal, { pageFile, cache: new Map() });
    await rejectsWith(attachPageCache(wal, { pageFile, cache: new Map() }), 'ERR_WAL_EXISTS');
  }));
