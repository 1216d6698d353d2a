import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { PageFile } from '../../../src/storage/page-file.js';
import { SimulatedDirectory } from '../../../src/storage/simulated-directory.js';

const folder = mkdtempSync(join(tmpdir(), 'lanewal-page-'));
afterAll(() => rmSync(folder, { recursive: true }));

const page = (value: number): Uint8Array => new Uint8Array(512).fill(value);
const code = (expected: string): unknown => expect.objectContaining({ code: expected });

test('pages are read as they were written, and beyond the end there is none', () => {
  const file = PageFile.open(join(folder, 'a'), 512, 'create');
  file.writePage(2, page(2));
  file.writePages(3, [page(3), page(4)]);
  const target = new Uint8Array(512);
  expect(file.sizePages()).toBe(4);
  for (const [number, value] of [
    [1, 0],
    [2, 2],
    [3, 3],
    [4, 4],
  ] as const) {
    expect(file.readPage(number, target)).toBe(true);
    expect(target).toEqual(page(value));
  }
  expect(file.readPage(5, target)).toBe(false);
  file.sync();
  file.close();
  file.close();
});

test('R10: pages beyond a cut are zero when the file grows again', () => {
  const file = PageFile.open(join(folder, 'b'), 512, 'create');
  file.writePages(1, [page(1), page(2)]);
  file.setSizePages(1);
  file.setSizePages(2);
  const target = page(9);
  expect(file.readPage(2, target)).toBe(true);
  expect(target).toEqual(page(0));
  file.close();
});

test('what is missing, there already, no whole pages, or no regular file is refused', () => {
  const path = join(folder, 'c');
  expect(() => PageFile.open(path, 512, 'write')).toThrow(code('ERR_WAL_NOT_FOUND'));
  writeFileSync(path, page(1));
  expect(() => PageFile.open(path, 512, 'create')).toThrow(code('ERR_WAL_EXISTS'));
  truncateSync(path, 500);
  const cut = PageFile.open(path, 512, 'write');
  expect([cut.sizePages(), cut.partialPage()]).toEqual([0, 1]);
  expect(() => cut.requireWholePages()).toThrow(code('ERR_WAL_WRONG_STORE'));
  cut.close();
  symlinkSync(path, join(folder, 'link'));
  expect(() => PageFile.open(join(folder, 'link'), 512, 'write')).toThrow(code('ERR_WAL_IO'));
  expect(() => PageFile.open(folder, 512, 'read')).toThrow(code('ERR_WAL_IO'));
});

test('A4: the name of a new page file is synced with it, once, and that of an old one never', () => {
  const directory = new SimulatedDirectory();
  directory.create({ sync: false });
  for (const mode of ['create', 'write'] as const) {
    directory.done.length = 0;
    const file = PageFile.openIn(directory, 'a', 512, mode);
    file.writePage(1, page(1));
    for (let round = 0; round < 2; round += 1) file.sync();
    const named = mode === 'create' ? ['syncDirectory'] : [];
    expect(directory.done.slice(1)).toEqual(['write a', 'sync a', ...named, 'sync a']);
    file.close();
  }
});
