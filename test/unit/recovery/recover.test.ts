// Goal: recovery brings page files, maps and callbacks to the same state, on a real file system and with real threads.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { recoverWal, verifyWal } from '../../../src/recovery/recover.js';
import type { OnProgress } from '../../../src/recovery/report.js';
import { type LogScan, scanLog } from '../../../src/recovery/scan.js';
import {
  exportSegment,
  listSegments,
  readSegmentFile,
  removeLog,
  segmentFilePath,
} from '../../../src/recovery/segment-file.js';
import { NodeDirectory } from '../../../src/storage/node-directory.js';
import { codeOf, flip, image, LogBuilder, PAGE_BYTES, pages, transcript } from '../../support/log-builder.js';

const folder = mkdtempSync(join(tmpdir(), 'lanewal-recover-'));
afterAll(() => rmSync(folder, { recursive: true }));

let db = '';
let count = 0;
let directory: NodeDirectory;

beforeEach(() => {
  db = join(folder, `db${count++}`);
  directory = new NodeDirectory(`${db}-wal`);
});

function log(options = {}): LogBuilder {
  return new LogBuilder(directory, options).start();
}

function bytesOfLog(): string {
  return readdirSync(directory.path)
    .sort()
    .map((name) => `${name}:${readFileSync(join(directory.path, name)).toString('base64')}`)
    .join();
}

describe('page files', () => {
  test('R10: get the newest image of each page, and grow and are cut by size records', async () => {
    writeFileSync(db, Buffer.concat([image(1), image(2), image(3)]));
    log()
      .epoch(pages(2, 20), pages(5, 50))
      .epoch({ dbSizePages: 1 }, { dbSizePages: 4, ...pages(4, 40) }, pages(2, 21));
    const report = await recoverWal(db);
    expect(readFileSync(db)).toEqual(Buffer.concat([image(1), image(21), image(0), image(40)]));
    expect(report).toMatchObject({
      commitsApplied: 5,
      firstSeq: 1,
      lastSeq: 5,
      epochs: 2,
      tail: 'clean',
      dbSizePages: [4],
      checkpointUsed: null,
    });
  });

  test('R11: recovering twice gives the same bytes and never changes the log (F38)', async () => {
    writeFileSync(db, '');
    log()
      .epoch(pages(1, 1), pages(3, 3))
      .sync()
      .epoch({ dbSizePages: 2, ...pages(2, 2) });
    const before = bytesOfLog();
    await recoverWal(db);
    const once = readFileSync(db);
    const again = await recoverWal(db);
    expect(readFileSync(db)).toEqual(once);
    expect(bytesOfLog()).toBe(before);
    expect(again.commitsApplied).toBe(3);
  });

  test('of several spaces are each brought up to the one log', async () => {
    const paths = [db, `${db}.2`, `${db}.3`];
    for (const path of paths) writeFileSync(path, image(9));
    const page = (space: number, value: number) => ({ pages: [{ pageNumber: 1, image: image(value), space }] });
    log().epoch(page(0, 1), page(2, 3), { sizes: [{ space: 1, pages: 2 }] });
    const report = await recoverWal(db, { into: { pageFiles: paths } });
    expect(paths.map((path) => readFileSync(path)[0])).toEqual([1, 9, 3]);
    expect(report.dbSizePages).toEqual([1, 2, 1]);
  });

  test('that are missing or foreign are noticed before anything is changed', async () => {
    writeFileSync(db, image(9));
    log().epoch(pages(1, 1), { pages: [{ pageNumber: 1, image: image(2), space: 1 }] });
    expect(await codeOf(recoverWal(db))).toBe('ERR_WAL_NOT_FOUND');
    expect(await codeOf(recoverWal(db, { into: { pageFiles: [db, `${db}.2`] } }))).toBe('ERR_WAL_NOT_FOUND');
    writeFileSync(`${db}.2`, Buffer.concat([image(9), Buffer.from('no page')]));
    expect(await codeOf(recoverWal(db, { into: { pageFiles: [db, `${db}.2`] } }))).toBe('ERR_WAL_WRONG_STORE');
    expect(readFileSync(db)).toEqual(Buffer.from(image(9)));
  });

  test('R2: stay as they are when synced bytes are damaged, unless told otherwise', async () => {
    writeFileSync(db, image(9));
    const builder = log().epoch(pages(1, 1)).sync().epoch(pages(1, 2)).sync().epoch(pages(1, 3));
    flip(directory, builder.name, builder.segments[1]!.offset + 300);
    expect(await codeOf(recoverWal(db))).toBe('ERR_WAL_CORRUPT');
    expect(readFileSync(db)[0]).toBe(9);
    const stopped = await recoverWal(db, { onDamage: 'stop' });
    expect(readFileSync(db)[0]).toBe(1);
    expect(stopped).toMatchObject({ tail: 'damaged', commitsApplied: 1 });
    expect(stopped.notRecovered.map(({ epoch }) => epoch)).toEqual([2, 2]);
    const salvaged = await recoverWal(db, { onDamage: 'salvage' });
    expect(readFileSync(db)[0]).toBe(3);
    expect(salvaged).toMatchObject({ tail: 'damaged', commitsApplied: 2, cleanlyClosed: false });
  });

  test('of spaces that only stand behind the damage are asked for before a salvage changes anything', async () => {
    writeFileSync(db, image(9));
    const elsewhere = { pages: [{ pageNumber: 1, image: image(3), space: 1 }] };
    const builder = log().epoch(pages(1, 1)).sync().epoch(pages(1, 2)).sync().epoch(elsewhere).sync().mark();
    flip(directory, builder.name, builder.segments[1]!.offset + 300);
    expect(await codeOf(recoverWal(db, { onDamage: 'salvage' }))).toBe('ERR_WAL_NOT_FOUND');
    expect(readFileSync(db)[0]).toBe(9);
    writeFileSync(`${db}.2`, '');
    await recoverWal(db, { onDamage: 'salvage', into: { pageFiles: [db, `${db}.2`] } });
    expect([db, `${db}.2`].map((path) => readFileSync(path)[0])).toEqual([1, 3]);
  });

  test('report how far they are: verified first, then applied, never more than there is', async () => {
    writeFileSync(db, '');
    log().epoch(pages(1, 1)).rotate().epoch(pages(2, 2)).sync();
    const seen: Parameters<OnProgress>[0][] = [];
    const onProgress: OnProgress = (progress) => void seen.push(progress);
    await recoverWal(db, { onProgress });
    expect(seen.map(({ step }) => step)).toEqual(['verify', 'verify', 'apply']);
    expect(seen[2]!.bytes).toBe(seen[2]!.bytesMax);
    seen.length = 0;
    await recoverWal(db, { into: new Map(), onProgress });
    expect(seen.map(({ step }) => step)).toEqual(['verify', 'verify', 'apply', 'apply']);
    for (const { bytes, bytesMax } of seen) expect(bytes).toBeLessThanOrEqual(bytesMax);
    expect(seen[1]!.bytes).toBeGreaterThan(seen[0]!.bytes);
    expect(seen[3]!.bytes).toBeGreaterThan(seen[2]!.bytes);
  });

  test('are not touched by a dry run, and a lock is taken for everything else', async () => {
    writeFileSync(db, image(9));
    log().epoch(pages(1, 1));
    const locked: string[] = [];
    const services = { lock: (path: string) => ({ release: () => locked.push(`released ${path}`) }) };
    expect(await recoverWal(db, { dryRun: true }, services)).toMatchObject({ commitsApplied: 1, dbSizePages: [1] });
    expect(readFileSync(db)[0]).toBe(9);
    expect(locked).toEqual([]);
    await recoverWal(db, {}, services);
    expect(locked).toEqual([`released ${directory.path}`]);
  });

  test('need only what is above the checkpoint', async () => {
    writeFileSync(db, image(9));
    log().epoch(pages(1, 1)).epoch(pages(2, 2), pages(2, 3)).sync().checkpoint(2, 1);
    // Page files have it from verification, whoever takes commits from a second look at the log.
    const target = transcript();
    await recoverWal(db, { into: (commit) => target.commit(commit) });
    expect(target.lines).toEqual(['3 p0.2=3']);
    expect(await recoverWal(db)).toMatchObject({ commitsApplied: 1, checkpointUsed: 2 });
    expect([readFileSync(db)[0], readFileSync(db)[512]]).toEqual([9, 3]);
  });
});

