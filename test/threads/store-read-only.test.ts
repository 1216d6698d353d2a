// Goal: a store that is only read is what its writer left, however it ended, and stays that to the byte; whatever an
// opening would refuse is refused here, too.
// Method: real files; a writer that closes, and one that is killed; the bytes of all files before and after.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openPageStore, openWal, type ReadOnlyPageStore, type StoreOptions } from '../../src/index.js';
import { countUntilKilled } from '../support/killed-store.js';
import { codeOf } from '../support/log-builder.js';
import { CHILD_PAGES, CHILD_SETTINGS } from '../support/store-child-settings.js';
import { pagesOf } from '../support/store-history.js';
import { numberIn, setNumber } from '../support/store-numbers.js';
import { fillStore } from '../support/store-threads.js';
import { inTemporaryDirectory } from '../support/temporary-path.js';

const SEED = Number(process.env.WAL_TEST_SEED ?? 20_261_121);
const { pageSize: _, ...WITHOUT_SIZE } = CHILD_SETTINGS;

/** Contents of all files but the lock. */
function bytesIn(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = names.filter(({ name }) => name !== 'lock').map(({ parentPath, name }) => join(parentPath, name));
  return new Map(paths.sort().map((path) => [path, readFileSync(path, 'latin1')]));
}

/** Reads, and looks whether anything was changed. */
async function reading<Result>(
  folder: string,
  act: (store: ReadOnlyPageStore) => Promise<Result>,
  options: StoreOptions = WITHOUT_SIZE,
): Promise<Result> {
  const before = bytesIn(folder);
  const store = await openPageStore(`${folder}/app.db`, { ...options, readOnly: true });
  try {
    return await act(store);
  } finally {
    await store.close();
    await store.close();
    expect(bytesIn(folder)).toEqual(before);
  }
}

/** How an opening to read ends that is refused; nothing is changed. */
async function refusal(folder: string, options: StoreOptions = WITHOUT_SIZE): Promise<unknown> {
  return codeOf(reading(folder, async (store) => store.seq, options));
}

const picture = async (store: ReadOnlyPageStore): Promise<Uint8Array[]> => pagesOf(await store.snapshot());

/** What a writer finds. */
async function written(folder: string): Promise<Uint8Array[]> {
  const store = await openPageStore(`${folder}/app.db`, WITHOUT_SIZE);
  const snapshot = await store.snapshot();
  const pages = pagesOf(snapshot);
  snapshot.close();
  await store.close();
  return pages;
}

async function makeStore(folder: string): Promise<void> {
  const store = await openPageStore(`${folder}/app.db`, CHILD_SETTINGS);
  await fillStore(store, 20, 7);
  await store.transaction((transaction) => setNumber(transaction.edit(3), 8));
  await store.close();
}

test('S1: after a close it is what the writer left, and not a byte is changed', () =>
  inTemporaryDirectory(async (folder) => {
    await makeStore(folder);
    await reading(folder, async (store) => {
      expect([store.pageSize, store.sizePages]).toEqual([1024, 20]);
      expect([numberIn(store.read(2)), numberIn(store.read(3))]).toEqual([7, 8]);
      expect(() => store.begin()).toThrow(expect.objectContaining({ code: 'ERR_WAL_INVALID_ARGUMENT' }));
      expect(await codeOf(store.transaction())).toBe('ERR_WAL_INVALID_ARGUMENT');
      for (const page of [0, 21, 1.5])
        expect(() => store.read(page)).toThrow(expect.objectContaining({ code: 'ERR_WAL_INVALID_ARGUMENT' }));
      const snapshot = await store.snapshot();
      await store.close();
      for (const read of [() => store.read(1), () => snapshot.read(1)])
        expect(read).toThrow(expect.objectContaining({ code: 'ERR_WAL_CLOSED' }));
    });
    const seen = await reading(folder, picture);
    expect(seen).toEqual(await written(folder));
  }));

