// Goal: entries are found by place as well as in order: newest first, by id, by file; and files are left, counted and let
// go as they are told to. Method: logs in memory, whose entries are their own ids; what is read one way is compared with
// what is read the other way.

import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { FileAge } from '../../../src/flusher/file-age.js';
import {
  bytesCodec,
  type EntryFile,
  type LoggedEntry,
  openMemoryLog,
  type TypedLog,
  WalError,
} from '../../../src/index.js';
import { testSeed } from '../../support/workload-check.js';

const SETTINGS = { lanes: 2, laneBytes: 65_536, logFileBytes: 65_536, epochIntervalMs: 1 };

const opened: TypedLog<never>[] = [];

async function open<E = number>(options: object = {}): Promise<TypedLog<E>> {
  const log = await openMemoryLog<E>({ ...SETTINGS, ...options });
  opened.push(log as unknown as TypedLog<never>);
  return log;
}

afterEach(async () => {
  for (const log of opened.splice(0)) await log.close().catch(() => undefined);
});

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'resolved',
    (error: WalError) => error.code,
  );

const idsOf = (entries: readonly (LoggedEntry<unknown> | undefined)[]): unknown[] => entries.map((each) => each?.id);
const upTo = (last: number, first = 1): number[] => Array.from({ length: last - first + 1 }, (_, at) => first + at);

/** Appends `sizes.length` batches, flushing behind each that `isFlushed` says. */
async function write(log: TypedLog<number>, sizes: readonly { count: number; isFlushed: boolean }[]): Promise<number> {
  let last = log.lastId;
  for (const { count, isFlushed } of sizes) {
    log.appendBatch(upTo(last + count, last + 1));
    last += count;
    if (isFlushed) await log.flush();
  }
  await log.flush();
  return last;
}

describe('backward', () => {
  test('gives what forward gives, turned round, and ids give the same again', async () => {
    const batch = fc.record({ count: fc.integer({ min: 0, max: 20 }), isFlushed: fc.boolean() });
    const law = async (sizes: { count: number; isFlushed: boolean }[], cut: number, at: number, limit: number) => {
      const log = await open();
      const last = await write(log, sizes);
      await log.truncateBefore(Math.max(1, Math.min(last + 1, cut)));
      const { firstId } = log;
      const forward = await log.collect();
      expect(await log.collect({ backward: true })).toEqual(forward.toReversed());
      const from = Math.max(firstId, at);
      const expected = forward.filter(({ id }) => id <= from).toReversed();
      expect(await log.collect({ backward: true, from, limit })).toEqual(expected.slice(0, limit));
      const ids = [at, Math.max(1, last), firstId, 1, at, last + 1];
      expect(await log.get(ids)).toEqual(ids.map((id) => forward.find((each) => each.id === id)));
      await log.close();
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(batch, { maxLength: 12 }),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 120 }),
        fc.integer({ min: 0, max: 30 }),
        law,
      ),
      { seed: testSeed('backward'), numRuns: 15 },
    );
  });

  test('goes over files, reads what the codec refuses as forward does, and not what is truncated', async () => {
    const log = await open<Uint8Array>({ codec: bytesCodec });
    for (let id = 1; id <= 300; id += 1) {
      log.append(new Uint8Array(1000).fill(id));
      if (id % 20 === 0) await log.flush();
    }
    await log.flush();
    expect((await log.stats()).files).toBeGreaterThan(3);
    expect(idsOf(await log.collect({ backward: true }))).toEqual(upTo(300).reverse());
    const [entry] = await log.collect({ backward: true, from: 77, limit: 1 });
    expect([entry?.id, entry?.entry[999]]).toEqual([77, 77]);
    await log.truncateBefore(100);
    expect(await codeOf(log.collect({ backward: true, from: 99 }))).toBe('ERR_WAL_OVERTAKEN');
    expect(idsOf(await log.get([99, 100, 300, 301, 100]))).toEqual([undefined, 100, 300, undefined, 100]);
    expect(await codeOf(log.get([0]))).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(await codeOf(log.collect({ backward: true, follow: true } as never))).toBe('ERR_WAL_INVALID_ARGUMENT');
  });

  test('keeps what is still to be read, until its reader leaves', async () => {
    const log = await open<Uint8Array>({ codec: bytesCodec });
    for (let id = 1; id <= 300; id += 1) {
      log.append(new Uint8Array(1000).fill(id));
      if (id % 20 === 0) await log.flush();
    }
    const before = (await log.files()).length;
    const seen: number[] = [];
    for await (const { id } of log.entries({ backward: true })) {
      seen.push(id);
      if (id === 290) await log.truncateBefore(280);
      if (id === 200) {
        expect((await log.files()).length).toBe(before);
        break;
      }
    }
    expect(seen).toEqual(upTo(300, 200).reverse());
    await log.truncateBefore(290);
    expect((await log.files()).length).toBeLessThan(before);
  });

  test('an entry that the codec refuses ends it, is left out, or fails it', async () => {
    const codec = {
      encode: (entry: number) => Uint8Array.of(entry),
      decode(bytes: Uint8Array) {
        if (bytes[0] === 7) throw new Error('no seven');
        return bytes[0] as number;
      },
    };
    const log = await open<number>({ codec });
    await write(log, [{ count: 10, isFlushed: true }]);
    const read = (mode: 'strict' | 'bestEffort' | 'salvage') => log.collect({ backward: true, mode });
    expect(await codeOf(read('strict'))).toBe('ERR_WAL_CORRUPT');
    expect(idsOf(await read('bestEffort'))).toEqual([10, 9, 8]);
    expect(idsOf(await read('salvage'))).toEqual([10, 9, 8, 6, 5, 4, 3, 2, 1]);
    expect(await codeOf(log.get([7]))).toBe('ERR_WAL_CORRUPT');
  });
});

