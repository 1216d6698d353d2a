// Goal: damage to synced bytes is always reported and never taken for a torn tail. Method: a small corpus whose every bit
// is flipped and every length cut; then files deleted, renamed, copied and swapped.

import { describe, expect, test } from 'vitest';
import { FILE_HEADER } from '../../../src/log/layout.js';
import { openLog } from '../../../src/recovery/opening.js';
import { replayLog } from '../../../src/recovery/replay.js';
import { scanLog } from '../../../src/recovery/scan.js';
import { SEGMENT_HEADER } from '../../../src/segment/layout.js';
import { MemoryDirectory } from '../../../src/storage/memory-directory.js';
import {
  codeOf,
  cut,
  fixFileHeader,
  fixSegmentHeader,
  flip,
  LogBuilder,
  pages,
  poke,
  readFile,
  transcript,
} from '../../support/log-builder.js';
import { checkFlips, corpus, ERRORS, FILE_BYTES, fork, outcome, readLog } from '../../support/recovery-corpus.js';

describe('R2: damage to synced bytes', () => {
  test('every flipped bit is reported, or changes nothing', async () => {
    // Of padding one bit in 64 bytes, of everything that says something one in four bytes; the deep suite flips all.
    const reported = await checkFlips((byte, offset, bit) =>
      byte === 0 ? offset % 64 === 0 && bit === 0 : offset % 4 === 0 && bit === (offset >> 2) % 8,
    );
    expect(reported).toBeGreaterThan(500);
  });

  test('every flipped bit of a segment that the log calls synced is reported', async () => {
    const { directory, builder } = await corpus();
    for (const { name, offset, bytes } of builder.segments.slice(0, 2)) {
      for (let at = offset; at < offset + bytes; at += 61) {
        expect(ERRORS, `${name} at ${at}`).toContain(await outcome(directory, name, at, at % 8));
      }
    }
  });

  test('every cut below what is synced is reported', async () => {
    const { directory, builder } = await corpus();
    const last = builder.segments.at(-1)!;
    for (const name of directory.list()) {
      const end = name === last.name ? last.offset : FILE_BYTES;
      for (let bytes = 0; bytes < end; bytes += 509) {
        const copy = fork(directory);
        cut(copy, name, bytes);
        const result = await codeOf(readLog(copy).then(({ lines }) => lines.length));
        if (typeof result === 'number') {
          // Behind a file's own segments there is nothing to lose, and in the newest file only what nobody knows of.
          expect(result).toBeGreaterThanOrEqual(name === last.name ? 4 : 5);
        } else expect(ERRORS).toContain(result);
      }
    }
  });
});

describe('R5: an unsynced tail', () => {
  test('cut anywhere keeps a prefix and is no damage', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    const builder = new LogBuilder(directory, { fileBytes: FILE_BYTES }).start();
    builder.epoch(pages(1, 1)).epoch(pages(2, 2), pages(3, 3)).epoch(pages(4, 4));
    const { lines } = await readLog(directory);
    for (let bytes = 4096; bytes <= builder.offset; bytes += 127) {
      const copy = fork(directory);
      cut(copy, builder.name, bytes);
      const { lines: found, scan } = await readLog(copy);
      expect(found).toEqual(lines.slice(0, found.length));
      expect(['clean', 'torn']).toContain(scan.verdict);
    }
  });

  test('of which any sectors are lost keeps a prefix and is no damage (F01, F04)', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    const builder = new LogBuilder(directory, { fileBytes: FILE_BYTES }).start();
    builder.epoch(pages(1, 1)).epoch(pages(2, 2), pages(3, 3)).epoch(pages(4, 4));
    const { lines } = await readLog(directory);
    const written = readFile(directory, builder.name).subarray(4096, builder.offset);
    const sectors = [...Array(written.length / 512).keys()].filter((index) =>
      written.subarray(index * 512, index * 512 + 512).some((byte) => byte !== 0),
    );
    for (let mask = 0; mask < 2 ** sectors.length; mask += 1) {
      const copy = fork(directory);
      for (const [index, sector] of sectors.entries()) {
        if ((mask & (1 << index)) === 0) poke(copy, builder.name, 4096 + sector * 512, new Uint8Array(512));
      }
      const { lines: found, scan } = await readLog(copy);
      expect(found).toEqual(lines.slice(0, found.length));
      expect(scan.verdict).toBe(mask === 2 ** sectors.length - 1 || mask === 0 ? 'clean' : scan.verdict);
      if (found.length < lines.length && mask !== 0) expect(['torn', 'clean']).toContain(scan.verdict);
    }
  });

  test('torn with whole epochs behind it ends at the hole, and counts what it dropped', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    const builder = new LogBuilder(directory, { fileBytes: FILE_BYTES })
      .start()
      .epoch(pages(1, 1))
      .epoch(pages(2, 2))
      .epoch(pages(3, 3));
    flip(directory, builder.name, builder.segments[1]!.offset + 200);
    const { lines, scan } = await readLog(directory);
    expect(lines).toEqual(['1 p0.1=1']);
    expect(scan).toMatchObject({ verdict: 'torn', droppedBytes: 8192, row: 'E' });
  });
});

