// Goal: page files that are brought up in windows are as if every record had been applied alone, whatever fits into a
// window, and nothing is under way behind a failure. Method: logs over a simulated disk, recovered with memory for one
// image, a few and all; random ones beside a model.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { WalError } from '../../../src/base/errors.js';
import { encodeFileHeader } from '../../../src/log/codec.js';
import { PageFilesTarget } from '../../../src/recovery/page-files-target.js';
import { recoverDirectory } from '../../../src/recovery/recover.js';
import { replayLog } from '../../../src/recovery/replay.js';
import type { RecoveryReport } from '../../../src/recovery/report.js';
import { scanLog } from '../../../src/recovery/scan.js';
import type { Directory } from '../../../src/storage/directory.js';
import { MemoryDirectory } from '../../../src/storage/memory-directory.js';
import { PageFile } from '../../../src/storage/page-file.js';
import { SimulatedDirectory, type SimulatedDiskOptions } from '../../../src/storage/simulated-directory.js';
import { type CommitSpec, flip, image, LogBuilder, PAGE_BYTES, pages, readFile } from '../../support/log-builder.js';

/** What a window gets of the memory, and an image of the window: src/recovery/page-files-target.ts, page-window.ts. */
const WINDOW_SHARE = 11 / 16;
const IMAGE_BYTES = 80;
const memoryOf = (images: number): number => Math.ceil((images * IMAGE_BYTES) / WINDOW_SHARE);
/** One image a window, three, and the whole log. */
const MEMORIES = [1, memoryOf(3), undefined] as const;

function logOf(...epochs: readonly (readonly CommitSpec[])[]): MemoryDirectory {
  const directory = new MemoryDirectory({ pretendSync: true });
  const builder = new LogBuilder(directory).start();
  for (const commits of epochs) builder.epoch(...commits);
  return directory;
}

function storeOf(contents: readonly Uint8Array[], options: SimulatedDiskOptions = {}): SimulatedDirectory {
  const store = new SimulatedDirectory(options);
  store.create({ sync: true });
  for (const [space, bytes] of contents.entries()) {
    const file = store.open(`db${space}`, 'create');
    file.write([bytes], 0);
    file.close();
  }
  store.done.length = 0;
  return store;
}

function recoverInto(store: SimulatedDirectory, log: Directory, recoveryMemoryBytes?: number): Promise<RecoveryReport> {
  const open: typeof PageFile.open = (name, pageBytes, mode) => PageFile.openIn(store, name, pageBytes, mode);
  const into = { pageFiles: store.list().sort() };
  return recoverDirectory(log, { into, afterSeq: 0, recoveryMemoryBytes }, open);
}

const codeOf = (outcome: Promise<unknown>): Promise<string> =>
  outcome.then(
    () => 'none',
    (error: WalError) => error.code,
  );

const sizeOf = (sizes: readonly { space: number; pages: number }[], space: number): number | undefined =>
  sizes.find((one) => one.space === space)?.pages;

/** Images that are written at once, by another thread, with memory of which half is 8 times as much: then it syncs. */
const BATCH = 256;
const MEMORY_OF_BATCHES = 16 * BATCH * PAGE_BYTES;

/** Images of a number of neighbouring pages. */
const run = (firstPage: number, count: number, value: number): CommitSpec =>
  pages(...Array.from({ length: count }, (_, index) => [firstPage + index, value]).flat());

