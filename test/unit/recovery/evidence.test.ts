// Single pieces of evidence: what is known to be synced and from where, which file goes on, which numbers are taken. Each
// log is built so that only the one piece tells.

import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { logFileName } from '../../../src/log/names.js';
import { listLogFiles } from '../../../src/recovery/log-files.js';
import { openLog } from '../../../src/recovery/opening.js';
import { logDirectoryPath, recoverWal } from '../../../src/recovery/recover.js';
import { replayLog } from '../../../src/recovery/replay.js';
import { scanLog } from '../../../src/recovery/scan.js';
import { removeLog } from '../../../src/recovery/segment-file.js';
import { MemoryDirectory } from '../../../src/storage/memory-directory.js';
import { NodeDirectory } from '../../../src/storage/node-directory.js';
import { codeOf, cut, flip, LogBuilder, pages, poke, transcript } from '../../support/log-builder.js';
import { FILE_BYTES, readLog } from '../../support/recovery-corpus.js';
import { inTemporaryDirectory } from '../../support/temporary-path.js';

const SETTINGS = { logFileBytes: FILE_BYTES, sync: true } as const;

afterEach(() => void vi.restoreAllMocks());

function log(): { directory: MemoryDirectory; builder: LogBuilder } {
  const directory = new MemoryDirectory({ pretendSync: true });
  return { directory, builder: new LogBuilder(directory, { fileBytes: FILE_BYTES }).start() };
}

describe('R6: what is known to be synced', () => {
  test('R6: the header of a file proves what was synced before it', async () => {
    const { directory, builder } = log();
    builder.epoch(pages(1, 1)).epoch(pages(2, 2)).sync().rotate();
    flip(directory, builder.segments[1]!.name, builder.segments[1]!.offset + 200);
    expect(await codeOf(readLog(directory))).toBe('ERR_WAL_CORRUPT');
  });

  test('R6: what an older incarnation called synced proves nothing', async () => {
    const { directory, builder } = log();
    builder.epoch(pages(1, 1)).sync();
    const { position } = builder;
    // A file that is superseded: what it calls synced was given up when the log went on from epoch 1.
    builder.epoch(pages(2, 2)).sync().rotate();
    Object.assign(builder, { incarnation: 2, position, syncedThrough: 1 });
    builder.rotate();
    expect((await readLog(directory)).scan).toMatchObject({ verdict: 'clean', syncedThrough: 1, damage: [] });
  });
});

describe('R4: which file goes on', () => {
  test('R4: a file that starts within what is synced and does not fit there is damage', async () => {
    const { directory, builder } = log();
    builder.epoch(pages(1, 1)).sync();
    const { position } = builder;
    builder.epoch(pages(2, 2));
    builder.position = { ...position, headerCrc: position.headerCrc ^ 1 };
    builder.rotate();
    expect(await codeOf(readLog(directory))).toBe('ERR_WAL_CORRUPT');
  });

  test('R4: a file whose incarnation is lower than that of the file before it is refused', async () => {
    const { directory, builder } = log();
    builder.incarnation = 3;
    builder.rotate().epoch(pages(1, 1));
    builder.incarnation = 2;
    builder.rotate();
    expect(listLogFiles(directory).refused.map(({ file }) => file)).toEqual([logFileName(3)]);
    expect(await codeOf(readLog(directory))).toBe('ERR_WAL_CORRUPT');
  });

  test('R4: above where a newer incarnation starts the older one does not count', async () => {
    const { directory, builder } = log();
    builder.epoch(pages(1, 1));
    const { position } = builder;
    builder.epoch(pages(2, 2)).epoch(pages(3, 3));
    // The newer file went on from another epoch 1, of which this disk has an older version.
    Object.assign(builder, { incarnation: 2, position: { ...position, certificateCrc: 1 } });
    builder.rotate().epoch(pages(2, 20));
    expect((await readLog(directory)).lines).toEqual(['1 p0.1=1']);
  });

  test('R4: a file goes on only from the very segment it is chained to', async () => {
    const { directory, builder } = log();
    builder.epoch(pages(1, 1));
    const { position } = builder;
    builder.epoch(pages(2, 2));
    builder.position = { ...position, headerCrc: position.headerCrc ^ 1 };
    builder.rotate().epoch(pages(2, 20));
    expect((await readLog(directory)).lines).toEqual(['1 p0.1=1', '2 p0.2=2']);
  });

  test('R4: the chain starts anew only at or below the checkpoint', async () => {
    const { directory, builder } = log();
    builder.epoch(pages(1, 1)).sync().checkpoint(1, 1).rotate();
    builder.epoch(pages(2, 2)).sync().rotate().epoch(pages(3, 3)).sync().rotate();
    expect((await readLog(directory)).lines).toHaveLength(3);
    directory.remove(logFileName(2));
    expect(await codeOf(readLog(directory))).toBe('ERR_WAL_GAP');
  });
});