describe('R6: what was synced is known from anywhere behind a hole', () => {
  test('a whole segment behind the hole that calls it synced makes it damage', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    const builder = new LogBuilder(directory, { fileBytes: FILE_BYTES }).start();
    builder.epoch(pages(1, 1)).epoch(pages(2, 2)).sync().epoch(pages(3, 3));
    for (const at of [0, 200]) {
      const copy = fork(directory);
      flip(copy, builder.name, builder.segments[1]!.offset + at);
      expect(await codeOf(readLog(copy))).toBe('ERR_WAL_CORRUPT');
    }
  });

  test('so does the checkpoint record of the same incarnation, and one of an older incarnation does not', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    const builder = new LogBuilder(directory, { fileBytes: FILE_BYTES })
      .start()
      .epoch(pages(1, 1))
      .epoch(pages(2, 2))
      .sync();
    builder.checkpoint(1, 1);
    flip(directory, builder.name, builder.segments[1]!.offset + 200);
    expect(await codeOf(readLog(directory))).toBe('ERR_WAL_CORRUPT');
    await openLog(directory, { logFileBytes: FILE_BYTES, sync: true, onDamage: 'stop' });
    expect((await readLog(directory)).lines).toEqual(['1 p0.1=1']);
  });
});

describe('R4: files', () => {
  test('each file that is missing is a gap, or leaves a prefix that nobody called synced', async () => {
    const { directory, lines } = await corpus();
    const names = directory.list().sort();
    for (const name of names) {
      const copy = fork(directory);
      copy.remove(name);
      const result = await codeOf(readLog(copy).then((read) => read.lines));
      // Nothing outside the newest file tells of it; every other one is missed.
      if (name === names.at(-1)) expect(result).toEqual(lines.slice(0, 5));
      else expect(result).toBe('ERR_WAL_GAP');
    }
  });

  test('swapped, renamed and copied files are refused', async () => {
    const { directory } = await corpus();
    const [one, two, three] = directory.list().sort() as [string, string, string];
    const swapped = fork(directory);
    swapped.rename(one, 'x');
    swapped.rename(two, one);
    swapped.rename('x', two);
    expect(await codeOf(readLog(swapped))).toBe('ERR_WAL_CORRUPT');
    for (const name of [one, two, three]) {
      const renamed = fork(directory);
      renamed.rename(name, '00000000000000ff.wal');
      expect(ERRORS).toContain(await codeOf(readLog(renamed)));
      const copied = fork(directory);
      const file = copied.open('00000000000000ff.wal', 'create');
      file.write([readFile(directory, name)], 0);
      file.close();
      expect(await codeOf(readLog(copied))).toBe('ERR_WAL_CORRUPT');
    }
  });

  test('of another log are refused, and so are those of another version', async () => {
    const { directory, builder } = await corpus();
    const foreign = fork(directory);
    flip(foreign, builder.name, FILE_HEADER.at.logId);
    fixFileHeader(foreign, builder.name);
    expect(await codeOf(readLog(foreign))).toBe('ERR_WAL_CORRUPT');
    const newer = fork(directory);
    flip(newer, builder.name, FILE_HEADER.at.version, 3);
    fixFileHeader(newer, builder.name);
    expect(await codeOf(readLog(newer))).toBe('ERR_WAL_VERSION');
    const segment = fork(directory);
    flip(segment, builder.name, builder.segments[1]!.offset + SEGMENT_HEADER.at.version, 3);
    fixSegmentHeader(segment, builder.name, builder.segments[1]!.offset);
    expect(await codeOf(readLog(segment))).toBe('ERR_WAL_VERSION');
  });

  test('with a lost header that hold newer segments are damage; with nothing in them they were never started (F03)', async () => {
    const { directory, builder } = await corpus();
    const lost = fork(directory);
    poke(lost, builder.name, 0, new Uint8Array(4096));
    expect(await codeOf(readLog(lost))).toBe('ERR_WAL_CORRUPT');
    const fresh = fork(directory);
    const file = fresh.open('00000000000000ff.wal', 'create');
    file.truncate(FILE_BYTES);
    file.close();
    const { scan } = await readLog(fresh);
    expect(scan).toMatchObject({ verdict: 'clean', neverStarted: ['00000000000000ff.wal'] });
    const opened = await openLog(fresh, { logFileBytes: FILE_BYTES, sync: true });
    expect(opened.fileNumber).toBe(0x100);
  });

  test('one file without a header is an empty log, and so is an empty directory', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    expect((await readLog(directory)).lines).toEqual([]);
    directory.create({ sync: false });
    directory.open('0000000000000001.wal', 'create').close();
    const { lines, scan } = await readLog(directory);
    expect(lines).toEqual([]);
    expect(scan.verdict).toBe('clean');
  });

  test('below the checkpoint may be missing, and nothing else may', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    const builder = new LogBuilder(directory, { fileBytes: FILE_BYTES }).start().epoch(pages(1, 1)).sync().rotate();
    builder.epoch(pages(2, 2)).sync().rotate().epoch(pages(3, 3)).sync().checkpoint(2, 2);
    for (const gone of [[1], [2], [1, 2]]) {
      const copy = fork(directory);
      for (const number of gone) copy.remove(`000000000000000${number}.wal`);
      expect((await readLog(copy)).lines.at(-1)).toBe('3 p0.3=3');
    }
    const bad = fork(directory);
    flip(bad, builder.segments[1]!.name, 4096 + 200);
    expect(await codeOf(readLog(bad))).toBe('ERR_WAL_CORRUPT');
    bad.remove('checkpoint-1');
    bad.remove('0000000000000001.wal');
    expect(await codeOf(readLog(bad))).toBe('ERR_WAL_GAP');
  });

  test('R5: holes below the checkpoint that nobody called synced are no damage, also once the log was opened', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    const builder = new LogBuilder(directory, { fileBytes: FILE_BYTES }).start();
    builder.epoch(pages(1, 1)).rotate().epoch(pages(2, 2)).rotate().checkpoint(2, 2);
    for (const { name } of builder.segments) flip(directory, name, 4096 + 200);
    expect((await readLog(directory)).scan).toMatchObject({ verdict: 'clean', damage: [] });
    const opened = await openLog(directory, { logFileBytes: FILE_BYTES, sync: true });
    expect(opened).toMatchObject({ syncedThrough: 2, position: { nextSeq: 3 } });
    expect((await readLog(directory)).scan).toMatchObject({ verdict: 'clean', damage: [] });
  });

  test('below the checkpoint it is moved aside by stop, and the next opening finds none', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    const builder = new LogBuilder(directory, { fileBytes: FILE_BYTES }).start();
    builder.epoch(pages(1, 1)).sync().rotate().epoch(pages(2, 2)).sync().rotate().checkpoint(2, 2);
    const { name } = builder.segments[0]!;
    flip(directory, name, 4096 + 200);
    expect(await codeOf(readLog(directory))).toBe('ERR_WAL_CORRUPT');
    await openLog(directory, { logFileBytes: FILE_BYTES, sync: true, onDamage: 'stop' });
    expect((await readLog(directory)).scan).toMatchObject({ verdict: 'clean', damage: [], position: { nextSeq: 3 } });
    expect(directory.list()).toContain(`${name}.damaged-00000002`);
  });

  test('a checkpoint without any log file, or of a newer incarnation, is a gap', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    const builder = new LogBuilder(directory, { fileBytes: FILE_BYTES })
      .start()
      .epoch(pages(1, 1))
      .sync()
      .checkpoint(1, 1);
    const empty = fork(directory);
    empty.remove(builder.name);
    expect(await codeOf(readLog(empty))).toBe('ERR_WAL_GAP');
    builder.incarnation = 2;
    builder.checkpoint(1, 1, 2);
    expect(await codeOf(readLog(directory))).toBe('ERR_WAL_GAP');
  });
});

