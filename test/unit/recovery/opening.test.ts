// Goal: opening keeps every commit, whatever crashed before. Method: build logs with the codecs, open them, read them back.

import { describe, expect, test } from 'vitest';
import { WalError } from '../../../src/base/errors.js';
import { listLogFiles } from '../../../src/recovery/log-files.js';
import { type OpenLogSettings, openLog } from '../../../src/recovery/opening.js';
import { replayLog } from '../../../src/recovery/replay.js';
import { scanLog } from '../../../src/recovery/scan.js';
import type { Directory, LogFile, OpenMode } from '../../../src/storage/directory.js';
import { MemoryDirectory } from '../../../src/storage/memory-directory.js';
import { codeOf, cut, flip, image, LogBuilder, PAGE_BYTES, pages, transcript } from '../../support/log-builder.js';

const SETTINGS: OpenLogSettings = { logFileBytes: 64 * 1024, sync: true, pageBytes: PAGE_BYTES };

async function linesOf(directory: Directory): Promise<string[]> {
  const target = transcript();
  await replayLog(directory, await scanLog(directory), target);
  return target.lines;
}

const LINES = ['1 p0.1=1', '2 p0.2=2', '3 p0.1=3', '4 p0.3=4'];

function fourCommits(directory: Directory): LogBuilder {
  return new LogBuilder(directory).start().epoch(pages(1, 1), pages(2, 2)).sync().epoch(pages(1, 3)).epoch(pages(3, 4));
}

describe('a new log', () => {
  test('starts with file 1 of incarnation 1 at epoch 0', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    const opened = await openLog(directory, SETTINGS);
    expect(opened).toMatchObject({
      incarnation: 1,
      fileNumber: 1,
      fileName: '0000000000000001.wal',
      writeOffset: 4096,
    });
    expect(opened.position).toEqual({ epoch: 0, nextSeq: 1, headerCrc: 0, certificateCrc: 0 });
    expect(opened.fileBytes).toBe(64 * 1024);
    expect(directory.list()).toEqual(['0000000000000001.wal']);
    const scan = await scanLog(directory);
    expect(scan).toMatchObject({ verdict: 'clean', syncedThrough: 0, damage: [] });
  });

  test('needs a page size', async () => {
    const { pageBytes: _, ...rest } = SETTINGS;
    expect(await codeOf(openLog(new MemoryDirectory({ pretendSync: true }), rest))).toBe('ERR_WAL_INVALID_ARGUMENT');
  });
});

describe('an opened log', () => {
  test('holds every commit of the log before it, and goes on behind them', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    fourCommits(directory);
    const opened = await openLog(directory, SETTINGS);
    expect(opened).toMatchObject({ incarnation: 2, fileNumber: 2, syncedThrough: 3 });
    expect(opened.position).toMatchObject({ epoch: 3, nextSeq: 5 });
    expect(opened.report).toMatchObject({ tail: 'clean', firstSeq: 1, lastSeq: 4, epochs: 3 });
    expect(await linesOf(directory)).toEqual(LINES);
    LogBuilder.resume(directory, opened).epoch(pages(4, 5));
    expect(await linesOf(directory)).toEqual([...LINES, '5 p0.4=5']);
    // The tail above the synced epoch was copied, so the older file ends with epoch 1.
    expect(opened.olderFiles).toEqual([
      { fileNumber: 1, name: '0000000000000001.wal', bytes: 64 * 1024, endSeq: 3, endEpoch: 1 },
    ]);
  });

  test('needs nothing of the older file but what was synced (F10)', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    const builder = fourCommits(directory);
    await openLog(directory, SETTINGS);
    cut(directory, builder.segments[1]!.name, builder.segments[1]!.offset);
    expect(await linesOf(directory)).toEqual(LINES);
  });

  test('without sync copies nothing and calls no sync', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    fourCommits(directory);
    const before = directory.syncCount;
    const opened = await openLog(directory, { ...SETTINGS, sync: false });
    expect(directory.syncCount).toBe(before);
    expect(opened).toMatchObject({ writeOffset: 4096, syncedThrough: 1 });
    expect(await linesOf(directory)).toEqual(LINES);
    LogBuilder.resume(directory, opened).epoch(pages(4, 5));
    expect(await linesOf(directory)).toEqual([...LINES, '5 p0.4=5']);
    const again = await openLog(directory, SETTINGS);
    expect(again).toMatchObject({ incarnation: 3, syncedThrough: 4 });
    expect(await linesOf(directory)).toEqual([...LINES, '5 p0.4=5']);
  });

  test('is the same after many openings', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    fourCommits(directory);
    for (let round = 0; round < 5; round += 1) await openLog(directory, SETTINGS);
    // The first file, the newest one, and two spares: files that hold nothing any more do not pile up.
    expect(directory.list()).toHaveLength(4);
    expect(await linesOf(directory)).toEqual(LINES);
    expect(listLogFiles(directory)).toMatchObject({ incarnation: 6 });
  });

  test('refuses another page size and names both', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    fourCommits(directory);
    expect(await codeOf(openLog(directory, { ...SETTINGS, pageBytes: 4096 }))).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(directory.list()).toHaveLength(1);
  });

  test('takes a spare instead of making a file', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    fourCommits(directory);
    const spare = directory.open('spare-0003.wal', 'create');
    spare.write([new Uint8Array(64 * 1024).fill(0xaa)], 0);
    spare.close();
    await openLog(directory, SETTINGS);
    expect(directory.list().sort()).toEqual(['0000000000000001.wal', '0000000000000002.wal']);
    expect(await linesOf(directory)).toEqual(LINES);
    expect(await scanLog(directory)).toMatchObject({ verdict: 'clean', damage: [] });
  });

  test('makes the file as large as the tail needs', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    const big = { pages: Array.from({ length: 60 }, (_, index) => ({ pageNumber: index + 1, image: image(index) })) };
    new LogBuilder(directory).start().epoch(big).epoch(big);
    const opened = await openLog(directory, { ...SETTINGS, logFileBytes: 8192 });
    expect(opened.fileBytes).toBe(opened.writeOffset);
    expect(await linesOf(directory)).toHaveLength(2);
  });

  test('removes what was left unfinished', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    fourCommits(directory);
    directory.open('0000000000000002.wal.new', 'create').close();
    await openLog(directory, SETTINGS);
    expect(directory.list().some((name) => name.endsWith('.new'))).toBe(false);
  });
});

