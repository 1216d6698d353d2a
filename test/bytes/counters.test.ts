// Counters that start just below the ends of 31, 32 and 53 bits: the log crosses the first two as if they were nothing,
// and stops in front of the third with an error, having lost nothing (F33).

import { describe, expect, test } from 'vitest';
import { COUNTER_MAX, INCARNATION_MAX } from '../../src/base/counters.js';
import { frameSeed } from '../../src/frame/codec.js';
import { writeCheckpointRecord } from '../../src/log/checkpoint-record.js';
import { LogWriter } from '../../src/log/log-writer.js';
import { logFileName } from '../../src/log/names.js';
import { SparePool } from '../../src/log/spare-pool.js';
import { recoverDirectory } from '../../src/recovery/recover.js';
import { scanLog } from '../../src/recovery/scan.js';
import { FileWindow } from '../../src/segment/file-window.js';
import { SEGMENT_ALIGNMENT } from '../../src/segment/layout.js';
import { readSegmentHeader, verifySegment } from '../../src/segment/reader.js';
import type { BuiltSegment } from '../../src/segment/segment-writer.js';
import { MemoryDirectory } from '../../src/storage/memory-directory.js';
import { NodeDirectory } from '../../src/storage/node-directory.js';
import { openWalOn } from '../../src/testing.js';
import type { Wal } from '../../src/wal.js';
import { changedSince, snapshot } from '../support/byte-corpus.js';
import { onePage, operation, Rig } from '../support/flusher-rig.js';
import { buildSegment, codeOf, image, LOG_ID, LogBuilder, pages } from '../support/log-builder.js';
import { inTemporaryDirectory } from '../support/temporary-path.js';

const FILE_BYTES = 65_536;
const ENDS = [2 ** 31, 2 ** 32];
const WAL_OPTIONS = { pageSize: 512, lanes: 3, laneBytes: 8192, logFileBytes: FILE_BYTES, ticker: false } as const;

/** What a log starts at. */
interface Start {
  readonly nextSeq?: number;
  readonly epoch?: number;
  readonly fileNumber?: number;
  readonly incarnation?: number;
  readonly generation?: number;
}

/** A log that starts behind a checkpoint, with these numbers next, and holds one commit. */
function startingAt({ nextSeq = 1, epoch = 0, fileNumber = 1, incarnation = 1, generation = 1 }: Start) {
  const directory = new MemoryDirectory({ pretendSync: true });
  const builder = new LogBuilder(directory, { fileBytes: FILE_BYTES });
  builder.position = { epoch, nextSeq, headerCrc: 0, certificateCrc: 0 };
  Object.assign(builder, { fileNumber, incarnation, syncedThrough: epoch });
  builder
    .checkpoint(nextSeq - 1, epoch, generation)
    .start()
    .epoch(pages(1, 1))
    .sync()
    .mark();
  return directory;
}

async function append(wal: Wal, count: number): Promise<number[]> {
  const seqs: number[] = [];
  for (let index = 0; index < count; index += 1) {
    // Large enough that a few of them fill a file.
    seqs.push(wal.connect().append(operation(7000, index)).seq);
    await wal.flush();
  }
  return seqs;
}

async function recoveredSeqs(directory: MemoryDirectory): Promise<number[]> {
  const seqs: number[] = [];
  await recoverDirectory(directory, { into: ({ seq }) => void seqs.push(seq), afterSeq: 0 });
  return seqs;
}

const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, index) => first + index);