describe('R8: stale bytes', () => {
  test('of a recycled file behind the end are no part of the log, at any segment boundary (F17)', async () => {
    const old = new MemoryDirectory({ pretendSync: true });
    const stale = new LogBuilder(old, { fileBytes: FILE_BYTES }).start();
    for (let value = 1; value <= 6; value += 1) stale.epoch(pages(value, value));
    const leftovers = readFile(old, stale.name).slice(4096);
    for (let kept = 0; kept < 6; kept += 1) {
      for (const isRecycled of [true, false]) {
        const directory = fork(old);
        const builder = new LogBuilder(directory, { fileBytes: FILE_BYTES });
        Object.assign(builder, { position: stale.position, fileNumber: 1 });
        builder.sync().rotate();
        poke(directory, builder.name, 4096, leftovers);
        if (isRecycled) {
          flip(directory, builder.name, FILE_HEADER.at.flags, 1);
          fixFileHeader(directory, builder.name);
        }
        for (let index = 0; index < kept; index += 1) builder.epoch(pages(9, index));
        const { lines, scan } = await readLog(directory);
        expect(lines).toHaveLength(6 + kept);
        expect(scan).toMatchObject({ verdict: isRecycled ? 'clean' : 'torn', syncedThrough: 6, damage: [] });
      }
    }
  });

  test('of an opening that a power cut undid never go on with the next one', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    const builder = new LogBuilder(directory, { fileBytes: FILE_BYTES })
      .start()
      .epoch(pages(1, 1))
      .sync()
      .epoch(pages(2, 2))
      .epoch(pages(3, 3));
    const undone = fork(directory);
    const { fileName } = await openLog(undone, { logFileBytes: FILE_BYTES, sync: true });
    const spare = directory.open('spare-0000.wal', 'create');
    spare.write([readFile(undone, fileName)], 0);
    spare.close();
    cut(directory, builder.name, builder.segments[2]!.offset);
    const opened = await openLog(directory, { logFileBytes: FILE_BYTES, sync: true });
    expect(opened.position.nextSeq).toBe(3);
    expect((await readLog(directory)).lines).toEqual(['1 p0.1=1', '2 p0.2=2']);
  });

  test('a segment copied over another one is noticed (F21)', async () => {
    const { directory, builder } = await corpus();
    const { name, offset, bytes } = builder.segments[0]!;
    poke(directory, name, offset, readFile(directory, name).slice(4096, 4096 + bytes));
    poke(directory, builder.segments[1]!.name, 4096, readFile(directory, name).slice(offset, offset + bytes));
    expect(await codeOf(readLog(directory))).toBe('ERR_WAL_CORRUPT');
  });
});

