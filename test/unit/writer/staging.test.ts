// Goal: asynchronous appends of one thread enter the lane together, and whoever asked for one of them notices nothing of
// the others: order, errors, time, signal. Method: one writer over a log in memory, its atomic operations counted.

import { afterEach, describe, expect, test, vi } from 'vitest';
import { WalError } from '../../../src/base/errors.js';
import { Control } from '../../../src/epoch/control.js';
import { Lane } from '../../../src/lane/lane.js';
import { RUN_COMMITS_MAX } from '../../../src/lane/lane-writer.js';
import { atomics } from '../../../src/memory/atomics.js';
import { openWalOn, SimulatedDirectory } from '../../../src/testing.js';
import type { OpenOptions, Wal } from '../../../src/wal.js';
import { DISK_FULL } from '../../support/simulated-disk.js';

const LANE_BYTES = 8192;
let opened: { wal: Wal; directory: SimulatedDirectory }[] = [];

afterEach(async () => {
  vi.restoreAllMocks();
  for (const { wal, directory } of opened) {
    directory.heal();
    await wal.close().catch(() => undefined);
  }
  opened = [];
});

async function open(options: OpenOptions = {}) {
  const directory = new SimulatedDirectory();
  const settings = { lanes: 1, laneBytes: LANE_BYTES, pageSize: 512, logFileBytes: 65_536, ticker: false };
  // Nothing but a full run enters by itself.
  const wal = await openWalOn(directory, { ...settings, maxParallelCommitBytes: 2 ** 20, ...options });
  opened.push({ wal, directory });
  const lane = new Lane(0, wal.handle.lanes[0]!);
  return { wal, directory, writer: wal.connect(), lane, control: new Control(wal.handle.control) };
}

const bytes = (length: number, value = 1) => ({ operations: [{ code: 1, bytes: new Uint8Array(length).fill(value) }] });
const page = (pageNumber: number, more = {}) => ({ pages: [{ pageNumber, image: new Uint8Array(512) }], ...more });

/** What became of each, in the order of the calls: its sequence, or the code of its error. */
function outcomes(appends: readonly Promise<{ seq: number }>[]): Promise<(number | string)[]> {
  const told = (error: unknown): string => (error instanceof WalError ? error.code : `untyped: ${error}`);
  return Promise.all(appends.map((append) => append.then(({ seq }) => seq, told)));
}

function codeOf(act: () => unknown): string {
  try {
    act();
    return 'nothing';
  } catch (error) {
    return error instanceof WalError ? error.code : `untyped: ${error}`;
  }
}

