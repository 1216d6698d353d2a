// Goal: a log of entries gives back what was appended, under ids that go on for ever, as far as it was not truncated.
// Method: logs in memory, opened again over the same memory, and once over directories that fail; what threads and
// crashes do to it is in test/threads/typed-log and test/crash/typed-log.

import { afterEach, describe, expect, test } from 'vitest';
import {
  bytesCodec,
  type Codec,
  type LoggedEntry,
  type MemoryLogOptions,
  openMemoryLog,
  type TypedLog,
  type WalError,
} from '../../../src/index.js';
import { MemoryDirectory, openTypedLogOn } from '../../../src/testing.js';
import { PendingSyncs } from '../../../src/typed/pending-syncs.js';
import { type CommitSpec, LogBuilder } from '../../support/log-builder.js';

const LOG: MemoryLogOptions<number> = { lanes: 2, laneBytes: 65_536, logFileBytes: 65_536, epochIntervalMs: 1 };

let directory: MemoryDirectory;
const opened: TypedLog<never>[] = [];

async function open<E = number>(
  options: MemoryLogOptions<E> = {},
  at = new MemoryDirectory({ pretendSync: options.pretendSync }),
): Promise<TypedLog<E>> {
  directory = at;
  const log = await openMemoryLog<E>({ ...(LOG as MemoryLogOptions<E>), ...options, directory });
  opened.push(log as unknown as TypedLog<never>);
  return log;
}

async function reopen<E = number>(log: TypedLog<E>, options: MemoryLogOptions<E> = {}): Promise<TypedLog<E>> {
  await log.close();
  return open<E>(options, directory);
}

afterEach(async () => {
  for (const log of opened.splice(0)) await log.close().catch(() => undefined);
});

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'resolved',
    (error: WalError) => error.code,
  );

function codeIn(work: () => unknown): unknown {
  try {
    work();
  } catch (thrown) {
    return (thrown as WalError).code;
  }
  return 'none';
}

function upTo(last: number, first = 1): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}

const idsOf = (entries: readonly LoggedEntry<unknown>[]): number[] => entries.map(({ id }) => id);
const entriesOf = <E>(entries: readonly LoggedEntry<E>[]): E[] => entries.map(({ entry }) => entry);

/** Appends `first` to `last`, whose ids are their values, in batches of several sizes. */
async function write(log: TypedLog<number>, last: number, first = 1): Promise<void> {
  for (let value = first; value <= last; ) {
    const batch = upTo(Math.min(last, value + (value % 4)), value);
    log.appendBatch(batch);
    value += batch.length;
    if (value % 3 === 0) await log.flush();
  }
  await log.flush();
}