test('hostile lengths with right checksums are refused without being believed (F31)', async () => {
  const { directory, builder } = await corpus();
  const { name, offset } = builder.segments[1]!;
  const fields = ['segmentBytes', 'framesBytes', 'frameCount', 'laneCount', 'certificateBytes', 'endSeq'] as const;
  for (const field of fields) {
    for (const value of [0, 1, 0xff, 0x7fff_ffff, 0xffff_ffff]) {
      const copy = fork(directory);
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setUint32(0, value, true);
      const at = offset + SEGMENT_HEADER.at[field];
      if (Buffer.from(readFile(copy, name).subarray(at, at + 4)).equals(bytes)) continue;
      poke(copy, name, at, bytes);
      fixSegmentHeader(copy, name, offset);
      expect(ERRORS, `${field} = ${value}`).toContain(await codeOf(readLog(copy)));
    }
  }
});

test('salvage applies whole epochs behind a gap and lists it', async () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  const builder = new LogBuilder(directory, { fileBytes: FILE_BYTES }).start();
  builder.epoch(pages(1, 1)).epoch(pages(2, 2)).epoch(pages(3, 3)).rotate().sync().epoch(pages(4, 4));
  flip(directory, builder.segments[1]!.name, builder.segments[1]!.offset + 200);
  const scan = await scanLog(directory);
  const target = transcript();
  const result = await replayLog(directory, scan, target, { isSalvage: true });
  expect(target.lines).toEqual(['1 p0.1=1', '3 p0.3=3', '4 p0.4=4']);
  expect(result.notRecovered.map(({ epoch }) => epoch)).toEqual([2, 2]);
});