describe('R10: a window', () => {
  test('writes neighbours at once, and of a page that is written again the newest image only', async () => {
    const store = storeOf([image(9)]);
    const commits = [pages(3, 1, 1, 1), pages(3, 2), pages(2, 2, 7, 2), pages(3, 3)];
    const report = await recoverInto(store, logOf(commits));
    expect(store.done).toEqual(['open db0', 'write db0', 'write db0', 'sync db0', 'close db0']);
    const values = [1, 2, 3, 0, 0, 0, 2];
    expect(Buffer.from(readFile(store, 'db0'))).toEqual(Buffer.concat(values.map((value) => image(value))));
    expect(report).toMatchObject({ commitsApplied: 4, dbSizePages: [7] });
  });

  test('does not write what a later commit cuts off, and leaves it zero when the store grows again', async () => {
    const store = storeOf([Buffer.concat([image(9), image(9), image(9)])]);
    await recoverInto(store, logOf([pages(2, 1, 5, 1), { dbSizePages: 1 }, { dbSizePages: 4 }, pages(3, 2)]));
    expect(store.done).toEqual(['open db0', 'truncate db0', 'write db0', 'truncate db0', 'sync db0', 'close db0']);
    const values = [9, 0, 2, 0];
    expect(Buffer.from(readFile(store, 'db0'))).toEqual(Buffer.concat(values.map((value) => image(value))));
  });

  test.each(MEMORIES)('the smallest cut behind an image counts, memory %s', async (memory) => {
    const store = storeOf([image(9)]);
    const commits = [pages(2, 1, 5, 1, 7, 1), { dbSizePages: 6 }, { dbSizePages: 4 }, { dbSizePages: 8 }, pages(6, 2)];
    await recoverInto(store, logOf(commits), memory);
    const values = [9, 1, 0, 0, 0, 2, 0, 0];
    expect(Buffer.from(readFile(store, 'db0'))).toEqual(Buffer.concat(values.map((value) => image(value))));
  });

  test.each(MEMORIES)('takes part of a page at the end off with a cut (F41), memory %s', async (memory) => {
    const store = storeOf([new Uint8Array(PAGE_BYTES + 100).fill(9)]);
    await recoverInto(store, logOf([pages(2, 1)], [{ dbSizePages: 1 }, pages(3, 3)]), memory);
    expect(Buffer.from(readFile(store, 'db0'))).toEqual(Buffer.concat([image(9), image(0), image(3)]));
  });

  test('is as if each record had been applied alone, whatever fits into it', async () => {
    const number = fc.integer({ min: 1, max: 14 });
    const value = fc.integer({ min: 1, max: 255 });
    const space = fc.integer({ min: 0, max: 1 });
    const page = fc.record({ space, pageNumber: number, value });
    const sizes = fc.uniqueArray(fc.record({ space, pages: number }), { maxLength: 2, selector: (one) => one.space });
    const commit = fc
      .record({
        pages: fc.uniqueArray(page, { maxLength: 6, selector: (one) => `${one.space} ${one.pageNumber}` }),
        sizes,
      })
      // No commit writes beyond the size that it sets.
      .map((one) => ({
        sizes: one.sizes,
        pages: one.pages.filter((its) => its.pageNumber <= (sizeOf(one.sizes, its.space) ?? its.pageNumber)),
      }))
      .filter((one) => one.pages.length + one.sizes.length > 0);
    const epochs = fc.array(fc.array(commit, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 });
    const seed = process.env.WAL_TEST_SEED;
    await fc.assert(
      fc.asyncProperty(epochs, fc.array(value, { maxLength: 8 }), async (list, before) => {
        const log = logOf(
          ...list.map((commits) =>
            commits.map((one) => ({
              sizes: one.sizes,
              pages: one.pages.map(({ value: byte, ...rest }) => ({ ...rest, image: image(byte) })),
            })),
          ),
        );
        const expected = [before, before].map((values) => [...values]);
        for (const one of list.flat()) {
          for (const { space: index, pages: size } of one.sizes) {
            const values = expected[index]!;
            values.length = Math.min(values.length, size);
            while (values.length < size) values.push(0);
          }
          for (const { space: index, pageNumber, value: byte } of one.pages) {
            const values = expected[index]!;
            while (values.length < pageNumber) values.push(0);
            values[pageNumber - 1] = byte;
          }
        }
        for (const memory of MEMORIES) {
          const start = Buffer.concat(before.map((byte) => image(byte)));
          const store = storeOf([start, start]);
          // Twice: recovery begins at the same place again, with what the first left (R11).
          for (let round = 0; round < 2; round += 1) {
            const report = await recoverInto(store, log, memory);
            expect(report.dbSizePages).toEqual(expected.map(({ length }) => length));
            for (const [index, values] of expected.entries()) {
              const bytes = Buffer.concat(values.map((byte) => image(byte)));
              expect(Buffer.from(readFile(store, `db${index}`)).equals(bytes)).toBe(true);
            }
          }
        }
      }),
      { numRuns: 60, ...(seed !== undefined && { seed: Number(seed) }) },
    );
  });
});

describe('a failure', () => {
  const log = (): MemoryDirectory => logOf([run(1, 300, 1)], [run(301, 300, 2)], [run(1, 600, 3)]);
  /** Ten writes and a sync on the way. */
  const memory = MEMORY_OF_BATCHES / 4;

  test.each([
    ['write', 'ENOSPC', 'ERR_WAL_STORAGE_FULL'],
    ['write', 'EIO', 'ERR_WAL_IO'],
    ['sync', 'EIO', 'ERR_WAL_IO'],
    ['truncate', 'ENOSPC', 'ERR_WAL_STORAGE_FULL'],
  ] as const)('F11, F14: of any %s with %s ends a recovery, and no later call is made', async (on, errno, code) => {
    let failures = 0;
    for (let from = 1; ; from += 1) {
      const store = storeOf([new Uint8Array(0)]);
      store.fail({ on, errno, from, times: 1 });
      const withSizes = logOf([run(1, 300, 1)], [run(301, 300, 2), { dbSizePages: 700 }], [run(1, 600, 3)]);
      const outcome = await codeOf(recoverInto(store, withSizes, memory));
      const { length } = store.done;
      await new Promise((resolve) => setImmediate(resolve));
      expect(store.done.length, 'something was under way behind the end').toBe(length);
      expect(store.done.at(-1)).toBe('close db0');
      store.heal();
      await recoverInto(store, withSizes, memory);
      expect(readFile(store, 'db0').length).toBe(700 * PAGE_BYTES);
      if (outcome === 'none') break;
      expect(outcome).toBe(code);
      failures += 1;
    }
    expect(failures).toBeGreaterThan(0);
  });

  test('F42: of reading the log waits for the write and the sync under way before the page file is closed', async () => {
    const calls: string[][] = [];
    for (let from = 1; ; from += 1) {
      const disk = new SimulatedDirectory();
      new LogBuilder(disk).start().epoch(run(1, 10 * BATCH, 1));
      disk.fail({ on: 'read', errno: 'EIO', from, times: 1 });
      const store = storeOf([new Uint8Array(0)]);
      const outcome = await codeOf(recoverInto(store, disk, MEMORY_OF_BATCHES));
      if (outcome === 'none') break;
      expect(outcome).toBe('ERR_WAL_IO');
      calls.push([...store.done]);
    }
    // The last read is of the log file's header; before, the tenth batch is read while the ninth is written.
    const last = calls.at(-2) as string[];
    expect(last.filter((call) => call === 'write db0').length).toBe(9);
    expect(last.filter((call) => call === 'sync db0').length).toBe(1);
    expect(last.at(-1)).toBe('close db0');
  });

  test('R2: of a full disk leaves nothing told, and with room the recovery is whole', async () => {
    const store = storeOf([new Uint8Array(0)], { capacityBytes: 400 * PAGE_BYTES });
    expect(await codeOf(recoverInto(store, log(), memory))).toBe('ERR_WAL_STORAGE_FULL');
    store.capacityBytes = Number.POSITIVE_INFINITY;
    await recoverInto(store, log(), memory);
    expect(Buffer.from(readFile(store, 'db0')).equals(Buffer.alloc(600 * PAGE_BYTES, 3))).toBe(true);
  });
});

