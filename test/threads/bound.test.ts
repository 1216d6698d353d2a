// Goal: with real threads and files a bounded log keeps to its bound, never stops while checkpoints come, and says what
// pins it when they do not.
// Method: workers that append without end against checkpoints that come late; the directory is measured meanwhile.

import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Control } from '../../src/epoch/control.js';
import { connectFlusher, type FlusherClient } from '../../src/flusher/flusher-client.js';
import type { FlusherNotice } from '../../src/flusher/messages.js';
import { attachPageCache, type OpenOptions, openWal, type Wal, WalError } from '../../src/index.js';
import { readCheckpointSlots } from '../../src/log/checkpoint-record.js';
import { LogThread } from '../support/log-threads.js';
import { scratchFolder } from '../support/program.js';

const FILE_BYTES = 65_536;
const MAX_BYTES = 4 * FILE_BYTES;

let folder = '';
beforeEach(() => {
  folder = scratchFolder('bound');
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

function open(options: OpenOptions = {}): Promise<Wal> {
  const bound = { maxLogBytes: MAX_BYTES, logFileBytes: FILE_BYTES, pageSize: 512, laneBytes: 16_384 };
  return openWal(join(folder, 'db'), { ...bound, lanes: 2, ...options });
}

function bytesOnDisk(wal: Wal): number {
  let sum = 0;
  for (const name of fs.readdirSync(wal.directory.path)) {
    // A file may be renamed meanwhile.
    const stat = fs.statSync(join(wal.directory.path, name), { throwIfNoEntry: false });
    if (/\.wal(\.new)?$/.test(name)) sum += stat?.size ?? 0;
  }
  return sum;
}

const bytes = (length: number) => ({ operations: [{ code: 1, bytes: new Uint8Array(length) }] });

async function errorOf(promise: Promise<unknown>): Promise<WalError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(WalError);
  return error as WalError;
}

/** Appends until the log is full and the lanes, too. */
async function fill(wal: Wal): Promise<WalError> {
  const writer = wal.connect();
  const stalled = new Promise((resolve) => wal.once('stalled', resolve));
  for (;;) {
    try {
      for (let count = 0; count < 3; count += 1) writer.append(bytes(3000), { timeoutMs: 0 });
    } catch (error) {
      if (wal.state === 'stalled') return error as WalError;
    }
    await Promise.race([wal.flush(), stalled]);
  }
}

describe('a bounded log', () => {
  test('with four writers and late checkpoints keeps to its bound and never stops', async () => {
    const wal = await open({ lanes: 4 });
    let bytesMax = 0;
    let isRunning = true;
    const checkpoints = (async () => {
      while (isRunning) {
        await new Promise((resolve) => setTimeout(resolve, 3));
        bytesMax = Math.max(bytesMax, bytesOnDisk(wal));
        await wal.checkpoint({ throughSeq: wal.marks().durableSeq });
      }
    })();
    const threads = await Promise.all(Array.from({ length: 4 }, () => LogThread.start(wal, 'appendDurably')));
    const done = (): number => threads.reduce((sum, { count }) => sum + count, 0);
    // Many times the bound, however few bytes the segments have.
    while (wal.counters().bytesWritten < 20 * MAX_BYTES) await new Promise((resolve) => setImmediate(resolve));
    await Promise.all(threads.map((thread) => thread.stop()));
    isRunning = false;
    await checkpoints;
    expect(wal.marks().durableSeq).toBe(done());
    // A listing is no instant: a file that is renamed between two looks may be counted twice.
    expect(bytesMax).toBeLessThanOrEqual(MAX_BYTES + 2 * FILE_BYTES);
    expect(bytesOnDisk(wal)).toBeLessThanOrEqual(MAX_BYTES + FILE_BYTES);
    await wal.close();
  }, 60_000);

  test('that is full names what pins it to whoever appends, waits or closes, and goes on when it is freed', async () => {
    const wal = await open();
    const { pins } = new Control(wal.handle.control);
    const pin = pins.take('reader', 2, wal.connect().writerId);
    const thread = await LogThread.start(wal, 'serve');
    await wal.flush();
    const refused = await fill(wal);
    expect(refused.code).toMatch(/^ERR_WAL_LOG_FULL$/);
    await wal.checkpoint({ throughSeq: wal.marks().durableSeq });
    // Its reason is another one now, which the next look of the flusher leaves.
    const reasonOf = async () => errorOf(wal.durable({ seq: wal.marks().appendedSeq }, { timeoutMs: 20 }));
    let waited = await reasonOf();
    while ((waited.cause as WalError).details.keptBy !== 'reader') waited = await reasonOf();
    expect(waited.code).toBe('ERR_WAL_TIMEOUT');
    expect(waited.cause).toMatchObject({ code: 'ERR_WAL_LOG_FULL', details: { keptBy: 'reader', throughSeq: 2 } });
    expect(waited.message).toContain('reader');
    expect((await thread.ask({ ask: 'append', bytes: 15_000, timeoutMs: 30 })).seq).toBeDefined();
    expect(await thread.ask({ ask: 'append', bytes: 15_000, timeoutMs: 30 })).toEqual({ code: 'ERR_WAL_TIMEOUT' });
    expect(await errorOf(wal.close())).toMatchObject({ code: 'ERR_WAL_LOG_FULL', details: { keptBy: 'reader' } });
    expect(wal.state).toBe('stalled');
    expect((await wal.files())[0]).toMatchObject({ keptBy: 'reader' });
    pins.release(pin);
    await wal.flush();
    expect([wal.state, wal.marks().durableSeq]).toEqual(['running', wal.marks().appendedSeq]);
    await thread.worker.terminate();
    await wal.close();
  }, 60_000);

  test('is freed of the pin of a thread that was terminated', async () => {
    const wal = await open();
    const thread = await LogThread.start(wal, 'serve');
    // Ids are given in order of connecting.
    new Control(wal.handle.control).pins.take('snapshot', 0, wal.connect().writerId + 1);
    await fill(wal);
    await wal.checkpoint({ throughSeq: wal.marks().durableSeq });
    expect((await wal.files())[0]).toMatchObject({ keptBy: 'snapshot' });
    await thread.worker.terminate();
    await wal.flush();
    expect(wal.state).toBe('running');
    await wal.close();
  }, 60_000);

  test('wants a checkpoint in time, and is asked for one by any thread', async () => {
    const wal = await open();
    // How soon files are made ahead decides how often it is told of bytes before it nears its bound.
    const reasons = new Set<string>();
    wal.on('checkpointWanted', (reason) => reasons.add(reason));
    const notices: FlusherNotice[] = [];
    const client: FlusherClient = await connectFlusher(wal.handle, (notice) => notices.push(notice));
    while (reasons.size < 2) {
      wal.connect().append(bytes(5000));
      await wal.flush();
    }
    expect([...reasons].sort()).toEqual(['bytes', 'near full']);
    expect((await client.files()).length).toBeGreaterThan(2);
    const { durableSeq } = await client.flush();
    await client.checkpoint(durableSeq, { sizePages: 3, page1Crc: 4 });
    await client.rotate();
    expect((await client.files()).map(({ keptBy }) => keptBy)).toEqual(['current']);
    expect(readCheckpointSlots(wal.directory).newest).toMatchObject({
      throughSeq: durableSeq,
      store: { sizePages: 3, page1Crc: 4 },
    });
    expect(notices.map(({ kind }) => kind)).toContain('checkpointWanted');
    await wal.close();
    expect(await errorOf(client.flush())).toMatchObject({ code: 'ERR_WAL_CLOSED' });
    expect(await errorOf(connectFlusher(wal.handle, () => undefined))).toMatchObject({ code: 'ERR_WAL_CLOSED' });
  }, 60_000);

  test('with an attached page cache checkpoints itself, also of a page that every commit writes', async () => {
    const wal = await open();
    const path = join(folder, 'db');
    const pages = await attachPageCache(wal, { pageFile: path, cache: new Map() });
    const image = new Uint8Array(512);
    for (let round = 1; round <= 400; round += 1) {
      const transaction = pages.begin();
      transaction.write(1, image.fill(round % 251));
      for (let other = 0; other < 8; other += 1) transaction.write(2 + ((round * 8 + other) % 64), image);
      await transaction.commit().durable();
    }
    expect(wal.counters().bytesWritten).toBeGreaterThan(8 * MAX_BYTES);
    expect(bytesOnDisk(wal)).toBeLessThanOrEqual(MAX_BYTES + FILE_BYTES);
    await wal.close();
    expect(fs.readFileSync(path)[0]).toBe(400 % 251);
  }, 60_000);

  test('closes although it is full when what is attached makes room', async () => {
    const wal = await open({ ticker: false });
    const path = join(folder, 'db');
    const pages = await attachPageCache(wal, { pageFile: path, cache: new Map() });
    const { pins } = new Control(wal.handle.control);
    const pin = pins.take('reader', 0, wal.connect().writerId);
    const write = (value: number): void => {
      const transaction = pages.begin();
      for (let page = 1; page <= 8; page += 1) transaction.write(page, new Uint8Array(512).fill(value));
      transaction.commit();
    };
    let value = 0;
    const stalled = new Promise((resolve) => wal.once('stalled', resolve));
    while (wal.state === 'running') {
      write(++value % 251);
      await Promise.race([wal.flush(), stalled]);
    }
    write(99);
    expect(await errorOf(wal.close())).toMatchObject({ code: 'ERR_WAL_LOG_FULL' });
    pins.release(pin);
    await wal.close();
    expect(fs.readFileSync(path)[0]).toBe(99);
  }, 60_000);
});

describe('observers', () => {
  test.each<[string, () => boolean | Promise<boolean>]>([
    ['false', () => false],
    [
      'a throw',
      () => {
        throw new Error('no');
      },
    ],
    ['a rejection', () => Promise.reject(new Error('no'))],
    ['silence', () => new Promise<boolean>(() => undefined)],
  ])('keep a file by %s, whatever others say, and the record names them', async (_, keep) => {
    const wal = await open();
    for (let index = 0; index < 20; index += 1) {
      wal.connect().append(bytes(6000));
      await wal.flush();
    }
    const asked: number[] = [];
    wal.onRelease(() => true);
    wal.onRelease(({ fileNumber }) => {
      asked.push(fileNumber);
      return keep();
    });
    for (let round = 0; round < 2; round += 1) {
      wal.connect().append(bytes(10));
      await wal.flush();
      await wal.checkpoint({ throughSeq: wal.marks().durableSeq });
      expect((await wal.files())[0]).toMatchObject({ fileNumber: 1, keptBy: 'observer' });
    }
    expect(asked).toContain(1);
    expect(readCheckpointSlots(wal.directory).newest?.held).toMatchObject({ by: 'observer', throughSeq: 0 });
    await wal.close();
  });

  test('that agree, or stop, let every file go', async () => {
    const wal = await open();
    for (let index = 0; index < 20; index += 1) {
      wal.connect().append(bytes(6000));
      await wal.flush();
    }
    const asked: number[] = [];
    const stop = wal.onRelease(({ fileNumber }) => {
      asked.push(fileNumber);
      return fileNumber === 1;
    });
    await wal.checkpoint({ throughSeq: wal.marks().durableSeq });
    while ((await wal.files())[0]?.fileNumber === 1) await wal.checkpoint({ throughSeq: 0 });
    expect(await wal.files()).toMatchObject([{ fileNumber: 2, keptBy: 'observer' }, { keptBy: 'current' }]);
    expect(asked.slice(0, 2)).toEqual([1, 2]);
    stop();
    stop();
    expect((await wal.files()).map(({ keptBy }) => keptBy)).toEqual(['current']);
    await wal.close();
  }, 60_000);
});