describe('log files', () => {
  test('say which entries are in them, and are left on demand', async () => {
    const log = await open();
    await log.rotate();
    const rotated: EntryFile[] = [];
    log.observe({ rotated: (file) => void rotated.push(file) });
    await write(log, [{ count: 10, isFlushed: true }]);
    await log.rotate();
    await log.rotate();
    await write(log, [
      { count: 5, isFlushed: true },
      { count: 5, isFlushed: true },
    ]);
    const { ranges, files, spareFiles } = await log.stats();
    expect(ranges.map(({ firstId, lastId, entries, isCurrent }) => [firstId, lastId, entries, isCurrent])).toEqual([
      [1, 10, 10, false],
      [11, 20, 10, true],
    ]);
    expect([files, spareFiles]).toEqual([2, 0]);
    expect(rotated.map(({ firstId, lastId }) => [firstId, lastId])).toEqual([[1, 10]]);
    const [first] = ranges as [EntryFile];
    const [one] = await log.collect({ limit: 1 });
    expect([first.firstMs, first.lastMs! >= first.firstMs!]).toEqual([one?.wallClockMs, true]);
  });

  test('that are let go are kept to be used again, as many as is said', async () => {
    for (const spareFilesMax of [1, 3]) {
      const log = await open<number>({ spareFilesMax });
      for (let round = 1; round <= 6; round += 1) {
        await write(log, [{ count: 10, isFlushed: true }]);
        await log.rotate();
      }
      for (const id of [60, 61]) await log.truncateBefore(id);
      const { spareFiles, files } = await log.stats();
      expect([spareFiles, files]).toEqual([spareFilesMax, 1]);
      await log.close();
    }
  });

  test('are left when they are old, and never for a mark or an empty file', async () => {
    vi.useFakeTimers();
    try {
      let leaves = 0;
      let isFull = false;
      const age = new FileAge(1000, 1, () => {
        leaves += 1;
        return isFull ? Promise.reject(new Error('full')) : Promise.resolve();
      });
      age.appended(1);
      await vi.advanceTimersByTimeAsync(5000);
      expect(leaves).toBe(0);
      age.appended(2);
      await vi.advanceTimersByTimeAsync(999);
      age.appended(3);
      expect(leaves).toBe(0);
      isFull = true;
      await vi.advanceTimersByTimeAsync(1);
      expect(leaves).toBe(1);
      isFull = false;
      await vi.advanceTimersByTimeAsync(1000);
      expect(leaves).toBe(2);
      await vi.advanceTimersByTimeAsync(5000);
      expect(leaves).toBe(2);
      age.appended(4);
      age.left();
      await vi.advanceTimersByTimeAsync(5000);
      age.appended(5);
      age.end();
      age.appended(6);
      await vi.advanceTimersByTimeAsync(5000);
      expect(leaves).toBe(2);
    } finally {
      vi.useRealTimers();
    }
  });

  test('logFileAgeMs: are left without anybody asking', async () => {
    const log = await open({ logFileAgeMs: 5 });
    const rotated = new Promise<EntryFile>((resolve) => log.observe({ rotated: resolve }));
    await write(log, [{ count: 3, isFlushed: true }]);
    expect((await rotated).lastId).toBe(3);
  });
});

