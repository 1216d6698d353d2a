// Goal: the archive keeps its bounds, oldest first, has no hole, and never loses what must be kept. Method: archives of
// one-commit files, pruned with bounds by count and by bytes.

import { expect, test } from 'vitest';
import { archiveLogFile } from '../../../src/archive/archive-file.js';
import { listArchive } from '../../../src/archive/listing.js';
import { pruneArchive } from '../../../src/archive/prune.js';
import { MemoryDirectory } from '../../../src/storage/memory-directory.js';
import { SimulatedDirectory } from '../../../src/storage/simulated-directory.js';
import { LogBuilder, pages } from '../../support/log-builder.js';

/** Files 1 to `count`, each with the commit of its number: 8 KiB each. */
function archiveOf(
  count: number,
  archive: MemoryDirectory | SimulatedDirectory = new MemoryDirectory({ pretendSync: true }),
) {
  const log = new MemoryDirectory({ pretendSync: true });
  const builder = new LogBuilder(log).start();
  archive.create({ sync: true });
  for (let number = 1; number <= count; number += 1) {
    const { name } = builder;
    builder.epoch(pages(1, number)).sync().rotate();
    archiveLogFile({ log, archive, move: () => undefined }, { name, endSeq: number + 1 }, 'copy');
  }
  return archive;
}

const numbersIn = (archive: MemoryDirectory | SimulatedDirectory): number[] =>
  listArchive(archive).map(({ header }) => header.fileNumber);

const MANY = 1e9;
const ALL = 1e6;

test.each([
  { bounds: 'count', filesMax: 2, bytesMax: MANY, keepAboveSeq: ALL, left: [4, 5] },
  { bounds: 'bytes', filesMax: MANY, bytesMax: 3 * 8192, keepAboveSeq: ALL, left: [3, 4, 5] },
  { bounds: 'bytes, rounded down', filesMax: MANY, bytesMax: 3 * 8192 - 1, keepAboveSeq: ALL, left: [4, 5] },
  { bounds: 'both', filesMax: 4, bytesMax: 2 * 8192, keepAboveSeq: ALL, left: [4, 5] },
  { bounds: 'nothing that is over them', filesMax: 5, bytesMax: 5 * 8192, keepAboveSeq: ALL, left: [1, 2, 3, 4, 5] },
  { bounds: 'count, and the newest file stays', filesMax: 0, bytesMax: 0, keepAboveSeq: ALL, left: [5] },
  { bounds: 'count, down to what must be kept', filesMax: 1, bytesMax: MANY, keepAboveSeq: 2, left: [3, 4, 5] },
  { bounds: 'count, with nothing to let go', filesMax: 1, bytesMax: MANY, keepAboveSeq: 0, left: [1, 2, 3, 4, 5] },
])('the archive is pruned by $bounds', ({ filesMax, bytesMax, keepAboveSeq, left }) => {
  const archive = archiveOf(5);
  const kept = pruneArchive(archive, listArchive(archive), { filesMax, bytesMax }, keepAboveSeq);
  expect(numbersIn(archive)).toEqual(left);
  expect(kept.map(({ header }) => header.fileNumber)).toEqual(left);
});

test('the oldest file is removed first, so that a failure leaves no hole', () => {
  const archive = archiveOf(5, new SimulatedDirectory()) as SimulatedDirectory;
  archive.fail({ on: 'remove', errno: 'EIO', from: 3 });
  expect(() => pruneArchive(archive, listArchive(archive), { filesMax: 1, bytesMax: MANY }, ALL)).toThrow();
  expect(numbersIn(archive)).toEqual([3, 4, 5]);
});

test('files of others are neither counted nor touched', () => {
  const archive = archiveOf(3);
  archive.open('notes.txt', 'create').close();
  pruneArchive(archive, listArchive(archive), { filesMax: 3, bytesMax: MANY }, ALL);
  expect(archive.list()).toContain('notes.txt');
  expect(numbersIn(archive)).toEqual([1, 2, 3]);
});
