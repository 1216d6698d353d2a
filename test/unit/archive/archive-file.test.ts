// Goal: a closed log file is in the log or in the archive, whole, whatever happens at whatever moment, and what is in
// the archive stays as it is. Method: archives files of small logs over simulated disks, crashes at each operation in
// several kinds of power cut, archives again, and reads log and archive back.

import { describe, expect, test } from 'vitest';
import { type ArchiveMode, type ArchivePlace, archiveLogFile } from '../../../src/archive/archive-file.js';
import { archiveAndPrune } from '../../../src/archive/archiver.js';
import { listArchive } from '../../../src/archive/listing.js';
import { archiveFileName } from '../../../src/archive/names.js';
import { MemoryDirectory } from '../../../src/storage/memory-directory.js';
import type { CrashPoint } from '../../../src/storage/simulated-crash.js';
import { SimulatedDirectory } from '../../../src/storage/simulated-directory.js';
import { folderOn } from '../../support/disk-folders.js';
import { cut, flip, LogBuilder, pages, poke, readFile } from '../../support/log-builder.js';
import { outcomes } from '../../support/opening-crash.js';
import { syncAll } from '../../support/simulated-disk.js';

const SEED = Number(process.env.WAL_TEST_SEED ?? 20_261_121);
const FILE_BYTES = 32 * 1024;
const FIRST = '0000000000000001.wal';
const ARCHIVED = archiveFileName({ incarnation: 1, fileNumber: 1 });
/** The header, and two segments of 4 KiB. */
const USED_BYTES = 3 * 4096;

const apart = (log: ArchivePlace['log'], archive: ArchivePlace['archive']): ArchivePlace => {
  return { log, archive, move: () => expect.fail('nothing is moved') };
};

/** A log of a closed file with commits 1 and 2 and a current one. */
function closedLog(log: ArchivePlace['log']): ArchivePlace['log'] {
  const builder = new LogBuilder(log, { fileBytes: FILE_BYTES }).start().epoch(pages(1, 1)).epoch(pages(2, 2));
  builder.sync().rotate().epoch(pages(3, 3));
  return log;
}

function memoryPlace(): ArchivePlace {
  const archive = new MemoryDirectory({ path: 'archive:', pretendSync: true });
  archive.create({ sync: true });
  return apart(closedLog(new MemoryDirectory({ path: 'log:', pretendSync: true })), archive);
}

const file = { name: FIRST, endSeq: 3 };

describe('a copy', () => {
  test('holds the used part of the file, under a name made of its header', () => {
    const place = memoryPlace();
    archiveLogFile(place, file, 'copy');
    expect(place.archive.list()).toEqual([ARCHIVED]);
    expect(readFile(place.archive, ARCHIVED)).toEqual(readFile(place.log, FIRST).subarray(0, USED_BYTES));
    expect(place.log.list()).toContain(FIRST);
  });

  test('is whole when the segments do not reach as far as they should: every byte may be worth having', () => {
    const place = memoryPlace();
    flip(place.log, FIRST, 2 * 4096 + 20);
    archiveLogFile(place, file, 'copy');
    expect(readFile(place.archive, ARCHIVED)).toEqual(readFile(place.log, FIRST));
  });

  test('leaves out what stands behind the segments', () => {
    const place = memoryPlace();
    poke(place.log, FIRST, USED_BYTES, new Uint8Array(500).fill(7));
    archiveLogFile(place, file, 'copy');
    expect(readFile(place.archive, ARCHIVED)).toHaveLength(USED_BYTES);
  });

  test('that is there already is left as it is', () => {
    const place = memoryPlace();
    archiveLogFile(place, file, 'copy');
    const writes = (place.archive as MemoryDirectory).writeCount;
    archiveLogFile(place, file, 'copy');
    expect((place.archive as MemoryDirectory).writeCount).toBe(writes);
  });

  test.each([
    ['other commits', (place: ArchivePlace) => poke(place.archive, ARCHIVED, 8192, readFile(place.log, FIRST))],
    ['fewer commits', (place: ArchivePlace) => cut(place.archive, ARCHIVED, 8192)],
  ])('that is there already with %s is never overwritten', (_, spoil) => {
    const place = memoryPlace();
    archiveLogFile(place, file, 'copy');
    spoil(place);
    const spoiled = readFile(place.archive, ARCHIVED);
    expect(() => archiveLogFile(place, file, 'copy')).toThrow(expect.objectContaining({ code: 'ERR_WAL_EXISTS' }));
    expect(readFile(place.archive, ARCHIVED)).toEqual(spoiled);
  });

  test('is synced before it has its name, and the name before the file may be let go (A4)', () => {
    const archive = new SimulatedDirectory();
    archive.create({ sync: true });
    archiveLogFile(apart(closedLog(new MemoryDirectory({ pretendSync: true })), archive), file, 'copy');
    const steps = archive.done.map((step) => step.replace(ARCHIVED, 'F').replace(ARCHIVED, 'F'));
    expect(steps.filter((step) => !/^(open|write|close)/.test(step))).toEqual([
      'createDirectory',
      'create F.new',
      'sync F.new',
      'rename F.new F',
      'syncDirectory',
    ]);
  });

  test.each([
    { on: 'write', errno: 'ENOSPC', code: 'ERR_WAL_STORAGE_FULL' },
    { on: 'create', errno: 'ENOSPC', code: 'ERR_WAL_STORAGE_FULL' },
    { on: 'sync', errno: 'EIO', code: 'ERR_WAL_IO' },
    { on: 'rename', errno: 'EIO', code: 'ERR_WAL_IO' },
    { on: 'syncDirectory', errno: 'EIO', code: 'ERR_WAL_IO' },
  ] as const)('that fails at $on with $errno is $code, takes no room, and is made by the next attempt', (fault) => {
    const archive = new SimulatedDirectory();
    archive.create({ sync: true });
    const place = apart(closedLog(new MemoryDirectory({ pretendSync: true })), archive);
    archive.fail({ on: fault.on, errno: fault.errno, times: 1 });
    expect(() => archiveLogFile(place, file, 'copy')).toThrow(expect.objectContaining({ code: fault.code }));
    if (fault.on === 'write' || fault.on === 'sync') expect(archive.list()).toEqual([]);
    archiveLogFile(place, file, 'copy');
    expect(archive.list()).toEqual([ARCHIVED]);
    expect(listArchive(archive)[0]?.header.start.nextSeq).toBe(1);
  });
});