describe('ids', () => {
  test('count entries from 1, over batches, other commits and openings', async () => {
    let log = await open();
    expect([log.firstId, log.lastId, log.count()]).toEqual([1, 0, 0]);
    expect(await log.appendDurable(1)).toBe(1);
    const batch = log.appendBatch([2, 3, 4]);
    log.writer.append({ operations: [{ code: 77, bytes: new Uint8Array(3) }] });
    log.writer.append({ operations: [{ code: 1, bytes: new Uint8Array(3), space: 5 }] });
    const single = log.append(5);
    expect([batch.count, single.count]).toEqual([3, 1]);
    expect(await single.ids()).toEqual({ firstId: 5, lastId: 5 });
    expect(await batch.ids()).toEqual({ firstId: 2, lastId: 4 });
    log = await reopen(log);
    expect(log.recovery.cleanlyClosed).toBe(true);
    expect(log.lastId).toBe(5);
    expect(await log.appendDurable(6)).toBe(6);
    const all = await log.collect();
    expect([idsOf(all), entriesOf(all)]).toEqual([upTo(6), upTo(6)]);
  });

  test('of long past commits are found as well', async () => {
    const log = await open({ laneBytes: 2 ** 20, logFileBytes: 2 ** 20 });
    const first = log.append(0);
    const batch = log.appendBatch([1, 2]);
    const later = [];
    for (let round = 0; round < 70; round += 1) {
      for (let each = 0; each < 1000; each += 1) later.push(log.append(each));
      await log.flush();
      expect(log.count()).toBe(3 + later.length);
    }
    expect(await first.ids()).toEqual({ firstId: 1, lastId: 1 });
    expect(await batch.ids()).toEqual({ firstId: 2, lastId: 3 });
    expect(await later.at(-1)!.ids()).toEqual({ firstId: 70_003, lastId: 70_003 });
  });

  test('have no gap where a writer died and left a void', async () => {
    const memory = new MemoryDirectory({ pretendSync: true });
    const entry = (id: number): CommitSpec => ({
      operations: [{ code: 1, bytes: new TextEncoder().encode(String(id)) }],
    });
    const isVoid: CommitSpec = { isVoid: true };
    new LogBuilder(memory).start().epoch(entry(1), isVoid, entry(2)).epoch(isVoid).epoch(isVoid, entry(3));
    const log = await openTypedLogOn<number>(memory, { logFileBytes: 65_536, ticker: false });
    opened.push(log as unknown as TypedLog<never>);
    expect((await log.collect()).map(({ id, seq, entry }) => [id, seq, entry])).toEqual([
      [1, 1, 1],
      [2, 3, 2],
      [3, 6, 3],
    ]);
    await log.truncateBefore(3);
    expect([log.firstId, log.lastId, await log.appendDurable(4)]).toEqual([3, 3, 4]);
  });

  test('go on behind what is truncated, also when nothing else is left, through openings', async () => {
    let log = await open();
    for (let round = 1; round <= 5; round += 1) {
      const first = log.lastId + 1;
      await write(log, first + 49, first);
      await log.truncateBefore(log.lastId + 1);
      expect([log.firstId, log.lastId, log.count()]).toEqual([first + 50, first + 49, 0]);
      log = await reopen(log);
      expect([log.firstId, log.lastId]).toEqual([first + 50, first + 49]);
      expect(await log.collect()).toEqual([]);
    }
    expect(await log.appendDurable(7)).toBe(251);
  });
});

describe('batches', () => {
  test('an empty one does nothing', async () => {
    const log = await open();
    const none = log.appendBatch([]);
    await none.durable();
    expect([none.seq, none.count, await none.ids()]).toEqual([0, 0, { firstId: 1, lastId: 0 }]);
    expect(log.wal.marks().appendedSeq).toBe(0);
  });

  test('one of which an entry cannot be encoded is not appended at all', async () => {
    const codec: Codec<number> = {
      encode(entry) {
        if (entry === 13) throw new RangeError('unlucky');
        return Uint8Array.of(entry);
      },
      decode: (bytes) => bytes[0] as number,
    };
    const log = await open({ codec });
    expect(() => log.appendBatch([1, 13, 2])).toThrow('unlucky');
    expect(log.wal.marks().appendedSeq).toBe(0);
    log.appendBatch([1, 2]);
    await log.flush();
    expect(entriesOf(await log.collect())).toEqual([1, 2]);
  });

  test('pages and entries in one commit are replayed both, in order', async () => {
    const log = await open({ pageSize: 512 });
    const image = new Uint8Array(512).fill(7);
    const { seq } = log.appendBatch([1, 2], { txnId: 9, dbSizePages: 3, pages: [{ pageNumber: 2, image }] });
    await log.flush();
    expect(entriesOf(await log.collect())).toEqual([1, 2]);
    const { value: commit } = await log.wal.commits({ from: seq }).next();
    expect(commit?.txnId).toBe(9);
    expect(commit?.records.map(({ kind }) => kind)).toEqual(['size', 'page', 'operation', 'operation']);
    expect(await log.wal.read(2)).toEqual(image);
  });
});