test('R1: what a bad segment holds is not written, of whole commits neither', async () => {
  const log = new MemoryDirectory({ pretendSync: true });
  const builder = new LogBuilder(log).start().epoch(pages(1, 1)).epoch(pages(1, 2), pages(2, 2));
  // In the image of its second commit.
  flip(log, builder.name, builder.segments[1]!.offset + 900);
  const store = storeOf([image(9)]);
  expect(await recoverInto(store, log)).toMatchObject({ tail: 'torn', commitsApplied: 1, dbSizePages: [1] });
  expect(Buffer.from(readFile(store, 'db0'))).toEqual(Buffer.from(image(1)));
});

test('R1: what stands in front of a hole is not written when the chain begins behind it', async () => {
  const log = new MemoryDirectory({ pretendSync: true });
  const builder = new LogBuilder(log).start().epoch(pages(1, 1)).rotate().epoch(pages(2, 2));
  const missing = builder.name;
  builder.rotate().epoch(pages(3, 3)).checkpoint(2, 2);
  log.remove(missing);
  const store = storeOf([new Uint8Array(0)]);
  expect(await recoverInto(store, log)).toMatchObject({ commitsApplied: 1, dbSizePages: [3] });
  expect(readFile(store, 'db0')[0]).toBe(0);
});

test('what was written is synced while more is written, whenever it is half of the memory', async () => {
  const store = storeOf([new Uint8Array(0)]);
  await recoverInto(store, logOf([run(1, 17 * BATCH, 1)]), MEMORY_OF_BATCHES);
  const syncs = store.done.filter((done) => done.startsWith('sync')).length;
  const writes = store.done.filter((done) => done.startsWith('write')).length;
  expect({ writes, syncs }).toEqual({ writes: 17, syncs: 3 });
  expect(store.done.slice(-2)).toEqual(['sync db0', 'close db0']);
});

test('a window is of no longer a stretch of the log than it is told', async () => {
  const log = logOf([pages(1, 1, 2, 1)], [pages(1, 2, 2, 2)], [pages(1, 3, 2, 3)]);
  const scan = await scanLog(log);
  for (const [stretchBytesMax, writes] of [
    [1, 3],
    [2 ** 30, 1],
  ]) {
    const store = storeOf([image(9)]);
    const file = PageFile.openIn(store, 'db0', PAGE_BYTES, 'write');
    store.done.length = 0;
    await replayLog(log, scan, new PageFilesTarget(log, [file], scan, { stretchBytesMax, sync: false }));
    expect(store.done).toEqual(new Array(writes).fill('write db0'));
    expect(Buffer.from(readFile(store, 'db0'))).toEqual(Buffer.concat([image(3), image(3)]));
  }
});

test.each(['again', 'gone'])('F17: a log file that is used %s while its images are read is noticed', async (how) => {
  const log = logOf([pages(1, 1)]);
  const scan = await scanLog(log);
  const store = storeOf([image(9)]);
  const file = PageFile.openIn(store, 'db0', PAGE_BYTES, 'write');
  const target = new PageFilesTarget(log, [file], scan, { sync: false });
  const { name, header } = scan.log.files[0]!;
  const finish = target.finish.bind(target);
  target.finish = (): Promise<void> => {
    if (how === 'gone') log.remove(name);
    else log.open(name, 'write').write([encodeFileHeader({ ...header, incarnation: header.incarnation + 1 })], 0);
    return finish();
  };
  expect(await codeOf(replayLog(log, scan, target))).toBe('ERR_WAL_CORRUPT');
});
