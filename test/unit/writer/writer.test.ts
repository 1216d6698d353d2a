// One thread's writer over a log in memory: back-pressure without blocking, and what a caller may do while it waits.

import { once } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { WalError } from '../../../src/base/errors.js';
import { connectWal } from '../../../src/connect.js';
import { FLUSHER_ID } from '../../../src/flusher/lanes.js';
import { Lane } from '../../../src/lane/lane.js';
import { openWalOn, SimulatedDirectory } from '../../../src/testing.js';
import type { OpenOptions, Wal } from '../../../src/wal.js';
import { DISK_FULL } from '../../support/simulated-disk.js';

const LANE_BYTES = 8192;
let opened: Wal[] = [];

afterEach(async () => {
  for (const wal of opened) await wal.close().catch(() => undefined);
  opened = [];
});

async function open(options: OpenOptions = {}, directory = new SimulatedDirectory()) {
  const settings = { lanes: 1, laneBytes: LANE_BYTES, pageSize: 512, logFileBytes: 65_536, ticker: false, ...options };
  const wal = await openWalOn(directory, settings);
  opened.push(wal);
  return { wal, directory, writer: wal.connect(), lane: new Lane(0, wal.handle.lanes[0]!) };
}

const bytes = (length: number, value = 1) => ({ operations: [{ code: 1, bytes: new Uint8Array(length).fill(value) }] });

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof WalError ? error.code : `untyped: ${error}`),
  );
}

function thrownBy(act: () => unknown): string {
  try {
    act();
    return 'nothing';
  } catch (error) {
    return error instanceof WalError ? error.code : `untyped: ${error}`;
  }
}

