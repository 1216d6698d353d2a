// Goal: what shadow compare checks reaches the disk as it was appended, whatever becomes of it in memory or on the way,
// and nobody is told of it before. Method: logs over memory; lanes are corrupted between append and flush at random
// places, and writes on their way to the medium; then the log is read back and compared with what was appended.

import { describe, expect, test } from 'vitest';
import { between, seeded } from '../../../src/base/random.js';
import { readLatch } from '../../../src/control/latch.js';
import { type CommitInput, type Mode, resolveSettings, type Wal } from '../../../src/index.js';
import { Lane } from '../../../src/lane/lane.js';
import { recoverDirectory, verifyDirectory } from '../../../src/recovery/recover.js';
import {
  type Directory,
  MemoryDirectory,
  NodeDirectory,
  type OpenMode,
  openWalOn,
  SimulatedDirectory,
} from '../../../src/testing.js';
import { inTemporaryDirectory } from '../../support/temporary-path.js';
import { announceSkip, testSeed } from '../../support/workload-check.js';
import { writesOf } from '../../support/writes-of.js';

const PAGE_BYTES = 512;
const LANES = { ticker: false, lanes: 2, laneBytes: 16_384, pageSize: PAGE_BYTES, logFileBytes: 2 ** 18 } as const;
const image = (value: number) => new Uint8Array(PAGE_BYTES).fill(value);
const page = (pageNumber: number, value = pageNumber) => ({ pageNumber, image: image(value) });
const operation = (length: number, value: number) => ({ code: 7, bytes: new Uint8Array(length).fill(value) });

/** One of each kind; the last one is larger than a lane. */
const KINDS: readonly CommitInput[] = [
  { pages: [page(1)] },
  { txnId: 2n ** 63n, txnEpoch: 9, beginSeq: 3, pages: [page(2), { ...page(3), space: 4, before: image(9) }] },
  { sizes: [{ space: 4, pages: 30 }], operations: [operation(301, 5), operation(0, 0)] },
  { dbSizePages: 900, pages: [page(899)] },
  { pages: Array.from({ length: 40 }, (_, index) => page(index + 1, 100 + index)) },
];

const memory = () => new MemoryDirectory({ pretendSync: true });

function contentsOf(directory: Directory, name: string): Buffer {
  const file = directory.open(name, 'read');
  const bytes = Buffer.alloc(file.size());
  file.read(bytes, 0);
  file.close();
  return bytes;
}

/** What a commit says, to be compared. */
function said({ pages = [], operations = [], sizes = [], dbSizePages }: CommitInput): string[] {
  const all = dbSizePages === undefined ? sizes : [{ space: 0, pages: dbSizePages }, ...sizes];
  const hex = (bytes: Uint8Array | undefined) => (bytes === undefined ? '' : Buffer.from(bytes).toString('hex'));
  return [
    ...all.map((each) => `size ${each.space} ${each.pages}`),
    ...pages.map((each) => `page ${each.space ?? 0} ${each.pageNumber} ${hex(each.image)} ${hex(each.before)}`),
    ...operations.map((each) => `operation ${each.code} ${hex(each.bytes)}`),
  ];
}

/** What the log says, commit by commit. */
async function read(directory: Directory): Promise<string[][]> {
  const found: string[][] = [];
  await recoverDirectory(directory, {
    into(commit): void {
      found.push(
        [...commit.records()].flatMap((record) => {
          if (record.kind === 'page') return said({ pages: [record] });
          return said(record.kind === 'size' ? { sizes: [record] } : { operations: [record] });
        }),
      );
    },
  });
  return found;
}

function verdicts(wal: Wal) {
  const { commits, shadowClean: clean, shadowDiverged: diverged } = wal.counters();
  return { clean, diverged, notRun: commits - clean - diverged };
}

/** Changes one published byte of a lane, `at` bytes behind its head. */
function corrupt(wal: Wal, lane: number, at: number, change: number): void {
  const { ring, head } = new Lane(lane, wal.handle.lanes[lane] as SharedArrayBuffer);
  const place = (head.load() + at) & (ring.bytes.length - 1);
  ring.bytes[place] = (ring.bytes[place] as number) ^ change;
}

const stagedBytes = (wal: Wal, lane: number) =>
  new Lane(lane, wal.handle.lanes[lane] as SharedArrayBuffer).stagedBytes();