describe('reading', () => {
  test('from an id, with a limit', async () => {
    const log = await open();
    await write(log, 100);
    expect(idsOf(await log.collect({ from: 37, limit: 5 }))).toEqual(upTo(41, 37));
    expect(idsOf(await log.collect({ from: 99 }))).toEqual([99, 100]);
    expect(await log.collect({ from: 101 })).toEqual([]);
    expect(await log.collect({ limit: 0 })).toEqual([]);
    for (const from of [0, 1.5, Number.NaN])
      expect(await codeOf(log.collect({ from }))).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(await codeOf(log.collect({ limit: -1 }))).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(await codeOf(log.collect({ mode: 'lenient' as never }))).toBe('ERR_WAL_INVALID_ARGUMENT');
  });

  test('follows the log, from an id that is still to come, too', async () => {
    const log = await open();
    await write(log, 10);
    const seen: number[] = [];
    const reading = (async () => {
      for await (const { id, entry } of log.entries({ from: 15, follow: true, limit: 20 })) {
        expect(entry).toBe(id);
        seen.push(id);
      }
    })();
    for (let value = 11; value <= 40; value += 1) await log.appendDurable(value);
    await reading;
    expect(seen).toEqual(upTo(34, 15));
  });

  test('that waits for more ends at once when its reader leaves, and when it is aborted', async () => {
    const log = await open();
    await write(log, 3);
    const reading = log.entries({ from: 3, follow: true });
    expect((await reading.next()).value?.id).toBe(3);
    const next = reading.next();
    await reading.return?.();
    expect((await next).done).toBe(true);
    const abort = new AbortController();
    const aborted = codeOf(log.entries({ from: 4, follow: true, signal: abort.signal }).next());
    abort.abort();
    expect(await aborted).toBe('ERR_WAL_ABORTED');
  });

  test('an entry that the codec refuses ends it, is left out, or fails it', async () => {
    const log = await open();
    log.appendBatch([1, 2]);
    log.writer.append({ operations: [{ code: 1, bytes: Uint8Array.of(0xff) }] });
    log.append(4);
    await log.flush();
    const bad: number[] = [];
    const onBadEntry = ({ id }: { id: number }): void => void bad.push(id);
    expect(await codeOf(log.collect())).toBe('ERR_WAL_CORRUPT');
    expect(idsOf(await log.collect({ mode: 'bestEffort', onBadEntry }))).toEqual([1, 2]);
    expect(idsOf(await log.collect({ mode: 'salvage', onBadEntry }))).toEqual([1, 2, 4]);
    expect(bad).toEqual([3, 3]);
  });

  test('of what is truncated is refused', async () => {
    const log = await open();
    await write(log, 20);
    await log.truncateBefore(8);
    expect([log.firstId, log.count()]).toEqual([8, 13]);
    expect(await codeOf(log.collect({ from: 7 }))).toBe('ERR_WAL_OVERTAKEN');
    expect(idsOf(await log.collect())).toEqual(upTo(20, 8));
    await log.truncateBefore(3);
    expect(log.firstId).toBe(8);
    for (const id of [0, 22, 1.5]) expect(await codeOf(log.truncateBefore(id))).toBe('ERR_WAL_INVALID_ARGUMENT');
  });
});

test('truncation frees log files, and ids stay right all the way', async () => {
  const log = await open<Uint8Array>({ codec: bytesCodec, maxLogBytes: 2 ** 20 });
  const entry = (id: number): Uint8Array => new Uint8Array(1000).fill(id);
  for (let id = 1; id <= 3000; id += 1) {
    log.append(entry(id));
    if (id % 50 !== 0) continue;
    await log.flush();
    if (id % 200 !== 0) continue;
    await log.truncateBefore(id - 99);
    expect([log.firstId, log.lastId]).toEqual([id - 99, id]);
    const [first] = await log.collect({ limit: 1 });
    expect([first?.id, first?.entry[0]]).toEqual([id - 99, (id - 99) % 256]);
  }
  const { files, bytes } = await log.stats();
  expect(files).toBeLessThan(10);
  expect(bytes).toBeLessThan(2 ** 20);
});

describe('flush policies', () => {
  test('never change the bytes', async () => {
    const policies = [undefined, 'append', 'manual', { every: 3 }, { intervalMs: 1 }] as const;
    const read: unknown[] = [];
    for (const flush of policies) {
      const base = flush === undefined ? {} : { epochIntervalMs: undefined };
      let log = await open({ ...base, flush, pretendSync: true });
      for (const value of upTo(50)) log.append(value);
      await log.flush();
      log = await reopen(log, { ...base });
      read.push((await log.collect()).map(({ id, seq, entry }) => ({ id, seq, entry })));
    }
    for (const each of read) expect(each).toEqual(read[0]);
    expect(read[0]).toHaveLength(50);
  });

  test.each([
    ['append', 'append' as const, 1],
    ['every three', { every: 3 }, 3],
  ])('%s: entries become durable without anybody waiting', async (_, flush, every) => {
    const log = await open({ flush, epochIntervalMs: undefined });
    for (const value of upTo(2 * every)) log.append(value);
    const durable = new Promise<number>((resolve) => {
      const stop = log.wal.onDurable(({ lastSeq }) => {
        if (lastSeq < 2 * every) return;
        stop();
        resolve(lastSeq);
      });
    });
    // Nothing of this keeps the process alive.
    const hold = setInterval(() => undefined, 1000);
    expect(await durable).toBe(2 * every);
    clearInterval(hold);
  });

  test('manual: nothing is durable until it is asked for', async () => {
    const log = await open({ flush: 'manual', epochIntervalMs: undefined });
    for (const value of upTo(10)) log.append(value);
    await new Promise((resolve) => setImmediate(resolve));
    expect([log.wal.marks().durableSeq, log.lastId]).toEqual([0, 0]);
    await log.flush();
    expect(log.lastId).toBe(10);
  });

  test('what is none, and what contradicts the settings, is refused', async () => {
    for (const flush of ['sometimes', { every: 0 }, { intervalMs: 1.5 }, {}, null] as never[])
      expect(await codeOf(openMemoryLog({ flush }))).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(await codeOf(openMemoryLog({ flush: 'append', ticker: false }))).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(await codeOf(openMemoryLog({ flush: 'append', epochIntervalMs: 5 }))).toBe('ERR_WAL_INVALID_ARGUMENT');
  });
});