describe('an append that waits for space', () => {
  test('without blocking asks for a flush and goes on', async () => {
    const { wal, writer } = await open();
    writer.append(bytes(5000));
    expect(thrownBy(() => writer.append(bytes(5000)))).toBe('ERR_WAL_LANE_FULL');
    const commit = await writer.appendAsync(bytes(5000));
    expect(commit.seq).toBe(2);
    await commit.durable();
    expect(wal.marks().durableSeq).toBe(2);
  });

  test('reads the commit again when there is space, and refuses what is none any more', async () => {
    const { wal, writer } = await open();
    for (const spoil of [
      (pages: { image: Uint8Array }[]) => pages.splice(0),
      (pages: { image: Uint8Array }[]) => pages.splice(0, 1, { ...pages[0]!, image: new Uint8Array(9000) }),
      (pages: { image: Uint8Array }[]) => structuredClone(0, { transfer: [pages[0]!.image.buffer as ArrayBuffer] }),
    ]) {
      writer.append(bytes(7500));
      const pages = [{ pageNumber: 1, image: new Uint8Array(512) }];
      const waiting = codeOf(writer.appendAsync({ pages }));
      // It was tried, and waits.
      writer.enterStaged();
      spoil(pages);
      expect(await waiting).toBe('ERR_WAL_INVALID_ARGUMENT');
    }
    await writer.append(bytes(100)).durable();
    expect(wal.state).toBe('running');
  });

  test('as a jumbo takes the commit as it was when it was called', async () => {
    const { wal, directory, writer } = await open({ maxJumboBytes: 0 });
    writer.append(bytes(20_000));
    const pages = Array.from({ length: 30 }, (_, index) => ({
      pageNumber: index + 1,
      image: new Uint8Array(512).fill(7),
    }));
    const sizes = [{ space: 0, pages: 30 }];
    const waiting = writer.appendAsync({ pages, sizes });
    pages.length = 1;
    sizes[0]!.pages = 3;
    await (await waiting).durable();
    await wal.close();
    const reopened = await open({}, directory);
    expect(reopened.wal.recovery).toMatchObject({ tail: 'clean', lastSeq: 2 });
    expect(thrownBy(() => reopened.writer.append({ pages: [{ pageNumber: 31, image: new Uint8Array(512) }] }))).toBe(
      'ERR_WAL_INVALID_ARGUMENT',
    );
  });

  test('ends with the signal, at once when it has fired', async () => {
    const { writer, directory } = await open();
    directory.fail(DISK_FULL);
    writer.append(bytes(7500));
    const controller = new AbortController();
    const waiting = codeOf(writer.appendAsync(bytes(5000), { signal: controller.signal }));
    controller.abort();
    expect(await waiting).toBe('ERR_WAL_ABORTED');
    expect(await codeOf(writer.appendAsync(bytes(1), { signal: AbortSignal.abort() }))).toBe('ERR_WAL_ABORTED');
    directory.heal();
  });

  test('on a full disk says so when its time is over, and goes on when space is back', async () => {
    const { wal, writer, directory } = await open();
    const told: string[] = [];
    wal.on('stalled', ({ code }) => told.push(code));
    wal.on('resumed', () => told.push('resumed'));
    directory.fail(DISK_FULL);
    writer.append(bytes(7500));
    expect(await codeOf(writer.appendAsync(bytes(5000), { timeoutMs: 30 }))).toBe('ERR_WAL_STORAGE_FULL');
    const waiting = writer.appendAsync(bytes(5000));
    expect(wal.state).toBe('stalled');
    directory.heal();
    await (await waiting).durable();
    expect(told).toEqual(['ERR_WAL_STORAGE_FULL', 'resumed']);
  });

  test('is refused when the log closes or fails', async () => {
    for (const end of ['close', 'fail'] as const) {
      const { wal, writer, directory } = await open();
      wal.on('failed', () => undefined);
      directory.fail(DISK_FULL);
      writer.append(bytes(7500));
      const [appending, ready] = [codeOf(writer.appendAsync(bytes(5000))), codeOf(writer.ready())];
      directory.heal();
      if (end === 'fail') directory.fail({ on: ['write', 'sync'], errno: 'EIO' });
      if (end === 'close') void wal.close();
      const expected = end === 'fail' ? 'ERR_WAL_POISONED' : 'ERR_WAL_CLOSED';
      expect(await appending).toBe(expected);
      expect(['resolved', expected]).toContain(await ready);
    }
  });

  test('for a lane that another writer is inside looks again, although no turn tells of it', async () => {
    const { writer, lane } = await open();
    lane.lock.tryAcquire(99);
    expect(await codeOf(writer.appendAsync(bytes(10), { timeoutMs: 5 }))).toBe('ERR_WAL_TIMEOUT');
    const waiting = writer.appendAsync(bytes(10));
    setImmediate(() => lane.lock.release(99));
    expect((await waiting).seq).toBe(1);
  });

  test.each([Number.NaN, -1, '5', null])('for the time %s is refused', async (timeoutMs) => {
    const { writer } = await open();
    const options = { timeoutMs: timeoutMs as number };
    expect(thrownBy(() => writer.append(bytes(1), options))).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(await codeOf(writer.appendAsync(bytes(1), options))).toBe('ERR_WAL_INVALID_ARGUMENT');
  });
});