test('a map and a callback see the same commits', async () => {
  log()
    .epoch(pages(1, 1), pages(2, 2), pages(3, 3))
    .epoch({ dbSizePages: 2, ...pages(1, 4) });
  const map = new Map<number, Uint8Array>();
  await recoverWal(db, { into: map });
  expect([...map].map(([number, bytes]) => [number, bytes[0]])).toEqual([
    [1, 4],
    [2, 2],
  ]);
  const target = transcript();
  await recoverWal(db, { into: (commit) => target.commit(commit) });
  expect(target.lines).toEqual(['1 p0.1=1', '2 p0.2=2', '3 p0.3=3', '4 s0=2 p0.1=4']);
});

test('no log directory is an empty log', async () => {
  expect(await recoverWal(db)).toMatchObject({ commitsApplied: 0, firstSeq: 0, lastSeq: 0, tail: 'clean' });
  expect(await verifyWal(db)).toMatchObject({ isSound: true, segments: 0 });
});

test('verification reports every kind of problem and changes nothing', async () => {
  const builder = log().epoch(pages(1, 1), { isVoid: true }).sync().epoch(pages(2, 2)).mark({ isClean: true });
  expect(await verifyWal(db)).toMatchObject({
    isSound: true,
    files: 1,
    segments: 3,
    epochs: 2,
    frames: 2,
    voids: 1,
    lastSeq: 3,
    problems: [],
  });
  const before = bytesOfLog();
  flip(directory, builder.name, builder.segments[0]!.offset + 300);
  const report = await verifyWal(db);
  expect(report).toMatchObject({ isSound: false, tail: 'damaged' });
  expect(report.problems[0]).toMatchObject({ file: builder.name, epoch: 1, offset: builder.segments[0]!.offset + 128 });
  flip(directory, builder.name, builder.segments[0]!.offset + 300);
  expect(bytesOfLog()).toBe(before);
});