describe('damage', () => {
  test('fails by default and changes nothing (R2)', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    const builder = fourCommits(directory);
    flip(directory, builder.segments[0]!.name, builder.segments[0]!.offset + 200);
    expect(await codeOf(openLog(directory, SETTINGS))).toBe('ERR_WAL_CORRUPT');
    expect(directory.list()).toEqual(['0000000000000001.wal']);
  });

  test('with stop keeps the proven prefix and the discarded bytes aside', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    const builder = fourCommits(directory).sync().epoch(pages(5, 5)).rotate().sync().epoch(pages(6, 6));
    flip(directory, builder.segments[2]!.name, builder.segments[2]!.offset + 200);
    const opened = await openLog(directory, { ...SETTINGS, onDamage: 'stop' });
    expect(opened.report.tail).toBe('damaged');
    expect(opened.report.notRecovered.length).toBeGreaterThan(1);
    expect(opened.position.nextSeq).toBe(4);
    expect(await linesOf(directory)).toEqual(LINES.slice(0, 3));
    expect(
      directory
        .list()
        .filter((name) => name.includes('.damaged-'))
        .sort(),
    ).toEqual(['0000000000000001.wal.damaged-00000002', '0000000000000002.wal.damaged-00000002']);
    expect(await scanLog(directory)).toMatchObject({ verdict: 'clean', damage: [] });
    expect(await codeOf(openLog(directory, SETTINGS))).toMatchObject({ incarnation: 3 });
  });
});

test('R6: a scan beside a running writer takes nothing for damage', async () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  const builder = new LogBuilder(directory, { fileBytes: 256 * 1024 })
    .start()
    .epoch(pages(1, 1))
    .sync()
    .epoch(pages(1, 2));
  // The writer goes on while the scan looks at what stands behind the end that it found.
  const racing: Directory = Object.assign(Object.create(directory) as Directory, {
    path: 'racing:',
    list: () => directory.list(),
    exists: () => true,
    open: (name: string) => {
      builder.sync().epoch(pages(1, 3));
      return directory.open(name, 'read');
    },
  });
  const scan = await scanLog(racing);
  expect(['clean', 'torn']).toContain(scan.verdict);
  expect(scan.damage).toEqual([]);
});

describe('on a full disk', () => {
  /** Takes writes into bytes that are there, and nothing else. */
  function full(directory: MemoryDirectory): Directory {
    const refuse = (): never => {
      throw new WalError('ERR_WAL_STORAGE_FULL', 'no space');
    };
    return Object.assign(Object.create(directory) as Directory, {
      path: 'full:',
      exists: () => true,
      create: () => undefined,
      list: () => directory.list(),
      rename: (from: string, to: string) => directory.rename(from, to),
      remove: (name: string) => directory.remove(name),
      sync: () => directory.sync(),
      open: (name: string, mode: OpenMode) => {
        const file = directory.open(name, mode);
        return Object.assign(Object.create(file) as LogFile, {
          name,
          read: (target: Uint8Array, position: number) => file.read(target, position),
          sync: () => file.sync(),
          size: () => file.size(),
          close: () => file.close(),
          write: (pieces: readonly Uint8Array[], position: number) => {
            const end = pieces.reduce((sum, piece) => sum + piece.length, position);
            return end > file.size() ? refuse() : file.write(pieces, position);
          },
        });
      },
    });
  }

  test.each([64, 32])('a spare of %i KiB is enough to open', async (spareKiB) => {
    const directory = new MemoryDirectory({ pretendSync: true });
    fourCommits(directory);
    const spare = directory.open('spare-0000.wal', 'create');
    spare.truncate(spareKiB * 1024);
    spare.close();
    const opened = await openLog(full(directory), SETTINGS);
    expect(opened.fileBytes).toBe(spareKiB * 1024);
    expect(await linesOf(directory)).toEqual(LINES);
  });

  test('without a spare nothing is left behind', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    fourCommits(directory);
    expect(await codeOf(openLog(full(directory), SETTINGS))).toBe('ERR_WAL_STORAGE_FULL');
    expect(directory.list()).toEqual(['0000000000000001.wal']);
    expect(await linesOf(directory)).toEqual(LINES);
  });
});
