// Goal: a batch of images is what one read for each would give, in few reads. Method: log files of known bytes, random
// places in them, a directory that counts its reads.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { WalError } from '../../../src/base/errors.js';
import { logFileName } from '../../../src/log/names.js';
import { MemoryDirectory } from '../../../src/storage/memory-directory.js';
import { ImageBatch } from '../../../src/versions/image-batch.js';
import { LogReader } from '../../../src/versions/log-reader.js';
import type { NewestVersions } from '../../../src/versions/newest-versions.js';
import { BoundedDirectory } from '../../support/bounded-directory.js';

const PAGE_BYTES = 512;
const FILE_BYTES = 2 ** 20;
const IMAGES = 64;

interface Place {
  readonly fileNumber: number;
  readonly offset: number;
}

// Two files in which no two places of an image are alike.
const directory = new MemoryDirectory({ pretendSync: true });
directory.create({ sync: false });
for (const fileNumber of [7, 8]) {
  const words = new Uint32Array(FILE_BYTES / 4).map((_, index) => index * 2 + fileNumber);
  const file = directory.open(logFileName(fileNumber), 'create');
  file.write([new Uint8Array(words.buffer)], 0);
  file.close();
}

function columns(places: readonly Place[]): NewestVersions {
  return {
    pageNumbers: Float64Array.from(places, (_, index) => index + 1),
    fileNumbers: Float64Array.from(places, ({ fileNumber }) => fileNumber),
    offsets: Float64Array.from(places, ({ offset }) => offset),
  };
}

/** Reads all places as one batch and compares each; returns the number of reads. */
function readsOf(places: readonly Place[]): number {
  const counting = new BoundedDirectory(directory, Number.POSITIVE_INFINITY);
  const images = new ImageBatch(new LogReader(counting), PAGE_BYTES, IMAGES).read(columns(places), 0, places.length);
  const single = new LogReader(directory);
  const wanted = places.map((place) => {
    const image = new Uint8Array(PAGE_BYTES);
    single.readImage(place, image);
    return image;
  });
  expect(images.map((image) => Buffer.from(image))).toEqual(wanted.map((image) => Buffer.from(image)));
  return counting.reads;
}

const inSteps = (count: number, step: number, fileNumber = 7): Place[] =>
  Array.from({ length: count }, (_, index) => ({ fileNumber, offset: 4096 + index * step }));

describe('a batch of images', () => {
  test('is what single reads give, wherever they stand', () => {
    const place = fc.record({
      fileNumber: fc.constantFrom(7, 8),
      // Close enough to each other to be read together, or to overlap.
      offset: fc.nat({ max: 1024 }).map((line) => line * 64),
    });
    const places = fc.uniqueArray(place, { maxLength: IMAGES, selector: (each) => JSON.stringify(each) });
    fc.assert(fc.property(places, (each) => void readsOf(each)));
  });

  test.each([
    ['next to each other', inSteps(IMAGES, PAGE_BYTES + 64), 1],
    ['next to each other, backwards', inSteps(IMAGES, PAGE_BYTES + 64).reverse(), 1],
    ['in two files', [...inSteps(20, PAGE_BYTES + 64), ...inSteps(20, PAGE_BYTES + 64, 8)], 2],
    [
      'in two files, in turns',
      inSteps(40, PAGE_BYTES).map((each, index) => ({ ...each, fileNumber: 7 + (index % 2) })),
      2,
    ],
    ['with more between than is worth it', inSteps(10, PAGE_BYTES + 8256), 10],
  ])('takes as few reads as it can: %s', (_, places, reads) => {
    expect(readsOf(places)).toBe(reads);
  });

  test('reads no more between its images than its buffer has room for', () => {
    // A quarter of 64 pages is room for one gap of 8 KiB.
    expect(readsOf(inSteps(IMAGES, PAGE_BYTES + 8192))).toBe(IMAGES - 1);
  });

  test.each([
    ['missing', { fileNumber: 9, offset: 0 }],
    ['short', { fileNumber: 8, offset: FILE_BYTES - PAGE_BYTES + 64 }],
  ])('of a file that is %s is refused as damage', (_, place) => {
    const batch = new ImageBatch(new LogReader(directory), PAGE_BYTES, IMAGES);
    const read = (): unknown => batch.read(columns([...inSteps(3, PAGE_BYTES), place]), 0, 4);
    expect(read).toThrow(expect.objectContaining({ code: 'ERR_WAL_CORRUPT' } satisfies Partial<WalError>));
  });
});
