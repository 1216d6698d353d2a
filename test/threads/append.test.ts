// Appending and waiting from real threads, over the built package and a directory of the file system.

import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type OpenOptions, openWal, recoverWal, type Wal, WalError } from '../../src/index.js';
import { Lane } from '../../src/lane/lane.js';
import { LogThread } from '../support/log-threads.js';
import { scratchFolder } from '../support/program.js';

const MIB = 2 ** 20;

let folder = '';
beforeEach(() => {
  folder = scratchFolder('append');
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

function open(options: OpenOptions = {}): Promise<Wal> {
  return openWal(join(folder, 'db'), { pageSize: 512, lanes: 2, laneBytes: 65_536, logFileBytes: MIB, ...options });
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof WalError ? error.code : `untyped: ${error}`),
  );

const bytes = (length: number, value = 1) => ({ operations: [{ code: 1, bytes: new Uint8Array(length).fill(value) }] });

/** A commit of about `mib` MiB in operations of 16 MiB. */
const large = (mib: number) => ({
  operations: Array.from({ length: mib / 16 }, (_, index) => ({ code: index + 1, bytes: new Uint8Array(16 * MIB) })),
});

/** Keeps the flusher from sealing anything: as a writer of the last lane that is preempted within its append. */
async function withGuard(wal: Wal, act: () => Promise<void>): Promise<void> {
  const { guard } = new Lane(2, wal.handle.lanes[2]!);
  guard.store(1);
  await act();
  guard.store(0);
}

describe('several threads', () => {
  test('append side by side, each in its own lane, and every wait ends', async () => {
    const wal = await open({ lanes: 3 });
    const threads = await Promise.all([LogThread.start(wal, 'appendDurably'), LogThread.start(wal, 'appendDurably')]);
    expect(new Set([wal.connect().lane, ...threads.map(({ lane }) => lane)]).size).toBe(3);
    const own = Array.from({ length: 50 }, (_, index) => wal.connect().append(bytes(index)).durable());
    await Promise.all(own);
    for (const thread of threads) thread.blockUntil(30);
    await Promise.all(threads.map((thread) => thread.stop()));
    const done = threads.reduce((sum, { count }) => sum + count, 50);
    expect(wal.marks().durableSeq).toBe(done);
    expect(wal.counters()).toMatchObject({ commits: done, voids: 0, lanesUsed: 3 });
    await wal.close();
  });

  test('hear of durable ranges that are contiguous and in order', async () => {
    const wal = await open();
    const ranges: { firstSeq: number; lastSeq: number }[] = [];
    wal.onDurable((range) => ranges.push(range));
    const thread = await LogThread.start(wal, 'appendDurably');
    thread.blockUntil(40);
    await thread.stop();
    await wal.connect().append(bytes(1)).durable();
    const last = wal.marks().durableSeq;
    await wal.close();
    while (ranges.at(-1)?.lastSeq !== last) await new Promise((resolve) => setImmediate(resolve));
    let next = 1;
    for (const { firstSeq, lastSeq } of ranges) {
      expect(firstSeq).toBe(next);
      expect(lastSeq).toBeGreaterThanOrEqual(firstSeq);
      next = lastSeq + 1;
    }
  });

  test('may be closed under: what was acknowledged is there, later appends are refused', async () => {
    const wal = await open();
    const thread = await LogThread.start(wal, 'serve');
    const { seq } = await thread.ask({ ask: 'appendDurable', bytes: 100, timeoutMs: 20_000 });
    await thread.ask({ ask: 'append', bytes: 100 });
    await Promise.all([wal.close(), wal.close()]);
    expect(() => wal.connect().append(bytes(1))).toThrow(expect.objectContaining({ code: 'ERR_WAL_CLOSED' }));
    expect((await thread.ask({ ask: 'append', bytes: 1 })).code).toBe('ERR_WAL_CLOSED');
    expect((await thread.ask({ ask: 'waitDurable', timeoutMs: 1000 })).seq).toBe((seq as number) + 1);
    await thread.worker.terminate();
    const sequences: number[] = [];
    const report = await recoverWal(join(folder, 'db'), { into: (commit) => void sequences.push(commit.seq) });
    expect(sequences).toEqual([1, 2]);
    expect(report.tail).toBe('clean');
  });
});

describe('a wait', () => {
  test('that is bounded or aborted ends, and the commit goes on', async () => {
    const wal = await open({ ticker: false, lanes: 3 });
    const thread = await LogThread.start(wal, 'serve');
    await withGuard(wal, async () => {
      const commit = wal.connect().append(bytes(1));
      const controller = new AbortController();
      const aborted = codeOf(commit.durable({ signal: controller.signal }));
      const late = codeOf(commit.durable({ timeoutMs: 1 }));
      controller.abort();
      expect(await aborted).toBe('ERR_WAL_ABORTED');
      expect(await late).toBe('ERR_WAL_TIMEOUT');
      expect(() => commit.waitDurable(1)).toThrow(expect.objectContaining({ code: 'ERR_WAL_TIMEOUT' }));
      expect((await thread.ask({ ask: 'appendDurable', bytes: 1, timeoutMs: 1 })).code).toBe('ERR_WAL_TIMEOUT');
      expect(await codeOf(wal.advanceAndFlush({ timeoutMs: 1 }))).toBe('ERR_WAL_TIMEOUT');
    });
    await wal.flush();
    expect(wal.marks().durableSeq).toBe(2);
    await thread.worker.terminate();
    await wal.close();
  });

  test('for space ends with a typed error, and nothing was written', async () => {
    const wal = await open({ ticker: false, lanes: 3 });
    const thread = await LogThread.start(wal, 'serve');
    await withGuard(wal, async () => {
      // Sequence 1 is the guard's, so that nothing of the lanes can be sealed.
      wal.connect().append(bytes(60_000));
      await thread.ask({ ask: 'append', bytes: 60_000 });
      expect(() => wal.connect().append(bytes(60_000))).toThrow(expect.objectContaining({ code: 'ERR_WAL_LANE_FULL' }));
      expect(() => wal.connect().append(bytes(60_000), { timeoutMs: 1 })).toThrow(
        expect.objectContaining({ code: 'ERR_WAL_TIMEOUT' }),
      );
      expect((await thread.ask({ ask: 'append', bytes: 60_000, timeoutMs: 1 })).code).toBe('ERR_WAL_TIMEOUT');
      expect(wal.connect().writable).toBe(false);
    });
    await wal.connect().ready();
    await wal.connect().append(bytes(60_000)).durable();
    expect(wal.marks().durableSeq).toBe(3);
    await thread.worker.terminate();
    await wal.close();
  });
});

describe('a jumbo of 64 MiB through lanes of 1 MiB', () => {
  test('from the main thread and from another one is written whole, in its place', async () => {
    const wal = await open({ laneBytes: MIB, fsync: 'off' });
    const thread = await LogThread.start(wal, 'serve');
    wal.connect().append(bytes(100));
    const commit = await wal.connect().appendAsync(large(64));
    const other = await thread.ask({ ask: 'appendDurable', bytes: 64 * MIB, timeoutMs: 30_000 });
    await commit.durable();
    const last = wal.connect().append(bytes(100));
    await last.durable();
    expect(wal.counters()).toMatchObject({ jumbos: 2, commits: 4 });
    await thread.worker.terminate();
    await wal.close();
    const sizes: number[][] = [];
    await recoverWal(join(folder, 'db'), {
      into: ({ seq, bytes: length }) => void sizes.push([seq, Math.floor(length / MIB)]),
    });
    expect(sizes).toEqual(
      [
        [1, 0],
        [commit.seq, 64],
        [other.seq, 64],
        [last.seq, 0],
      ].sort((a, b) => a[0]! - b[0]!),
    );
  });
});

describe('the policies', () => {
  async function counted(fsync: 'full' | 'normal' | 'off') {
    const wal = await open({ fsync, epochIntervalMs: 1000, logFileBytes: 4 * MIB });
    for (let round = 0; round < 20; round += 1) await wal.connect().append(bytes(100)).written();
    const { epochs, syncs, directorySyncs } = wal.counters();
    const { durableSeq, writtenSeq } = wal.marks();
    await wal.close();
    return { epochs, syncs, directorySyncs, durableSeq, writtenSeq };
  }

  test('full syncs each epoch', async () => {
    const { epochs, syncs } = await counted('full');
    expect(syncs).toBeGreaterThanOrEqual(epochs - 1);
    expect(epochs).toBeGreaterThanOrEqual(20);
  });

  test('normal has fewer syncs than epochs, and loses nothing at a close', async () => {
    const { epochs, syncs, writtenSeq } = await counted('normal');
    expect(writtenSeq).toBe(20);
    expect(syncs).toBeLessThan(epochs);
    const report = await recoverWal(join(folder, 'db'), { into: () => undefined });
    expect([report.lastSeq, report.tail]).toEqual([20, 'clean']);
  });

  test('off never syncs, and durable is what written is', async () => {
    expect(await counted('off')).toMatchObject({ syncs: 0, directorySyncs: 0, durableSeq: 20, writtenSeq: 20 });
  });
});

describe('the ticker by hand', () => {
  test('nothing moves without it but by flushes, and a signal stops it behind a drain', async () => {
    const wal = await open({ ticker: false });
    expect(wal.isRunning).toBe(false);
    wal.connect().append(bytes(1));
    expect(await wal.advanceAndFlush()).toEqual({ durableSeq: 1, durableEpoch: 1 });
    const controller = new AbortController();
    await wal.start({ signal: controller.signal });
    await wal.start();
    expect(wal.isRunning).toBe(true);
    wal.connect().append(bytes(1));
    // Nobody demands: only the tick seals it.
    while (wal.marks().durableSeq < 2) await wal.files();
    wal.connect().append(bytes(1));
    controller.abort();
    expect(wal.isRunning).toBe(false);
    while (wal.marks().durableSeq < 3) await wal.files();
    await wal.stop();
    await wal.start({ signal: AbortSignal.abort() });
    expect(wal.isRunning).toBe(false);
    await wal.close();
  });
});