describe('appends of one turn', () => {
  test('enter in the order of the calls, with one guard, one lock and one look at the flusher', async () => {
    const { writer, lane } = await open();
    const guard = vi.spyOn(atomics, 'store64');
    const lock = vi.spyOn(atomics, 'compareExchange');
    const tails: number[] = [];
    const appends = [1, 2, 3, 4].map((value) => writer.appendAsync(bytes(10, value)));
    tails.push(lane.tail.load());
    expect(await outcomes(appends)).toEqual([1, 2, 3, 4]);
    tails.push(lane.tail.load());
    expect(tails[0]).toBe(0);
    expect(tails[1]).toBeGreaterThan(0);
    const { buffer } = lane;
    const ofLane = (spy: { mock: { calls: unknown[][] } }): number =>
      spy.mock.calls.filter(([words]) => (words as Int32Array).buffer === buffer).length;
    // Set and cleared; taken and freed.
    expect([ofLane(guard), ofLane(lock)]).toEqual([2, 2]);
  });

  test('come before whatever the thread does next: append, flush, close, leaving', async () => {
    const { wal, writer } = await open();
    const first = writer.appendAsync(bytes(1));
    expect(writer.append(bytes(1)).seq).toBe(2);
    const third = writer.appendAsync(bytes(1));
    const flushed = wal.flush();
    expect(wal.marks().appendedSeq).toBe(3);
    expect(await flushed).toMatchObject({ durableSeq: 3 });
    const fourth = writer.appendAsync(bytes(1));
    const closed = wal.close();
    expect(await outcomes([first, third, fourth])).toEqual([1, 3, 4]);
    await closed;
    expect(wal.marks().durableSeq).toBe(4);
    const other = await open();
    const left = other.writer.appendAsync(bytes(1));
    other.writer.disconnect();
    expect(await outcomes([left])).toEqual([1]);
  });

  test('are refused one by one', async () => {
    const { writer } = await open();
    const changed = { pages: [{ pageNumber: 1, image: new Uint8Array(512) }] };
    const controller = new AbortController();
    const appends = [
      writer.appendAsync(bytes(1)),
      writer.appendAsync({}),
      writer.appendAsync(changed),
      writer.appendAsync(bytes(1), { signal: controller.signal }),
      writer.appendAsync(bytes(9000)),
      writer.appendAsync(bytes(1)),
    ];
    changed.pages.length = 0;
    controller.abort();
    const refused = 'ERR_WAL_INVALID_ARGUMENT';
    expect(await outcomes(appends)).toEqual([1, refused, refused, 'ERR_WAL_ABORTED', 2, 3]);
  });

  test('are read when they enter: an image that cannot be read refuses its own commit only', async () => {
    const { writer } = await open();
    let reads = 0;
    const image = new Uint8Array(512);
    const moody = {
      pageNumber: 1,
      get image(): Uint8Array {
        reads += 1;
        // Checked when it was staged and when it enters; gone when it is copied.
        if (reads > readsOfChecks) throw new Error('gone');
        return image;
      },
    };
    let readsOfChecks = Number.POSITIVE_INFINITY;
    await writer.appendAsync({ pages: [moody] });
    readsOfChecks = reads - 1;
    reads = 0;
    const appends = [
      writer.appendAsync(bytes(1)),
      writer.appendAsync({ pages: [moody] }),
      writer.appendAsync(bytes(1)),
    ];
    expect(await outcomes(appends)).toEqual([2, 'untyped: Error: gone', 3]);
  });

  test('behind a new size are checked against it', async () => {
    const { writer } = await open();
    writer.append({ dbSizePages: 2 });
    const appends = [
      writer.appendAsync(page(3)),
      writer.appendAsync(page(3, { dbSizePages: 3 })),
      writer.appendAsync(page(3)),
      writer.appendAsync({ dbSizePages: 1 }),
      writer.appendAsync(page(3)),
    ];
    const refused = 'ERR_WAL_INVALID_ARGUMENT';
    expect(await outcomes(appends)).toEqual([refused, 2, 3, 4, refused]);
  });

  test('do not pile up: a full run enters at once, and so do as many bytes as maxParallelCommitBytes', async () => {
    const many = await open({ laneBytes: 2 ** 16 });
    for (let count = 1; count < RUN_COMMITS_MAX; count += 1) void many.writer.appendAsync(bytes(1));
    expect(many.lane.tail.load()).toBe(0);
    void many.writer.appendAsync(bytes(1));
    expect(many.control.commitSeqNext.load()).toBe(RUN_COMMITS_MAX + 1);
    const small = await open({ laneBytes: 2 ** 17, maxParallelCommitBytes: 65_536 });
    void small.writer.appendAsync(bytes(60_000));
    expect(small.lane.tail.load()).toBe(0);
    void small.writer.appendAsync(bytes(60_000));
    expect(small.control.commitSeqNext.load()).toBe(3);
  });

  test('count for what is writable', async () => {
    const { writer } = await open();
    void writer.appendAsync(bytes(2000));
    expect(writer.writable).toBe(true);
    void writer.appendAsync(bytes(3000));
    expect(writer.writable).toBe(false);
  });

  test('are asked for together by whoever waits for one', async () => {
    const { writer, control } = await open();
    const [first] = await Promise.all([1, 2, 3].map(() => writer.appendAsync(bytes(1))));
    const demands = vi.spyOn(atomics, 'compareExchange64');
    const waiting = first!.durable();
    expect(control.demandSeq.load()).toBe(3);
    expect(demands).toHaveBeenCalledTimes(1);
    await waiting;
  });
});