test('memory refuses to be synced, unless it is asked to pretend', async () => {
  for (const fsync of ['full', 'normal'] as const) {
    expect(await codeOf(openMemoryLog({ fsync }))).toBe('ERR_WAL_INVALID_ARGUMENT');
    const log = await open({ fsync, pretendSync: true });
    expect(log.wal.settings.fsync).toBe(fsync);
  }
  const log = await open();
  expect(log.wal.settings.fsync).toBe('off');
  log.append(1);
  const syncs = directory.syncCount;
  await log.flush();
  expect([log.lastId, directory.syncCount]).toEqual([1, syncs]);
});

test('entries larger than allowed are refused', async () => {
  const log = await open<Uint8Array>({ codec: bytesCodec, entryBytesMax: 100 });
  log.append(new Uint8Array(100));
  expect(codeIn(() => log.append(new Uint8Array(101)))).toBe('ERR_WAL_RECORD_TOO_LARGE');
  for (const entryBytesMax of [0, 100 * 2 ** 20 + 1])
    expect(await codeOf(openMemoryLog({ entryBytesMax }))).toBe('ERR_WAL_INVALID_ARGUMENT');
  const numbers = await open({ codec: { encode: () => 'text' as never, decode: () => 0 } });
  expect(codeIn(() => numbers.append(1))).toBe('ERR_WAL_INVALID_ARGUMENT');
  const json = await open<unknown>();
  expect(codeIn(() => json.append(undefined))).toBe('ERR_WAL_INVALID_ARGUMENT');
});

describe('asynchronous syncs', () => {
  test('are done when everything that was appended before is durable', async () => {
    const log = await open({ ticker: false });
    for (const value of upTo(5)) log.append(value);
    const sync = await log.syncAsync();
    expect(sync.targetSeq).toBe(5);
    await sync.wait({ timeoutMs: 30_000 });
    expect([sync.poll(), log.wal.marks().durableSeq]).toEqual([true, 5]);
    log.append(6);
    expect(sync.poll()).toBe(true);
  });

  test('wait for one of four that are under way, as long as the options say', async () => {
    let reached = 0;
    let moved = (): void => undefined;
    const turn = new Promise<void>((resolve) => {
      moved = resolve;
    });
    const wait = (): Promise<void> => turn;
    const syncs = new PendingSyncs({ wait, reached: () => reached, waitBlocking: () => undefined });
    const four = await Promise.all([1, 2, 3, 4].map((seq) => syncs.start(seq)));
    expect(four.map(({ poll }) => poll())).toEqual([false, false, false, false]);
    expect(await codeOf(syncs.start(5, { timeoutMs: 0 }))).toBe('ERR_WAL_TIMEOUT');
    expect(await codeOf(syncs.start(5, { signal: AbortSignal.abort() }))).toBe('ERR_WAL_ABORTED');
    expect(await codeOf(syncs.start(5, { timeoutMs: -1 }))).toBe('ERR_WAL_INVALID_ARGUMENT');
    const fifth = syncs.start(5);
    reached = 4;
    moved();
    expect((await fifth).poll()).toBe(false);
    expect(four.map(({ poll }) => poll())).toEqual([true, true, true, true]);
  });
});