describe('commits that nothing happens to', () => {
  test('are clean, whatever they hold: pages, sizes, operations, runs, jumbos, around the end of the ring', async () => {
    const directory = memory();
    const wal = await openWalOn(directory, { ...LANES, mode: 'shadow' as Mode });
    const writer = wal.connect();
    const appended: CommitInput[] = [];
    for (let round = 0; round < 7; round += 1) {
      const run = KINDS.map((input) => writer.appendAsync(input));
      await (await run.at(-1))?.durable();
      appended.push(...KINDS);
    }
    expect(verdicts(wal)).toEqual({ clean: appended.length, diverged: 0, notRun: 0 });
    expect([wal.mode, wal.fallback, wal.metrics().counters.shadowClean]).toEqual(['shadow_compare', 'none', 35]);
    await wal.close();
    expect(await read(directory)).toEqual(appended.map(said));
    expect(directory.list().filter((name) => name.startsWith('evidence'))).toEqual([]);
  });

  test('are compared still when the mode has changed before they are sealed', async () => {
    const wal = await openWalOn(memory(), LANES);
    const writer = wal.connect();
    writer.append({ pages: [page(1)] });
    await wal.setMode('shadow_compare');
    writer.append({ pages: [page(2)] });
    writer.append({ pages: [page(3)] });
    await wal.setMode('conservative');
    writer.append({ pages: [page(4)] });
    await wal.flush();
    expect(verdicts(wal)).toEqual({ clean: 2, diverged: 0, notRun: 2 });
    await wal.close();
  });

  test('shadowComparePerMille: the first so many of each thousand commits of a writer are compared', async () => {
    for (const [shadowComparePerMille, clean] of [
      [0, 0],
      [3, 9],
      [1000, 2004],
    ]) {
      const wal = await openWalOn(memory(), { ...LANES, laneBytes: 2 ** 20, fsync: 'off', shadowComparePerMille });
      const writer = wal.connect();
      for (let count = 0; count < 2004; count += 1) writer.append({ operations: [operation(8, count)] });
      await wal.flush();
      expect(verdicts(wal)).toEqual({ clean, diverged: 0, notRun: 2004 - (clean as number) });
      await wal.close();
    }
    const fromVariable = resolveSettings({}, { LANEWAL_SHADOW_COMPARE_PER_MILLE: '1000' });
    expect(fromVariable.shadowComparePerMille).toEqual({ value: 1000, source: 'environment' });
    expect(() => resolveSettings({}, { LANEWAL_SHADOW_COMPARE_PER_MILLE: '1001' })).toThrow(
      /LANEWAL_SHADOW_COMPARE_PER_MILLE is '1001'.*0 to 1000/,
    );
  });
});