test('S1 S2: after a kill it is what the next writer finds, and not a byte is changed', () =>
  inTemporaryDirectory(async (folder) => {
    for (const lines of [20, 150]) {
      const counts = await countUntilKilled(`${folder}/app.db`, SEED + lines, lines);
      const seen = await reading(folder, picture);
      expect(seen).toHaveLength(CHILD_PAGES);
      for (const [page, count] of counts)
        expect(numberIn(seen[page - 1] as Uint8Array), `page ${page}, seed ${SEED}`).toBeGreaterThanOrEqual(count);
      expect(await reading(folder, picture)).toEqual(seen);
      expect(await written(folder)).toEqual(seen);
    }
  }));

describe('is refused, and nothing is changed:', () => {
  test('beside a writer, and a writer beside it', () =>
    inTemporaryDirectory(async (folder) => {
      await makeStore(folder);
      const writer = await openPageStore(`${folder}/app.db`, WITHOUT_SIZE);
      expect(await codeOf(openPageStore(`${folder}/app.db`, { readOnly: true }))).toBe('ERR_WAL_LOCKED');
      await writer.close();
      await reading(folder, async () => {
        expect(await codeOf(openPageStore(`${folder}/app.db`, WITHOUT_SIZE))).toBe('ERR_WAL_LOCKED');
      });
    }));

  test('a store that is not there, or not all of it', () =>
    inTemporaryDirectory(async (folder) => {
      expect(await refusal(folder)).toBe('ERR_WAL_NOT_FOUND');
      expect(existsSync(`${folder}/app.db-wal`)).toBe(false);
      writeFileSync(`${folder}/app.db`, '');
      expect(await refusal(folder)).toBe('ERR_WAL_NOT_FOUND');
      expect(existsSync(`${folder}/app.db-wal`)).toBe(false);
    }));

  test('another size of pages, and options that are none', () =>
    inTemporaryDirectory(async (folder) => {
      await makeStore(folder);
      expect(await refusal(folder, { pageSize: 2048 })).toBe('ERR_WAL_INVALID_ARGUMENT');
      expect(await refusal(folder, { pages: 5 } as StoreOptions)).toBe('ERR_WAL_INVALID_ARGUMENT');
      expect(await reading(folder, async (store) => store.pageSize, { pageSize: 1024 })).toBe(1024);
    }));

  test('a damaged log', () =>
    inTemporaryDirectory(async (folder) => {
      await countUntilKilled(`${folder}/app.db`, SEED, 20);
      const [name] = readdirSync(`${folder}/app.db-wal`).filter((entry) => entry.startsWith('000'));
      const bytes = readFileSync(`${folder}/app.db-wal/${name}`);
      bytes[5000]! ^= 1;
      writeFileSync(`${folder}/app.db-wal/${name}`, bytes);
      expect(await refusal(folder)).toBe('ERR_WAL_CORRUPT');
    }));

  test('a log of several page files', () =>
    inTemporaryDirectory(async (folder) => {
      const wal = await openWal(`${folder}/app.db`, { pageSize: 1024, lanes: 1, logFileBytes: 64 * 1024 });
      const image = new Uint8Array(1024).fill(1);
      wal.connect().append({ pages: [{ pageNumber: 1, image, space: 1 }] });
      await wal.close();
      writeFileSync(`${folder}/app.db`, '');
      expect(await refusal(folder)).toBe('ERR_WAL_WRONG_STORE');
      expect(await codeOf(openPageStore(`${folder}/app.db`, WITHOUT_SIZE))).toBe('ERR_WAL_WRONG_STORE');
    }));

  test("another store's page file, unless it is adopted", () =>
    inTemporaryDirectory(async (folder) => {
      await makeStore(folder);
      const other = new Uint8Array(20 * 1024);
      setNumber(other, 5);
      writeFileSync(`${folder}/app.db`, other);
      expect(await refusal(folder)).toBe('ERR_WAL_WRONG_STORE');
      const options = { ...WITHOUT_SIZE, adopt: true };
      expect(await reading(folder, async (store) => numberIn(store.read(1)), options)).toBe(5);
      expect(await refusal(folder)).toBe('ERR_WAL_WRONG_STORE');
    }));
});