/** Whether the file is there, whole. */
function isWhole(directory: ArchivePlace['log'], name: string): boolean {
  if (!directory.list().includes(name)) return false;
  const bytes = readFile(directory, name).subarray(0, USED_BYTES);
  expect(Buffer.compare(bytes, EXPECTED), `${directory.path} ${name}`).toBe(0);
  return true;
}

const EXPECTED = readFile(closedLog(new MemoryDirectory({ pretendSync: true })), FIRST).slice(0, USED_BYTES);

describe('a crash at every operation', () => {
  test('of a copy leaves a whole copy or none, and doing it again makes one', () => {
    const log = closedLog(new MemoryDirectory({ pretendSync: true }));
    const archive = new SimulatedDirectory();
    archive.create({ sync: true });
    const points: CrashPoint[] = [];
    archive.onOperation = () => points.push(archive.crashPoint());
    archiveLogFile(apart(log, archive), file, 'copy');
    points.push(archive.crashPoint());
    expect(points.length).toBeGreaterThanOrEqual(6);
    for (const [round, point] of points.entries()) {
      const states = [...point.states({ sectorsMax: 4 })].map((state) => ({ name: state.label, disk: state.disk() }));
      for (const { name, disk } of [...states, { name: 'killed', disk: point.killed() }]) {
        const label = `operation ${round + 1}, ${name}`;
        const isThere = isWhole(disk, ARCHIVED);
        if (round === points.length - 1) expect(isThere, label).toBe(true);
        archiveLogFile(apart(log, disk), file, 'copy');
        expect(isWhole(disk.crashPoint().lost().disk(), ARCHIVED), label).toBe(true);
      }
    }
  });

  test.each(['rename', 'copy'] as ArchiveMode[])(
    'of archiving by %s, recycling and pruning loses no commit above the checkpoint',
    (mode) => {
      const disk = new SimulatedDirectory();
      const at = (where: SimulatedDirectory): ArchivePlace => ({
        log: folderOn(where, 'log'),
        archive: folderOn(where, 'archive'),
        move: (name, to) => where.rename(`log:${name}`, `archive:${to}`),
      });
      const builder = new LogBuilder(at(disk).log, { fileBytes: FILE_BYTES }).start();
      for (let value = 1; value <= 4; value += 1) builder.epoch(pages(1, value)).sync().rotate();
      builder.epoch(pages(1, 5));
      syncAll(disk);
      const files = [1, 2, 3, 4].map((number) => ({ name: `000000000000000${number}.wal`, endSeq: number + 1 }));
      const run = (where: SimulatedDirectory): void => {
        const place = at(where);
        for (const one of files) {
          if (!place.log.list().includes(one.name)) continue;
          archiveAndPrune(place, { mode, filesMax: 1, bytesMax: 1e9 }, { file: one, keepAboveSeq: 2 });
          // What the flusher does with a file that was let go.
          if (mode === 'copy') {
            place.log.rename(one.name, `spare-${one.name}`);
            place.log.sync();
          }
        }
      };
      const points: CrashPoint[] = [];
      disk.onOperation = () => points.push(disk.crashPoint());
      run(disk);
      points.push(disk.crashPoint());
      for (const [round, point] of points.entries()) {
        for (const { name, disk: left } of outcomes(point, round, SEED)) {
          const label = `operation ${round + 1} of ${points.length}, ${name}`;
          for (const [index, one] of files.entries()) {
            const inLog = left.list().includes(`log:${one.name}`);
            const inArchive = left
              .list()
              .includes(`archive:${archiveFileName({ incarnation: 1, fileNumber: index + 1 })}`);
            // Commits up to 2 may go, of which file 2 holds the last.
            if (index >= 2) expect(inLog || inArchive, `${label}: ${one.name}`).toBe(true);
          }
          expect(() => listArchive(at(left).archive)).not.toThrow();
          run(left);
          const archived = listArchive(at(left).archive).map(({ header }) => header.fileNumber);
          expect(archived, label).toEqual([3, 4]);
        }
      }
    },
  );
});

test('by rename the archive has the name before the log is seen to have lost it (A13)', () => {
  const disk = new SimulatedDirectory();
  const log = folderOn(disk, 'log');
  const archive = folderOn(disk, 'archive');
  closedLog(log);
  const steps: string[] = [];
  const told = (directory: ArchivePlace['log'], name: string): ArchivePlace['log'] => {
    return { ...directory, sync: () => steps.push(`sync ${name}`) };
  };
  const move = (name: string, to: string): void => {
    steps.push('move');
    disk.rename(`log:${name}`, `archive:${to}`);
  };
  archiveLogFile({ log: told(log, 'log'), archive: told(archive, 'archive'), move }, file, 'rename');
  expect(steps).toEqual(['move', 'sync archive', 'sync log']);
  expect(log.list()).not.toContain(FIRST);
  expect(archive.list()).toEqual([ARCHIVED]);
});