describe('memory that changes between append and flush', () => {
  const seed = testSeed('shadow compare');

  test.each(Array.from({ length: 40 }, (_, index) => index))('M5: random bytes, %i', async (index) => {
    const random = seeded(seed + index);
    const directory = memory();
    const wal = await openWalOn(directory, { ...LANES, mode: 'shadow_compare' });
    const writer = wal.connect();
    const appended: CommitInput[] = [];
    const appendSome = (): void => {
      for (let count = between(random, 1, 5); count > 0; count -= 1) {
        const input = KINDS[between(random, 0, KINDS.length - 1)] as CommitInput;
        writer.append(input);
        appended.push(input);
      }
    };
    appendSome();
    await wal.flush();
    appendSome();
    const staged = stagedBytes(wal, writer.lane);
    const places = new Set(Array.from({ length: between(random, 1, 3) }, () => between(random, 0, staged - 1)));
    for (const at of places) corrupt(wal, writer.lane, at, between(random, 1, 255));
    const told: string[] = [];
    wal.on('fallback', (reason) => told.push(reason));
    await wal.flush();
    expect([wal.mode, wal.fallback]).toEqual(['conservative', 'publication_mismatch']);
    expect(verdicts(wal).diverged).toBeGreaterThan(0);
    expect(verdicts(wal).notRun).toBe(0);
    appendSome();
    await wal.close();
    expect(told).toEqual(['publication_mismatch']);
    expect(await read(directory)).toEqual(appended.map(said));
  });

  test('M5: a frame whose length is damaged is put right before the lane is cut', async () => {
    const directory = memory();
    const wal = await openWalOn(directory, { ...LANES, mode: 'shadow_compare' });
    for (const pageNumber of [1, 2]) wal.connect().append({ pages: [page(pageNumber)] });
    for (const at of [0, 1, 2, 3]) corrupt(wal, wal.connect().lane, at, 0xff);
    await wal.flush();
    expect(verdicts(wal)).toEqual({ clean: 1, diverged: 1, notRun: 0 });
    await wal.close();
    expect(await read(directory)).toEqual([1, 2].map((each) => said({ pages: [page(each)] })));
  });

  test('leaves a latch and evidence that says what differs', async () => {
    const directory = memory();
    const wal = await openWalOn(directory, { ...LANES, mode: 'shadow_compare' });
    const writer = wal.connect();
    for (const pageNumber of [1, 2, 3]) writer.append({ pages: [page(pageNumber)] });
    const frameBytes = stagedBytes(wal, writer.lane) / 3;
    const imageAt = 64 + 24;
    corrupt(wal, writer.lane, frameBytes + imageAt + 17, 0xff);
    await wal.flush();
    await wal.close();
    const names = directory.list().filter((name) => name.startsWith('evidence'));
    const base = 'evidence-0000000000000002';
    expect(names.sort()).toEqual(['frame', 'json', 'lane', 'proof'].map((suffix) => `${base}.${suffix}`));
    const [frame, json, lane, proof] = names.map((name) => contentsOf(directory, name)) as [
      Buffer,
      Buffer,
      Buffer,
      Buffer,
    ];
    expect(JSON.parse(json.toString())).toMatchObject({
      commitSeq: 2,
      lane: writer.lane,
      where: 'memory',
      difference: 'record 0, page 2 of space 0, differs from byte 17 on',
      words: { head: 0, tail: 3 * frameBytes, guard: 0, isLocked: false },
    });
    expect([frame.length, proof.length, lane.length]).toEqual([frameBytes, frameBytes, 3 * frameBytes]);
    const different = [...frame.keys()].filter((at) => frame[at] !== proof[at]);
    expect(different).toEqual([imageAt + 17]);
    expect(lane.subarray(frameBytes, 2 * frameBytes).equals(frame)).toBe(true);
    expect(readLatch(directory)).toEqual({
      reason: 'publication_mismatch',
      message: expect.stringContaining(`page 2 of space 0, differs from byte 17 on. Evidence: ${base}.json`),
    });
    expect(await verifyDirectory(directory)).toMatchObject({ isSound: true, frames: 3 });

    const next = await openWalOn(directory, { ...LANES, mode: 'shadow_compare' });
    expect([next.mode, next.fallback]).toEqual(['conservative', 'publication_mismatch']);
    await next.resumeAuto();
    expect([next.mode, next.fallback]).toEqual(['shadow_compare', 'none']);
    await next.close();
  });

  test('keeps evidence of four commits at most, and goes on without when the disk has no room for it', async () => {
    const directory = new SimulatedDirectory();
    const wal = await openWalOn(directory, { ...LANES, mode: 'shadow_compare' });
    const writer = wal.connect();
    for (let count = 1; count <= 6; count += 1) writer.append({ pages: [page(count)] });
    const frameBytes = stagedBytes(wal, writer.lane) / 6;
    for (let count = 0; count < 6; count += 1) corrupt(wal, writer.lane, count * frameBytes + 100, 1);
    await wal.flush();
    expect(verdicts(wal)).toEqual({ clean: 0, diverged: 6, notRun: 0 });
    expect(directory.list().filter((name) => name.endsWith('.json'))).toHaveLength(4);
    await wal.close();
    for (const name of directory.list().filter((each) => each.startsWith('evidence'))) directory.remove(name);

    const full = await openWalOn(directory, { ...LANES, mode: 'shadow_compare' });
    await full.resumeAuto();
    full.connect().append({ pages: [page(7)] });
    corrupt(full, full.connect().lane, 100, 1);
    directory.fail({ on: ['create'], errno: 'ENOSPC' });
    await full.flush();
    expect([full.fallback, verdicts(full).diverged]).toEqual(['publication_mismatch', 1]);
    expect(directory.list().filter((name) => name.startsWith('evidence'))).toEqual([]);
    await full.close();
    expect(await read(directory)).toEqual([1, 2, 3, 4, 5, 6, 7].map((each) => said({ pages: [page(each)] })));
  });
});