describe.each(ENDS)('across %i (F33)', (end) => {
  const before = end - 5;

  test.each<[string, Start]>([
    ['commit sequences', { nextSeq: before }],
    ['epochs', { epoch: before }],
    ['file numbers', { fileNumber: before + 3 }],
    ['all of them', { nextSeq: before, epoch: before - 1, fileNumber: before + 2, generation: before + 4 }],
  ])('%s go on, through rotations, checkpoints and reopenings', async (_, start) => {
    const directory = startingAt(start);
    const { nextSeq = 1 } = start;
    const wal = await openWalOn(directory, WAL_OPTIONS);
    expect(await append(wal, 20)).toEqual(range(nextSeq + 1, 20));
    expect((await wal.files()).length).toBeGreaterThanOrEqual(3);
    await wal.checkpoint({ throughSeq: nextSeq + 12 });
    await wal.close();
    const again = await openWalOn(directory, WAL_OPTIONS);
    expect(again.recovery.lastSeq).toBe(nextSeq + 20);
    expect(await append(again, 5)).toEqual(range(nextSeq + 21, 5));
    await again.checkpoint({ throughSeq: nextSeq + 13 });
    await again.close();
    const scan = await scanLog(directory);
    expect(scan).toMatchObject({ verdict: 'clean', damage: [], checkpoint: { throughSeq: nextSeq + 13 } });
    expect((await recoveredSeqs(directory)).slice(-12)).toEqual(range(nextSeq + 14, 12));
    const { epoch, position } = { epoch: start.epoch ?? 0, position: scan.position };
    expect(position).toMatchObject({ epoch: epoch + 26, nextSeq: nextSeq + 26 });
    expect(Math.max(...scan.log.fileNumbers)).toBeGreaterThanOrEqual((start.fileNumber ?? 1) + 3);
  });

  test('positions of lanes wrap, and every commit comes back whole', async () => {
    const rig = await Rig.open({ lanes: 2, laneBytes: 4096 });
    // As the words hold them: signed.
    const position = (end - 64 * 21) | 0;
    for (const lane of rig.lanes) {
      lane.head.store(position);
      lane.tail.store(position);
      lane.jumboClaimed.store(end - 100);
      lane.jumboReleased.store(end - 100);
    }
    for (let value = 1; value <= 40; value += 1) {
      if (value % 7 === 0) jumbo(rig, value);
      else rig.append(value % 2 === 0 ? onePage(value) : operation(31 * value, value), value % 2);
      if (value % 3 === 0) rig.settle(10);
    }
    rig.settle(10);
    expect(rig.events.filter((event) => event.startsWith('failed'))).toEqual([]);
    for (const lane of rig.lanes) {
      expect([lane.stagedBytes(), lane.jumboBytes()]).toEqual([0, 0]);
      expect((lane.tail.load() - position) >>> 0).toBeGreaterThan(64 * 21);
    }
    expect((await rig.recovered()).map(({ seq, value }) => [seq, value])).toEqual(
      range(1, 40).map((seq) => [seq, seq]),
    );
  });

  test('turns, demands and their sleepers wrap, and nobody misses one', async () => {
    const rig = await Rig.open();
    const words = new Int32Array(rig.control.buffer);
    const { writtenTurn, durableTurn, demand } = rig.control;
    // Lines of the control block, as design/shared-memory.md lists them.
    for (const line of [6, 9, 11]) words[line * 32] = (end - 2) | 0;
    expect([writtenTurn.load(), durableTurn.load(), demand.load()]).toEqual(Array(3).fill((end - 2) | 0));
    for (let value = 1; value <= 6; value += 1) {
      const seq = rig.append(onePage(value));
      const turns = [writtenTurn, durableTurn].map(async (turn) => turn.waitAsync(turn.load()));
      const demanded = demand.load();
      rig.control.demandThrough(seq);
      expect(demand.load()).not.toBe(demanded);
      rig.settle();
      await Promise.all(turns);
      expect(rig.control.durableSeq.load()).toBe(seq);
    }
    expect(writtenTurn.load()).toBeGreaterThanOrEqual(((end - 2) | 0) + 6 - (end === 2 ** 31 ? 2 ** 32 : 0));
  });

  test('places in a file are right', async () => {
    await inTemporaryDirectory(async (path) => {
      const directory = new NodeDirectory(path);
      const name = logFileName(1);
      const file = directory.open(name, 'create');
      file.truncate(end + 10 * SEGMENT_ALIGNMENT);
      const position = { epoch: 0, nextSeq: 1, headerCrc: 0, certificateCrc: 0 };
      const identity = { logId: LOG_ID, incarnation: 1, pageBytes: 512, fileNumber: 1, fileName: name };
      const writeOffset = end - 2 * SEGMENT_ALIGNMENT;
      const start = { ...identity, position, writeOffset, fileBytes: file.size(), syncedThrough: 0, olderFiles: [] };
      const none = (): void => undefined;
      const events = { appended: none, rotated: none, synced: none, directorySynced: none };
      const settings = { logFileBytes: file.size(), maxLogBytes: 2 ** 40, sync: false };
      const log = new LogWriter(
        directory,
        { ...start, checkpointEpoch: 0 },
        new SparePool(directory, settings.logFileBytes),
        settings,
        events,
      );
      const seed = frameSeed(LOG_ID, 1);
      for (const [epoch, segment] of range(1, 4).map((one): [number, BuiltSegment] => {
        return [one, buildSegment([pages(one, one)], one, one, { lanes: 1, seed, pageBytes: 512 })];
      })) {
        log.append(segment);
        expect(log.position).toMatchObject({ epoch, nextSeq: epoch + 1 });
      }
      const window = new FileWindow(file, new Uint8Array(65_536));
      for (let index = 0; index < 4; index += 1) {
        const offset = writeOffset + index * SEGMENT_ALIGNMENT;
        const header = readSegmentHeader(file, offset);
        if (header === undefined || 'refused' in header) throw new Error(`no segment at ${offset}`);
        expect(header).toMatchObject({ fileOffset: offset, epoch: index + 1 });
        expect(verifySegment(file, window, header, 512)).toMatchObject({ frameCount: 1 });
      }
      log.close();
      file.close();
    });
  });
});