test('R8: a lost header with segments of an older incarnation behind it proves nothing', async () => {
  const { directory, builder } = log();
  builder.epoch(pages(1, 1));
  const { position } = builder;
  builder.rotate().epoch(pages(2, 2));
  poke(directory, builder.name, 0, new Uint8Array(4096));
  Object.assign(builder, { incarnation: 2, position });
  builder.rotate();
  const { scan } = await readLog(directory);
  expect(scan).toMatchObject({ verdict: 'clean', neverStarted: [logFileName(2)], damage: [] });
});

describe('R1: numbers that are taken', () => {
  test.each([true, false])('R1: a log that ends below its checkpoint goes on above it: sync %s', async (sync) => {
    const { directory, builder } = log();
    builder.epoch(pages(1, 1)).epoch(pages(2, 2)).epoch(pages(3, 3)).checkpoint(3, 3);
    cut(directory, builder.name, builder.segments[1]!.offset);
    const opened = await openLog(directory, { ...SETTINGS, sync });
    expect(opened.position).toEqual({ epoch: 3, nextSeq: 4, headerCrc: 0, certificateCrc: 0 });
    LogBuilder.resume(directory, opened, { fileBytes: FILE_BYTES }).epoch(pages(4, 4));
    for (let round = 0; round < 2; round += 1) {
      const target = transcript();
      const scan = await scanLog(directory);
      expect(scan).toMatchObject({ verdict: 'clean', damage: [], position: { epoch: 4, nextSeq: 5 } });
      await replayLog(directory, scan, target, { afterSeq: 3 });
      expect(target.lines).toEqual(['4 p0.4=4']);
      await openLog(directory, { ...SETTINGS, sync });
    }
  });

  test('R1: an incarnation that only a lost header or a checkpoint knows is not used again', async () => {
    const { directory, builder } = log();
    builder.epoch(pages(1, 1));
    builder.incarnation = 5;
    builder.rotate().epoch(pages(2, 2));
    poke(directory, builder.name, 0, new Uint8Array(4096));
    expect((await scanLog(directory)).incarnationMax).toBe(5);
    expect((await openLog(directory, { ...SETTINGS, onDamage: 'stop' })).incarnation).toBe(6);
    builder.incarnation = 9;
    builder.checkpoint(1, 1);
    expect((await scanLog(directory)).incarnationMax).toBe(9);
  });
});

test('R2: an opening that is refused leaves the directory as it was', async () => {
  const { directory, builder } = log();
  builder.epoch(pages(1, 1)).epoch(pages(2, 2)).sync().mark();
  directory.open(`${logFileName(2)}.new`, 'create').close();
  flip(directory, builder.name, builder.segments[0]!.offset + 200);
  const before = directory.list().sort();
  expect(await codeOf(openLog(directory, SETTINGS))).toBe('ERR_WAL_CORRUPT');
  expect(directory.list().sort()).toEqual(before);
});

test('R9: without sync an opening removes no file of the log', async () => {
  const { directory, builder } = log();
  builder.epoch(pages(1, 1));
  for (let round = 0; round < 3; round += 1) await openLog(directory, { ...SETTINGS, sync: false });
  expect(directory.list().sort()).toEqual([1, 2, 3, 4].map(logFileName));
});

test('R10: a checkpoint in the middle of an epoch is replayed from its next commit', async () => {
  const { directory, builder } = log();
  builder.epoch(pages(1, 1), pages(2, 2), pages(3, 3)).epoch(pages(4, 4));
  const scan = await scanLog(directory);
  for (let afterSeq = 0; afterSeq <= 4; afterSeq += 1) {
    const target = transcript();
    await replayLog(directory, scan, target, { afterSeq });
    expect(target.lines).toEqual(['1 p0.1=1', '2 p0.2=2', '3 p0.3=3', '4 p0.4=4'].slice(afterSeq));
  }
});

describe('on the file system', () => {
  test('page files are synced before a recovery says that they are up to date', () =>
    inTemporaryDirectory(async (path) => {
      const db = join(path, 'db');
      new LogBuilder(new NodeDirectory(logDirectoryPath(db))).start().epoch(pages(1, 1)).sync();
      fs.writeFileSync(db, '');
      const synced = vi.spyOn(fs, 'fdatasyncSync');
      expect(await recoverWal(db)).toMatchObject({ commitsApplied: 1 });
      expect(synced).toHaveBeenCalledTimes(1);
    }));

  test('a log is removed from its oldest file on, each removal durable before the next', () =>
    inTemporaryDirectory(async (path) => {
      const db = join(path, 'db');
      const builder = new LogBuilder(new NodeDirectory(logDirectoryPath(db))).start();
      builder.epoch(pages(1, 1)).rotate().epoch(pages(2, 2)).rotate().epoch(pages(3, 3));
      const done: string[] = [];
      const { unlinkSync, fsyncSync } = fs;
      vi.spyOn(fs, 'unlinkSync').mockImplementation((name) => {
        done.push(String(name).slice(-20));
        unlinkSync(name);
      });
      vi.spyOn(fs, 'fsyncSync').mockImplementation((fd) => {
        done.push('sync');
        fsyncSync(fd);
      });
      expect(removeLog(db)).toEqual([]);
      expect(done.slice(0, 6)).toEqual([1, 2, 3].flatMap((number) => [logFileName(number), 'sync']));
    }));
});
