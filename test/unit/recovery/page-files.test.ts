// Goal: page files that are brought up in windows are as if every record had been applied alone, whatever fits into a
// window, and nothing is under way behind a failure. Method: logs over a simulated disk, recovered with memory for one
// page, a few and all; random ones beside a model.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { WalError } from '../../../src/base/errors.js';
import { recoverDirectory } from '../../../src/recovery/recover.js';
import type { RecoveryReport } from '../../../src/recovery/report.js';
import type { Directory } from '../../../src/storage/directory.js';
import { MemoryDirectory } from '../../../src/storage/memory-directory.js';
import { PageFile } from '../../../src/storage/page-file.js';
import { SimulatedDirectory, type SimulatedDiskOptions } from '../../../src/storage/simulated-directory.js';
import { type CommitSpec, image, LogBuilder, PAGE_BYTES, pages, readFile } from '../../support/log-builder.js';

/** One page a window, three (7/16 of the memory are 1575 bytes), and the whole log. */
const MEMORIES = [1, 3600, undefined] as const;

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

/** Images of a number of neighbouring pages; those of 128 KiB and more are written by another thread. */
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
  const memory = (256 * PAGE_BYTES * 16) / 7;

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

  test('of one write of a window waits for the others before the page file is closed', async () => {
    const store = storeOf([new Uint8Array(0)]);
    store.fail({ on: 'write', errno: 'EIO', times: 1 });
    const outcome = await codeOf(recoverInto(store, logOf([run(1, 300, 1), run(1001, 300, 1)])));
    expect([outcome, store.done]).toEqual(['ERR_WAL_IO', ['open db0', 'write db0', 'close db0']]);
  });

  test('F42: of reading the log waits for the write under way before the page file is closed', async () => {
    let last: string[] = [];
    for (let from = 1; ; from += 1) {
      const disk = new SimulatedDirectory();
      new LogBuilder(disk)
        .start()
        .epoch(run(1, 300, 1))
        .epoch(run(1, 299, 2));
      disk.fail({ on: 'read', errno: 'EIO', from, times: 1 });
      const store = storeOf([new Uint8Array(0)]);
      const outcome = await codeOf(recoverInto(store, disk, (2 * 300 * PAGE_BYTES * 8) / 7));
      if (outcome === 'none') break;
      expect(outcome).toBe('ERR_WAL_IO');
      last = store.done;
    }
    // The last read is of the second epoch, when the first one is being written.
    expect(last).toEqual(['open db0', 'write db0', 'close db0']);
  });

  test('R2: of a full disk leaves nothing told, and with room the recovery is whole', async () => {
    const store = storeOf([new Uint8Array(0)], { capacityBytes: 400 * PAGE_BYTES });
    expect(await codeOf(recoverInto(store, log(), memory))).toBe('ERR_WAL_STORAGE_FULL');
    store.capacityBytes = Number.POSITIVE_INFINITY;
    await recoverInto(store, log(), memory);
    expect(Buffer.from(readFile(store, 'db0')).equals(Buffer.alloc(600 * PAGE_BYTES, 3))).toBe(true);
  });
});

test('what was written is synced while the next window is filled, each window behind the one before', async () => {
  const store = storeOf([new Uint8Array(0)]);
  const log = logOf([run(1, 300, 1)], [run(1, 300, 2)], [run(1, 299, 3)]);
  await recoverInto(store, log, (2 * 300 * PAGE_BYTES * 8) / 7);
  const calls = store.done.filter((done) => !/open|close/.test(done));
  expect(calls).toEqual(['write db0', 'sync db0', 'write db0', 'sync db0', 'write db0', 'sync db0']);
  expect([0, 299].map((index) => readFile(store, 'db0')[index * PAGE_BYTES])).toEqual([3, 2]);
});