function jumbo(rig: Rig, value: number): void {
  const { commit, frame } = rig.postJumbo(operation(5000, value), value);
  const lane = rig.lanes[0]!;
  const seq = rig.writer(0).tryAppendJumbo(commit, { jumboId: value, frame }, 0, (bytes) => {
    lane.jumboClaimed.store(lane.jumboClaimed.load() + bytes);
    return true;
  });
  expect(seq).toBeTypeOf('number');
}

test('page numbers, sizes, tokens, snapshots and operation codes of any width come back as they were', async () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  const wal = await openWalOn(directory, WAL_OPTIONS);
  const pageMax = Math.floor(Number.MAX_SAFE_INTEGER / 512);
  const tokens = [...ENDS, 2 ** 53 - 1].flatMap((end) => [end - 1, end].filter(Number.isSafeInteger));
  const wide = [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n];
  const numbers = [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, pageMax];
  const given = [...tokens, ...wide].map((token, index) => {
    const pageNumber = numbers[index % numbers.length]!;
    const code = Number(BigInt.asUintN(53, BigInt(token))) || 1;
    const beginSeq = code;
    wal.connect().append({
      txnId: token,
      txnEpoch: token,
      beginSeq,
      dbSizePages: pageMax,
      pages: [{ pageNumber, image: image(index) }],
      operations: [{ code, bytes: new Uint8Array(0) }],
    });
    return [token, token, beginSeq, pageMax, pageNumber, code];
  });
  await wal.close();
  const found: unknown[] = [];
  await recoverDirectory(directory, {
    into: (commit) => {
      const records = [...commit.records()].map((record) => {
        if (record.kind === 'size') return record.pages;
        return record.kind === 'page' ? record.pageNumber : record.code;
      });
      found.push([commit.txnId, commit.txnEpoch, commit.beginSeq, ...records]);
    },
  });
  expect(found).toEqual(given);
  const into = new Map<number, Uint8Array>();
  await recoverDirectory(directory, { into });
  expect([...into.keys()].sort((a, b) => a - b)).toEqual([...numbers].sort((a, b) => a - b));
});