describe('a writer', () => {
  test('is the same for a thread, until it leaves', async () => {
    const { wal, writer } = await open();
    expect(await connectWal(wal.handle)).toBe(writer);
    writer.disconnect();
    const another = await connectWal(wal.handle);
    expect(another).not.toBe(writer);
    expect(another.append(bytes(1)).seq).toBe(1);
  });

  test('that left takes nothing more, jumbos above all: nobody would receive them', async () => {
    const { wal, writer, lane } = await open();
    writer.append(bytes(7500));
    const waiting = codeOf(writer.appendAsync(bytes(5000)));
    const jumbo = codeOf(writer.appendAsync(bytes(20_000)));
    writer.disconnect();
    expect(await waiting).toBe('ERR_WAL_CLOSED');
    expect(['ERR_WAL_CLOSED', 'resolved']).toContain(await jumbo);
    expect(thrownBy(() => writer.append(bytes(20_000)))).toBe('ERR_WAL_CLOSED');
    expect(await codeOf(writer.ready())).toBe('ERR_WAL_CLOSED');
    const another = await connectWal(wal.handle);
    await another.append(bytes(20_000)).durable();
    expect([wal.state, lane.jumboBytes()]).toEqual(['running', 0]);
  });

  test('is not to be had of a log that is closed, or by what is no handle', async () => {
    const { wal } = await open();
    const { handle } = wal;
    const other = await open();
    await wal.close();
    expect(await codeOf(connectWal(handle))).toBe('ERR_WAL_CLOSED');
    expect(await codeOf(connectWal({ ...other.wal.handle, memoryVersion: 99 }))).toBe('ERR_WAL_VERSION');
    for (const strange of [null, {}, 'handle', { kind: 'lanewal' }]) {
      const code = await codeOf((async () => connectWal(strange as never))());
      expect(code, JSON.stringify(strange)).toBe('ERR_WAL_INVALID_ARGUMENT');
    }
  });

  test('bounds jumbos in flight, but lets one through', async () => {
    const { writer, lane } = await open({ maxJumboBytes: 50_000 });
    writer.append(bytes(40_000));
    expect(thrownBy(() => writer.append(bytes(40_000)))).toBe('ERR_WAL_LANE_FULL');
    await (await writer.appendAsync(bytes(40_000))).durable();
    await writer.append(bytes(90_000)).durable();
    expect(lane.jumboBytes()).toBe(0);
  });

  test('refuses a commit that no frame can hold before anything is copied', async () => {
    const { writer, lane } = await open();
    const operations = Array.from({ length: 129 }, () => ({ code: 1, bytes: SIXTEEN_MIB }));
    expect(thrownBy(() => writer.append({ operations }))).toBe('ERR_WAL_RECORD_TOO_LARGE');
    expect(lane.tail.load()).toBe(0);
  });
});

const SIXTEEN_MIB = new Uint8Array(16 * 2 ** 20);

describe('many logs at once', () => {
  test('add no listeners of their own to the process', async () => {
    const before = process.eventNames().map((name) => process.listenerCount(name));
    const events = process.eventNames();
    for (let count = 0; count < 12; count += 1) await open();
    const added = process.eventNames().map((name) => process.listenerCount(name) - (before[events.indexOf(name)] ?? 0));
    expect(Math.max(...added)).toBeLessThanOrEqual(1);
  });
});

describe('a checkpoint', () => {
  test('releases what an earlier one left, and that of a broken directory fails the log', async () => {
    const { wal, writer, directory } = await open();
    wal.on('failed', () => undefined);
    for (let round = 0; round < 30; round += 1) await (await writer.appendAsync(bytes(7000))).durable();
    const { durableSeq } = wal.marks();
    directory.fail({ on: 'rename', errno: 'ENOSPC' });
    const before = (await wal.files()).length;
    expect(before).toBeGreaterThan(2);
    await wal.checkpoint({ throughSeq: durableSeq - 1 });
    expect(await wal.files()).toHaveLength(before);
    directory.heal();
    await wal.checkpoint({ throughSeq: durableSeq - 1 });
    expect((await wal.files()).length).toBeLessThan(before);
    for (let round = 0; round < 30; round += 1) await (await writer.appendAsync(bytes(7000))).durable();
    directory.fail({ on: 'rename', errno: 'EIO' });
    expect(await codeOf(wal.checkpoint({ throughSeq: wal.marks().durableSeq }))).toBe('ERR_WAL_IO');
    expect(wal.state).toBe('failed');
  });

  test('beyond the durable mark is refused', async () => {
    const { wal } = await open();
    expect(await codeOf(wal.checkpoint({ throughSeq: 1 }))).toBe('ERR_WAL_INVALID_ARGUMENT');
  });
});

test.each(['closed', 'failed'])('a log that is %s takes no lock from a writer that lives (I6)', async (end) => {
  const { wal, directory, writer, lane } = await open();
  const writerId = FLUSHER_ID + 1;
  writer.append(bytes(10));
  // As if the writer's thread stood between two steps of an append.
  expect(lane.lock.tryAcquire(writerId)).toBe(true);
  if (end === 'failed') directory.fail({ on: 'sync', errno: 'EIO', times: 1 });
  await wal.close().catch(() => undefined);
  // Ports that were closed before this one have told it by now.
  const { port1 } = new MessageChannel();
  port1.close();
  await once(port1, 'close');
  await new Promise((resolve) => setImmediate(resolve));
  lane.lock.release(writerId);
  expect(wal.counters().writersReaped).toBe(0);
});
