// The order of a checkpoint of attached pages, seen from a page file that notes what is done to it (C1), and what becomes
// of pages when something on the way fails.

import { afterEach, describe, expect, test, vi } from 'vitest';
import { CachedPages } from '../../../src/adapters/page-cache.js';
import { WalError } from '../../../src/base/errors.js';
import type { PageFile } from '../../../src/storage/page-file.js';
import { MemoryDirectory, openWalOn } from '../../../src/testing.js';
import type { Wal } from '../../../src/wal.js';

const PAGE_BYTES = 512;
const image = (value: number) => new Uint8Array(PAGE_BYTES).fill(value);

let opened: Wal[] = [];

afterEach(async () => {
  vi.restoreAllMocks();
  for (const wal of opened) await wal.close().catch(() => undefined);
  opened = [];
});

async function attached() {
  const settings = { lanes: 1, laneBytes: 8192, pageSize: PAGE_BYTES, logFileBytes: 65_536, ticker: false };
  const wal = await openWalOn(new MemoryDirectory({ pretendSync: true }), settings);
  opened.push(wal);
  const done: string[] = [];
  const hooks = { onWrite: (): void => undefined, onSync: (): void => undefined };
  let sizePages = 0;
  const pageFile = {
    sizePages: () => sizePages,
    setSizePages: (pages: number) => {
      sizePages = pages;
    },
    cutToPages: (pages: number) => {
      sizePages = Math.min(sizePages, pages);
    },
    writePage: (pageNumber: number, bytes: Uint8Array) => {
      done.push(`write ${pageNumber}=${bytes[0]} behind ${wal.marks().durableSeq}`);
      hooks.onWrite();
    },
    sync: () => {
      hooks.onSync();
      done.push('sync');
    },
    close: () => undefined,
  } as unknown as PageFile;
  const cache = new Map<number, Uint8Array>();
  const pages = new CachedPages(wal, cache, pageFile, 0, async (seq) => void done.push(`free ${seq}`));
  const write = (pageNumber: number, value: number): void => {
    const transaction = pages.begin();
    transaction.write(pageNumber, image(value));
    transaction.commit();
  };
  return { wal, pages, cache, done, hooks, write };
}

describe('a checkpoint of attached pages', () => {
  test('C1: a checkpoint writes pages behind their log, syncs them, and only then frees the log', async () => {
    const { pages, done, write } = await attached();
    write(1, 7);
    write(2, 8);
    await pages.checkpoint();
    expect(done).toEqual(['write 1=7 behind 2', 'write 2=8 behind 2', 'sync', 'free 2']);
  });

  test('C1: a checkpoint of what is durable leaves what is not, also of a page that it writes', async () => {
    const { wal, pages, done, write } = await attached();
    write(1, 7);
    write(2, 7);
    await wal.flush();
    write(1, 8);
    write(1, 9);
    write(3, 9);
    await pages.checkpointDurable();
    expect(done).toEqual(['write 1=7 behind 2', 'write 2=7 behind 2', 'sync', 'free 2']);
    expect([pages.dirtyPages, pages.read(1)[0], pages.read(2)[0], pages.sizePages]).toEqual([2, 9, 7, 3]);
    await wal.flush();
    await pages.checkpointDurable();
    expect(done.slice(4)).toEqual(['write 1=9 behind 5', 'write 3=9 behind 5', 'sync', 'free 5']);
  });

  test('C1: a cut that is not durable takes no page from a checkpoint, and one that is takes it', async () => {
    const { wal, pages, done, write } = await attached();
    const resize = (sizePages: number): void => {
      const transaction = pages.begin();
      transaction.resize(sizePages);
      transaction.commit();
    };
    write(1, 7);
    write(2, 7);
    await wal.flush();
    resize(1);
    resize(3);
    await pages.checkpointDurable();
    expect(done).toEqual(['write 1=7 behind 2', 'write 2=7 behind 2', 'sync', 'free 2']);
    expect([pages.sizePages, pages.read(2)[0], pages.read(3)[0]]).toEqual([3, 0, 0]);
    write(3, 9);
    await wal.flush();
    resize(2);
    await pages.checkpointDurable();
    expect(done.slice(4)).toEqual(['write 3=9 behind 5', 'sync', 'free 5']);
    expect(pages.dirtyPages).toBe(0);
  });

  test('a page that is written again during a checkpoint stays dirty', async () => {
    const { pages, done, hooks, write } = await attached();
    write(1, 7);
    write(2, 7);
    hooks.onWrite = () => {
      hooks.onWrite = () => undefined;
      write(1, 9);
    };
    await pages.checkpoint();
    expect([pages.dirtyPages, pages.read(1)[0], done.at(-1)]).toEqual([1, 9, 'free 2']);
    await pages.checkpoint();
    expect(done.slice(-3)).toEqual(['write 1=9 behind 3', 'sync', 'free 3']);
  });

  test('A5: a sync of the page file that failed frees no log and is final (F39)', async () => {
    const { pages, done, hooks, write } = await attached();
    write(1, 7);
    hooks.onSync = () => {
      hooks.onSync = () => undefined;
      throw new WalError('ERR_WAL_IO', 'the sync failed');
    };
    for (let round = 0; round < 2; round += 1) {
      await expect(pages.checkpoint()).rejects.toThrow(expect.objectContaining({ code: 'ERR_WAL_POISONED' }));
    }
    expect(done).toEqual(['write 1=7 behind 1']);
    expect(() => pages.read(1)).toThrow(expect.objectContaining({ code: 'ERR_WAL_POISONED' }));
  });
});

test('a transaction that the log refuses leaves the cache as it was', async () => {
  const { wal, pages, cache, write } = await attached();
  write(1, 7);
  vi.spyOn(wal.connect(), 'append').mockImplementation(() => {
    throw new WalError('ERR_WAL_LANE_FULL', 'no space');
  });
  expect(() => write(1, 9)).toThrow(expect.objectContaining({ code: 'ERR_WAL_LANE_FULL' }));
  expect([pages.read(1)[0], cache.get(1)![0], pages.sizePages]).toEqual([7, 7, 1]);
});