describe('an observer', () => {
  test('hears of appends, flushes and syncs, and of nothing once it has left', async () => {
    const log = await open({ flush: 'manual', epochIntervalMs: undefined });
    const heard: unknown[] = [];
    const leave = log.observe({
      appended: ({ seq, count }) => heard.push(['appended', seq, count]),
      flushed: ({ firstSeq, lastSeq }) => heard.push(['flushed', firstSeq, lastSeq]),
      synced: ({ firstSeq, lastSeq }) => heard.push(['synced', firstSeq, lastSeq]),
    });
    log.append(1);
    log.appendBatch([2, 3]);
    log.appendBatch([]);
    await log.flush();
    await vi.waitFor(() => expect(heard).toHaveLength(4));
    expect(heard.slice(0, 2)).toEqual([
      ['appended', 1, 1],
      ['appended', 2, 2],
    ]);
    expect(heard.slice(2).sort()).toEqual([
      ['flushed', 1, 2],
      ['synced', 1, 2],
    ]);
    leave();
    await log.appendDurable(4);
    expect(heard).toHaveLength(4);
  });

  test('keeps a file with its veto, its silence or its throw, and sees what is in it', async () => {
    for (const veto of ['false', 'silence', 'throw'] as const) {
      const log = await open();
      await write(log, [{ count: 10, isFlushed: true }]);
      await log.rotate();
      await write(log, [{ count: 10, isFlushed: true }]);
      await log.rotate();
      const asked: EntryFile[] = [];
      let mayGo = (): boolean | Promise<boolean> => {
        if (veto === 'throw') throw new Error('no');
        return veto === 'false' ? false : new Promise<boolean>(() => undefined);
      };
      const leave = log.observe({
        mayGo(file) {
          asked.push(file);
          return mayGo();
        },
      });
      await log.truncateBefore(21);
      await vi.waitFor(() => expect(asked.length).toBeGreaterThan(0));
      expect(asked[0]).toMatchObject({ firstId: 1, lastId: 10, entries: 10 });
      await log.truncateBefore(21);
      expect((await log.files()).map(({ keptBy }) => keptBy)).toContain('observer');
      mayGo = () => true;
      leave();
      await vi.waitFor(async () => expect(await log.files()).toHaveLength(1));
      await log.close();
    }
  });
});

describe('a running log', () => {
  test('takes another policy and another bound of entries', async () => {
    const log = await open<Uint8Array>({ codec: bytesCodec, entryBytesMax: 100 });
    expect(log.wal.isRunning).toBe(true);
    await log.reconfigure({ flush: 'manual', entryBytesMax: 10 });
    expect(log.wal.isRunning).toBe(false);
    expect(() => log.append(new Uint8Array(11))).toThrow(WalError);
    log.append(new Uint8Array(10));
    expect(log.lastId).toBe(0);
    expect(log.handle.settings.entryBytesMax).toBe(10);
    await log.reconfigure({ flush: { every: 2 } });
    log.append(new Uint8Array(10));
    log.append(new Uint8Array(10));
    await log.wal.durable({ seq: 2 });
    expect(log.lastId).toBeGreaterThanOrEqual(2);
    for (const change of [{ entryBytesMax: 0 }, { flush: 'never' }, { flush: { intervalMs: 5 } }] as never[])
      expect(await codeOf(log.reconfigure(change))).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(log.handle.settings).toMatchObject({ entryBytesMax: 10, every: 2 });
  });

  test('takes an entry of up to 100 MiB if it is asked to', async () => {
    const log = await open<Uint8Array>({ codec: bytesCodec, entryBytesMax: 100 * 2 ** 20 });
    const entry = new Uint8Array(17 * 2 ** 20).fill(5);
    const { seq } = log.append(entry);
    await log.wal.durable({ seq });
    const [read] = await log.get([1]);
    expect([read?.entry.length, read?.entry.at(-1)]).toEqual([entry.length, 5]);
    expect(await codeOf(openMemoryLog({ entryBytesMax: 100 * 2 ** 20 + 1 }))).toBe('ERR_WAL_INVALID_ARGUMENT');
  });
});