test('a pool of threads finds what one thread finds', async () => {
  const builder = log({ fileBytes: 8 * 2 ** 20 });
  const commit = { pages: Array.from({ length: 100 }, (_, index) => ({ pageNumber: index + 1, image: image(index) })) };
  for (let epoch = 0; epoch < 300; epoch += 1) builder.epoch(commit, pages(1, epoch % 256));
  builder.sync().mark();
  const pooled = await scanLog(directory, { inlineBytesMax: 0 });
  const inline = await scanLog(directory, { inlineBytesMax: Number.MAX_SAFE_INTEGER });
  // How far the walk over the headers was ahead of the threads differs; what is found does not.
  const found = ({
    position,
    verdict,
    damage,
    droppedBytes,
    syncedThrough,
    rests,
    chain: { files, end },
  }: LogScan) => ({
    position,
    verdict,
    damage,
    droppedBytes,
    syncedThrough,
    rests,
    files,
    end,
  });
  expect(found(pooled)).toEqual(found(inline));
  expect(pooled.position).toEqual(builder.position);
  expect(pooled.chain.files.length).toBeGreaterThan(1);
  const bad = builder.segments[177]!;
  flip(directory, bad.name, bad.offset + 5000);
  const later = builder.segments[250]!;
  flip(directory, later.name, later.offset + 5000);
  const damaged = await scanLog(directory, { inlineBytesMax: 0 });
  expect(damaged).toMatchObject({ verdict: 'damaged', position: { epoch: 177 } });
  expect(found(damaged)).toEqual(found(await scanLog(directory, { inlineBytesMax: Number.MAX_SAFE_INTEGER })));
});

describe('exported segments', () => {
  test('are verified alone and replayed, and never overwritten', async () => {
    const builder = log().epoch(pages(1, 1)).epoch(pages(2, 2), { dbSizePages: 7 }).epoch(pages(3, 3)).sync().mark();
    const path = await exportSegment(db, 2);
    expect(path).toBe(segmentFilePath(db, 2));
    expect(path.endsWith('-wal-seg-0000000000000002')).toBe(true);
    expect(await codeOf(exportSegment(db, 2))).toBe('ERR_WAL_EXISTS');
    const target = transcript();
    const report = await readSegmentFile(path, target);
    expect(report).toMatchObject({
      epoch: 2,
      firstSeq: 2,
      endSeq: 4,
      commitsApplied: 2,
      logId: builder.logId,
      pageBytes: PAGE_BYTES,
    });
    expect(target.lines).toEqual(['2 p0.2=2', '3 s0=7']);
    const bytes = readFileSync(path);
    for (let at = 0; at < bytes.length; at += 37) {
      const bad = Buffer.from(bytes);
      bad[at]! ^= 1;
      writeFileSync(path, bad);
      expect(['ERR_WAL_CORRUPT', 'ERR_WAL_VERSION'], `offset ${at}`).toContain(await codeOf(readSegmentFile(path)));
    }
  });

  test('are of synced epochs only', async () => {
    log().epoch(pages(1, 1)).sync().epoch(pages(2, 2));
    expect(await codeOf(exportSegment(db, 2))).toBe('ERR_WAL_NOT_FOUND');
    expect(await codeOf(exportSegment(db, 3))).toBe('ERR_WAL_NOT_FOUND');
    expect(await codeOf(exportSegment(db, 0))).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(await codeOf(exportSegment(db, 1))).toBe(segmentFilePath(db, 1));
  });

  test('stand in a list in the order of the log, with their commits', async () => {
    log().epoch(pages(1, 1)).epoch(pages(2, 2), pages(3, 3)).mark().rotate().epoch(pages(4, 4));
    const list: unknown[] = [];
    for (const { file, header, certificate, commits } of listSegments(directory, await scanLog(directory))) {
      list.push([file, header.epoch, certificate.frameCount, [...commits()].map(({ seq }) => seq)]);
    }
    expect(list).toEqual([
      ['0000000000000001.wal', 1, 1, [1]],
      ['0000000000000001.wal', 2, 2, [2, 3]],
      ['0000000000000001.wal', 2, 0, []],
      ['0000000000000002.wal', 3, 1, [4]],
    ]);
  });
});

test('a removed log leaves nothing but what is not its own', async () => {
  log().epoch(pages(1, 1)).sync().checkpoint(1, 1);
  writeFileSync(join(directory.path, 'notes.txt'), 'mine');
  expect(removeLog(db)).toEqual(['notes.txt']);
  rmSync(join(directory.path, 'notes.txt'));
  expect(removeLog(db)).toEqual([]);
  expect(directory.exists()).toBe(false);
  expect(removeLog(db)).toEqual([]);
});
