// Goal: the page writer writes every image while it reads the next ones, and nothing it started outlives it. Method: an
// image for each page over a simulated disk, whose writes happen as late as they can; failures at chosen places.

import { describe, expect, test } from 'vitest';
import { logFileName } from '../../../src/log/names.js';
import { PageFile } from '../../../src/storage/page-file.js';
import { SimulatedDirectory } from '../../../src/storage/simulated-directory.js';
import { LogReader } from '../../../src/versions/log-reader.js';
import type { NewestVersions } from '../../../src/versions/newest-versions.js';
import { PageWriter } from '../../../src/versions/page-writer.js';

const PAGE_BYTES = 65_536;
/** Images of a buffer of the writer. */
const BATCH = 16;

/** A log in which image `i` is full of `i % 251`, and a page file of the given size. */
function disk(images: number, sizePages = 0) {
  const directory = new SimulatedDirectory();
  directory.create({ sync: true });
  const log = directory.open(logFileName(1), 'create');
  for (let image = 0; image < images; image += 1)
    log.write([new Uint8Array(PAGE_BYTES).fill(image % 251)], image * (PAGE_BYTES + 64));
  log.close();
  const file = PageFile.openIn(directory, 'pages', PAGE_BYTES, 'create');
  if (sizePages > 0) file.setSizePages(sizePages);
  const writer = new PageWriter(PAGE_BYTES, new LogReader(directory));
  return { directory, file, writer };
}

/** Image `i` of the log is of `pages[i]`. */
function versionsOf(pages: readonly number[]): NewestVersions {
  return {
    pageNumbers: Float64Array.from(pages),
    fileNumbers: new Float64Array(pages.length).fill(1),
    offsets: Float64Array.from(pages, (_, index) => index * (PAGE_BYTES + 64)),
  };
}

/** First and last byte of each page. */
function values(file: PageFile): number[][] {
  const image = new Uint8Array(PAGE_BYTES);
  return Array.from({ length: file.sizePages() }, (_, index) => {
    file.readPage(index + 1, image);
    return [image[0] as number, image[PAGE_BYTES - 1] as number];
  });
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe('the page writer', () => {
  test.each([
    ['neighbours, in several batches', upTo(BATCH * 4 + 3)],
    ['every second page', upTo(BATCH * 2).map((page) => page * 2)],
    ['long runs and single pages', [1, ...upTo(10).map((page) => page + 5), 30, ...upTo(12).map((page) => page + 40)]],
  ])('writes every image to its page: %s', async (_, pages) => {
    const { file, writer } = disk(pages.length);
    const told: number[] = [];
    const target = { cutPages: undefined, sizePages: 0, versions: versionsOf(pages) };
    const size = await writer.write(file, target, async (count) => void told.push(count));
    expect(size).toBe(pages.at(-1));
    expect(told.reduce((sum, count) => sum + count, 0)).toBe(pages.length);
    const wanted = Array.from({ length: size }, () => [0, 0]);
    for (const [index, page] of pages.entries()) wanted[page - 1] = [index % 251, index % 251];
    expect(values(file)).toEqual(wanted);
  });

  test('S1: cuts first, and sets the size last', async () => {
    const { directory, file, writer } = disk(2, 9);
    directory.done.length = 0;
    const target = { cutPages: 1, sizePages: 5, versions: versionsOf([3, 4]) };
    expect(await writer.write(file, target, async () => undefined)).toBe(5);
    expect(directory.done.filter((each) => each.endsWith(' pages'))).toEqual([
      'truncate pages',
      'write pages',
      'truncate pages',
    ]);
    expect(values(file)).toEqual([0, 0, 0, 1, 0].map((value) => [value, value]));
  });

  test('tells of pages only once they are written', async () => {
    const { directory, file, writer } = disk(BATCH * 3);
    directory.done.length = 0;
    let told = 0;
    await writer.write(
      file,
      { cutPages: undefined, sizePages: 0, versions: versionsOf(upTo(BATCH * 3)) },
      async (count) => {
        told += count;
        expect(directory.done.filter((each) => each === 'write pages').length).toBe(told / BATCH);
      },
    );
  });

  test.each([1, 2, 3])('has nothing under way when write %i failed, or the log, or whoever is told', async (nth) => {
    for (const how of ['write', 'read', 'told'] as const) {
      const { directory, file, writer } = disk(BATCH * 3);
      if (how === 'write') directory.fail({ on: 'write', name: /pages/, errno: 'EIO', from: nth, times: 1 });
      if (how === 'read') directory.fail({ on: 'read', name: /wal/, errno: 'EIO', from: nth, times: 1 });
      let calls = 0;
      const target = { cutPages: undefined, sizePages: 0, versions: versionsOf(upTo(BATCH * 3)) };
      const work = writer.write(file, target, async () => {
        calls += 1;
        if (how === 'told' && calls === nth) throw new Error('told');
      });
      await expect(work).rejects.toThrow(how === 'told' ? 'told' : 'EIO');
      const { operations } = directory;
      await new Promise((resolve) => setTimeout(resolve, 1));
      await new Promise((resolve) => setImmediate(resolve));
      expect(directory.operations).toBe(operations);
      file.close();
    }
  });
});