describe('in front of 2^53 (F33)', () => {
  test('commits are refused when the sequences are used up, and none that was taken is lost', async () => {
    const directory = startingAt({ nextSeq: COUNTER_MAX - 5, epoch: 7 });
    const wal = await openWalOn(directory, WAL_OPTIONS);
    const writer = wal.connect();
    const seqs: number[] = [];
    const appended = await codeOf(
      (async () => {
        for (;;) seqs.push(writer.append(operation(10)).seq);
      })(),
    );
    expect([appended, seqs]).toEqual(['ERR_WAL_EXHAUSTED', range(COUNTER_MAX - 4, 5)]);
    expect(await codeOf(writer.appendAsync(operation(10)))).toBe('ERR_WAL_EXHAUSTED');
    expect(await codeOf(writer.appendAsync(operation(9000)))).toBe('ERR_WAL_EXHAUSTED');
    expect((await wal.flush()).durableSeq).toBe(COUNTER_MAX);
    await wal.close();
    expect(await recoveredSeqs(directory)).toEqual(range(COUNTER_MAX - 5, 6));
    const before = snapshot(directory);
    expect(await codeOf(openWalOn(directory, WAL_OPTIONS))).toBe('ERR_WAL_EXHAUSTED');
    expect(changedSince(before, directory)).toEqual([]);
  });

  test('writers that look at the same time take no sequence that cannot be written', async () => {
    const rig = await Rig.open({ lanes: 3 });
    rig.control.commitSeqNext.store(COUNTER_MAX);
    expect(rig.append(onePage(1), 0)).toBe(COUNTER_MAX);
    expect(() => rig.append(onePage(2), 1)).toThrow('exhausted');
    expect(rig.lanes.map(({ guard }) => guard.load())).toEqual([0, 0, 0]);
  });

  test.each<[string, Start]>([
    ['commit sequence', { nextSeq: COUNTER_MAX }],
    ['commit sequence at all', { nextSeq: Number.MAX_SAFE_INTEGER - 1 }],
    ['epoch', { epoch: COUNTER_MAX }],
    ['file number', { fileNumber: COUNTER_MAX }],
    ['file number at all', { fileNumber: Number.MAX_SAFE_INTEGER }],
    ['incarnation', { incarnation: INCARNATION_MAX }],
  ])('a log that has no %s left is not opened, and still recovered', async (_, start) => {
    const directory = startingAt(start);
    const before = snapshot(directory);
    for (const onDamage of ['fail', 'stop'] as const) {
      expect(await codeOf(openWalOn(directory, { ...WAL_OPTIONS, onDamage }))).toBe('ERR_WAL_EXHAUSTED');
      expect(changedSince(before, directory)).toEqual([]);
    }
    expect(await recoveredSeqs(directory)).toEqual([start.nextSeq ?? 1]);
  });

  test('a file number or a generation that is used up fails the rotation or the checkpoint, and loses nothing', async () => {
    const directory = startingAt({ generation: Number.MAX_SAFE_INTEGER });
    const wal = await openWalOn(directory, WAL_OPTIONS);
    await append(wal, 3);
    expect(await codeOf(wal.checkpoint({ throughSeq: 2 }))).toBe('ERR_WAL_EXHAUSTED');
    await append(wal, 3);
    await wal.close();
    expect(await recoveredSeqs(directory)).toEqual(range(1, 7));
    expect((await scanLog(directory)).checkpoint?.generation).toBe(Number.MAX_SAFE_INTEGER);
    const record = { logId: LOG_ID, incarnation: 1, generation: 2 ** 53, throughSeq: 1, throughEpoch: 1 };
    const write = async (): Promise<void> =>
      writeCheckpointRecord(directory, { ...record, syncedThrough: 1, wallClockMs: 1 }, { sync: false });
    expect(await codeOf(write())).toBe('ERR_WAL_EXHAUSTED');
  });

  test('a stray file with the highest number in its name does not make new files invisible', async () => {
    for (const stray of ['001fffffffffffff.wal', '001ffffffffffffe.wal']) {
      const directory = startingAt({});
      directory.open(stray, 'create').close();
      const before = snapshot(directory);
      expect(await codeOf(openWalOn(directory, WAL_OPTIONS))).toBe('ERR_WAL_EXHAUSTED');
      expect(changedSince(before, directory)).toEqual([]);
    }
  });
});

test('a size of a space that no writer has is passed over', async () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  new LogBuilder(directory, { fileBytes: FILE_BYTES })
    .start()
    .epoch({
      sizes: [
        { space: 5000, pages: 3 },
        { space: 2, pages: 4 },
      ],
    })
    .sync()
    .mark();
  const wal = await openWalOn(directory, WAL_OPTIONS);
  expect(await append(wal, 1)).toEqual([2]);
  await wal.close();
});