test('M1: appends that were staged before the mode changed go the new way, in their order', async () => {
  const { writer, control, lane } = await open({ lanes: 2 });
  const guards = vi.spyOn(atomics, 'store64');
  const before = [1, 20_000, 1].map((length) => writer.appendAsync(bytes(length)));
  control.mode = 'conservative';
  const behind = [1, 1].map((length) => writer.appendAsync(bytes(length)));
  expect(await outcomes([...before, ...behind])).toEqual([1, 2, 3, 4, 5]);
  // One by one: the ordered path knows no runs.
  const set = guards.mock.calls.filter(([words, , value]) => words.buffer === lane.buffer && value > 0);
  expect(set.length).toBeGreaterThanOrEqual(5);
});

describe('while the lane is full', () => {
  /** A lane with so little room that only a small commit fits, on a disk that takes nothing. */
  async function full({ laneBytes = LANE_BYTES, ...options }: OpenOptions = {}, more = {}) {
    const log = await open({ ...options, laneBytes });
    log.directory.fail(DISK_FULL);
    log.writer.append({ ...bytes(laneBytes - 692), ...more });
    await vi.waitFor(() => expect(log.wal.state).toBe('stalled'));
    return log;
  }

  test('appends keep their order: a small one does not pass a large one', async () => {
    const { writer, directory, lane } = await full();
    const tail = lane.tail.load();
    const appends = [5000, 1, 2000, 1].map((length) => writer.appendAsync(bytes(length)));
    await Promise.resolve();
    expect(lane.tail.load()).toBe(tail);
    directory.heal();
    expect(await outcomes(appends)).toEqual([2, 3, 4, 5]);
  });

  test('one that waits gives up with its signal or its time, and lets those behind it in', async () => {
    const { writer, directory } = await full();
    const controller = new AbortController();
    const large = writer.appendAsync(bytes(5000), { signal: controller.signal });
    const larger = writer.appendAsync(bytes(6000), { timeoutMs: 20 });
    const small = writer.appendAsync(bytes(1));
    await Promise.resolve();
    controller.abort();
    expect(await outcomes([large, larger, small])).toEqual(['ERR_WAL_ABORTED', 'ERR_WAL_STORAGE_FULL', 2]);
    directory.heal();
  });

  test('those behind a new size are checked against it when they enter', async () => {
    const { writer, directory } = await full({ laneBytes: 16_384 }, { dbSizePages: 3 });
    const shrinking = writer.appendAsync({ ...bytes(8000), dbSizePages: 1 });
    const beyond = writer.appendAsync(page(3));
    writer.enterStaged();
    directory.heal();
    expect(await outcomes([shrinking, beyond])).toEqual([2, 'ERR_WAL_INVALID_ARGUMENT']);
  });

  test('one behind it with no time to wait is refused at once', async () => {
    const { writer, directory } = await full();
    const large = writer.appendAsync(bytes(5000));
    writer.enterStaged();
    const refused = writer.appendAsync(bytes(1), { timeoutMs: 0 });
    expect(await outcomes([refused])).toEqual(['ERR_WAL_STORAGE_FULL']);
    // One that blocks looks for itself.
    expect(codeOf(() => writer.append(bytes(5000), { timeoutMs: 0 }))).toBe('ERR_WAL_STORAGE_FULL');
    expect(writer.append(bytes(1)).seq).toBe(2);
    directory.heal();
    expect(await outcomes([large])).toEqual([3]);
  });

  test('a log that fails tells each of them', async () => {
    const { wal, writer, directory } = await full();
    wal.on('failed', () => undefined);
    const appends = [5000, 1, 9000].map((length) => writer.appendAsync(bytes(length)));
    writer.enterStaged();
    directory.heal();
    directory.fail({ on: ['write', 'sync'], errno: 'EIO' });
    expect(await outcomes(appends)).toEqual(['ERR_WAL_POISONED', 'ERR_WAL_POISONED', 'ERR_WAL_POISONED']);
  });
});