describe('bytes that change on their way to the disk', () => {
  test('M5: are read back and written again, before any mark moves', async () => {
    const directory = memory();
    const marks: number[] = [];
    let spoil = true;
    let opened: Wal | undefined;
    const watched = writesOf(directory, (bytes) => {
      if (opened === undefined) return;
      marks.push(opened.marks().writtenSeq);
      if (spoil) bytes[4096 + 600] = (bytes[4096 + 600] as number) ^ 4;
      spoil = false;
    });
    const wal = await openWalOn(watched, { ...LANES, mode: 'shadow_compare' });
    opened = wal;
    const appended = [...Array(12).keys()].map((index) => ({ pages: [page(index + 1)] }));
    for (const input of appended) wal.connect().append(input);
    await wal.flush();
    expect(marks).toEqual([0, 0]);
    expect(verdicts(wal)).toEqual({ clean: 11, diverged: 1, notRun: 0 });
    expect(wal.fallback).toBe('publication_mismatch');
    await wal.close();
    expect(await read(directory)).toEqual(appended.map(said));
    const json = directory.list().find((name) => name.endsWith('.json')) as string;
    expect(JSON.parse(contentsOf(directory, json).toString())).toMatchObject({ where: 'file' });
  });

  test('M5: and fail the log when they do so again, so that nobody is told of them', async () => {
    const directory = memory();
    let isSpoiling = false;
    const watched = writesOf(directory, (bytes) => {
      if (isSpoiling) bytes[700] = (bytes[700] as number) ^ 4;
    });
    const wal = await openWalOn(watched, { ...LANES, mode: 'shadow_compare' });
    wal.connect().append({ pages: [page(1)] });
    await wal.flush();
    isSpoiling = true;
    const commit = wal.connect().append({ pages: [page(2)] });
    await expect(commit.durable()).rejects.toMatchObject({ code: 'ERR_WAL_OUTCOME_UNKNOWN' });
    await expect(wal.flush()).rejects.toMatchObject({
      code: 'ERR_WAL_POISONED',
      message: expect.stringContaining('does not hold what was written there, twice: commit 2'),
      details: { reasonCode: 'ERR_WAL_IO', commitSeq: 2 },
    });
    expect([wal.marks().writtenSeq, wal.marks().durableSeq]).toEqual([1, 1]);
    await wal.close().catch(() => undefined);
    expect(await read(directory)).toEqual([said({ pages: [page(1)] })]);
  });

  test('are seen in a jumbo of many windows', async () => {
    const directory = memory();
    let spoil = false;
    const watched = writesOf(directory, (bytes) => {
      if (spoil) bytes[3_000_000] = (bytes[3_000_000] as number) ^ 4;
      spoil = false;
    });
    const wal = await openWalOn(watched, { ...LANES, logFileBytes: 2 ** 23, mode: 'shadow_compare' });
    const input = { operations: [operation(2 ** 22, 7)] };
    wal.connect().append(input);
    spoil = true;
    await wal.flush();
    expect(verdicts(wal)).toEqual({ clean: 0, diverged: 1, notRun: 0 });
    await wal.close();
    expect(await read(directory)).toEqual([said(input)]);
  });
});

describe('shadowDirect: ', () => {
  test('what is read back comes past the page cache, or is refused where that cannot be', async () => {
    const modes: OpenMode[] = [];
    const directory = writesOf(
      memory(),
      () => undefined,
      (_, mode) => modes.push(mode),
    );
    for (const shadowDirect of [false, true]) {
      const wal = await openWalOn(directory, { ...LANES, mode: 'shadow_compare', shadowDirect });
      modes.length = 0;
      wal.connect().append({ pages: [page(1)] });
      await wal.flush();
      expect(modes).toEqual([shadowDirect ? 'direct' : 'read']);
      await wal.close();
    }
    const refusing = writesOf(
      memory(),
      () => undefined,
      (name, mode) => {
        if (mode === 'direct') throw new Error(`EINVAL: ${name}`);
      },
    );
    await expect(openWalOn(refusing, { ...LANES, shadowDirect: true })).rejects.toMatchObject({
      code: 'ERR_WAL_INVALID_ARGUMENT',
      message: expect.stringContaining('leave shadowDirect out'),
    });
  });

  test('reads what is on the disk, in a file system that can be read so', async () => {
    await inTemporaryDirectory(async (path) => {
      const directory = new NodeDirectory(path);
      const wal = await openWalOn(directory, { ...LANES, mode: 'shadow_compare', shadowDirect: true }).catch(
        (error) => {
          expect(error.code).toBe('ERR_WAL_INVALID_ARGUMENT');
          announceSkip('shadowDirect', error.message);
          return undefined;
        },
      );
      if (wal === undefined) return;
      for (const input of KINDS) wal.connect().append(input);
      await wal.flush();
      expect(verdicts(wal)).toEqual({ clean: KINDS.length, diverged: 0, notRun: 0 });
      await wal.close();
    });
  });
});
