// Goal: every setting does what its row of the table says. Method: logs and stores over memory that differ in one
// setting, and in what becomes of the same work; where one of them is to do nothing, the other has done it by then. A
// test of each setting, here or elsewhere, is listed in test/support/knob-tests.ts.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { OpenOptions, Wal, WalError } from '../../../src/index.js';
import { connectThread } from '../../../src/store/connect.js';
import { ConnectedPageStore } from '../../../src/store/connected-store.js';
import type { StoreOptions } from '../../../src/store/open.js';
import type { PageStore } from '../../../src/store/page-store.js';
import { StoreThread } from '../../../src/store/store-thread.js';
import { MemoryDirectory, openWalOn, PAGE_FILE_NAME } from '../../../src/testing.js';
import { sendPort } from '../../../src/thread/thread-connect.js';
import { poke } from '../../support/log-builder.js';
import { apply, openOn } from '../../support/store-workload.js';

const KIB = 1024;
const MINUTE_MS = 60_000;
const LOG = { pageSize: 512, lanes: 1, laneBytes: 64 * KIB, logFileBytes: 64 * KIB, ticker: false } as const;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function logOf(options: OpenOptions, directory = new MemoryDirectory({ pretendSync: true })): Promise<Wal> {
  const wal = await openWalOn(directory, { ...LOG, ...options });
  closers.push(() => wal.close());
  return wal;
}

async function storeOf(options: StoreOptions, pages = 8): Promise<{ store: PageStore; disk: MemoryDirectory }> {
  const disk = new MemoryDirectory({ pretendSync: true });
  const store = await openOn(disk, { ticker: true, ...options });
  closers.push(() => store.close());
  await store.transaction((transaction) => apply(transaction, { sizePages: pages }));
  return { store, disk };
}

/** A commit of so many bytes. */
const bytes = (count: number) => ({ operations: [{ code: 1, bytes: new Uint8Array(count) }] });
const append = (wal: Wal, count: number) => wal.connect().append(bytes(count));

async function outcomeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'done';
  } catch (error) {
    return (error as WalError).code;
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}

describe('a setting of a log', () => {
  test('pageSize: images have that size and no other', async () => {
    for (const pageSize of [512, 1024]) {
      const wal = await logOf({ pageSize });
      const imageOf = (size: number) => ({ pages: [{ pageNumber: 1, image: new Uint8Array(size) }] });
      await wal.connect().append(imageOf(pageSize)).durable();
      const other = () => wal.connect().append(imageOf(1536 - pageSize));
      expect(other).toThrow(expect.objectContaining({ code: 'ERR_WAL_INVALID_ARGUMENT' }));
    }
  });

  test.each([1, 2])('lanes: of %i, a second writer shares the first one only if there is no other', async (lanes) => {
    const { handle } = await logOf({ lanes });
    const port = await sendPort(handle.flusherThreadId, handle.key);
    closers.push(() => port.close());
    const welcome = await new Promise((resolve) => port.once('message', resolve));
    expect(welcome).toMatchObject({ laneIndex: lanes - 1 });
  });

  test('laneBytes: a commit that is larger than a lane is a jumbo', async () => {
    const jumbos = async (laneBytes: number): Promise<number> => {
      const wal = await logOf({ laneBytes });
      await append(wal, 5000).durable();
      return wal.metrics().counters.jumbos;
    };
    expect([await jumbos(4 * KIB), await jumbos(8 * KIB)]).toEqual([1, 0]);
  });

  test('fsync: full syncs each epoch, normal several at once, off none', async () => {
    const syncs = async (fsync: 'full' | 'normal' | 'off'): Promise<number> => {
      const wal = await logOf({ fsync, ticker: true, epochIntervalMs: MINUTE_MS });
      for (let count = 0; count < 3; count += 1) await append(wal, 100).written();
      await wal.flush();
      return wal.metrics().counters.syncs;
    };
    expect([await syncs('full'), await syncs('normal'), await syncs('off')]).toEqual([3, 1, 0]);
  });

  test('epochIntervalMs, ticker: a commit that nobody waits for is sealed when the tick comes', async () => {
    const [late, never, soon] = [
      await logOf({ ticker: true, epochIntervalMs: MINUTE_MS }),
      await logOf({ ticker: false, epochIntervalMs: 1 }),
      await logOf({ ticker: true, epochIntervalMs: 1 }),
    ];
    for (const wal of [late, never, soon]) append(wal, 100);
    await until(() => soon.marks().writtenSeq === 1);
    expect([late.marks().writtenSeq, never.marks().writtenSeq]).toEqual([0, 0]);
  });

  test('maxFlushDelayMs: a commit that is waited for lies until the time is over, and others join it', async () => {
    const [patient, eager] = [await logOf({ maxFlushDelayMs: MINUTE_MS }), await logOf({ maxFlushDelayMs: 0 })];
    for (const wal of [patient, eager]) void append(wal, 100).durable();
    await until(() => eager.marks().writtenSeq === 1);
    expect(patient.marks().writtenSeq).toBe(0);
    for (const wal of [patient, eager]) {
      append(wal, 100);
      await wal.flush();
    }
    expect([patient, eager].map((wal) => wal.metrics().counters.epochs)).toEqual([1, 2]);
  });

  test('maxParallelCommitBytes: so much in the lanes is sealed at once', async () => {
    const [large, small] = [await logOf({}), await logOf({ maxParallelCommitBytes: 4 * KIB })];
    for (const wal of [large, small]) append(wal, 5000);
    await until(() => small.marks().writtenSeq === 1);
    expect(large.marks().writtenSeq).toBe(0);
  });

  test('syncBytes: so much that is unsynced under normal is synced at once', async () => {
    const log = { fsync: 'normal', ticker: true, epochIntervalMs: MINUTE_MS, helperLaneBudget: 1 } as const;
    const [large, small] = [await logOf(log), await logOf({ ...log, syncBytes: 8 * KIB })];
    for (const wal of [large, small]) await append(wal, 9000).written();
    await until(() => small.marks().durableSeq === 1);
    expect(large.marks()).toMatchObject({ writtenSeq: 1, durableSeq: 0 });
  });

  test('controller: a log that has one decides by itself, and says so', async () => {
    const [off, on] = [await logOf({ controller: 'off' }), await logOf({ controller: 'on' })];
    while (on.metrics().decisions?.last === undefined) for (const wal of [off, on]) await append(wal, 100).durable();
    expect(off.metrics().decisions).toBe(undefined);
    // Alone as this writer is, nobody is waited for.
    expect(on.metrics().decisions).toMatchObject({ made: { seal_epoch_now: 1 }, last: { number: 1, gatherUs: 0 } });
  });

  test('maxLogBytes: a log at its bound stalls', async () => {
    const [small, large] = [await logOf({ maxLogBytes: 256 * KIB }), await logOf({ maxLogBytes: 512 * KIB })];
    for (let count = 0; count < 8; count += 1) {
      for (const wal of [large, small])
        if (wal.state === 'running')
          void append(wal, 40_000)
            .durable()
            .catch(() => 0);
      await until(
        () => large.marks().durableSeq > count && (small.state === 'stalled' || small.marks().durableSeq > count),
      );
    }
    expect([small.state, large.state]).toEqual(['stalled', 'running']);
    await small.checkpoint({ throughSeq: small.marks().durableSeq });
    await until(() => small.state === 'running');
  });

  test('logFileBytes: log files are as large', async () => {
    for (const logFileBytes of [64 * KIB, 128 * KIB]) {
      const files = await (await logOf({ logFileBytes })).files();
      expect(files.map((file) => file.bytes)).toEqual([logFileBytes]);
    }
  });

  test('appendTimeoutMs: a commit without room is refused at once, or when that time is over', async () => {
    const codes = async (appendTimeoutMs: number | undefined): Promise<string> => {
      const wal = await logOf({ appendTimeoutMs });
      append(wal, 50_000);
      return outcomeOf(() => append(wal, 50_000));
    };
    expect([await codes(undefined), await codes(0), await codes(1)]).toEqual([
      'ERR_WAL_LANE_FULL',
      'ERR_WAL_LANE_FULL',
      'ERR_WAL_TIMEOUT',
    ]);
  });

  test('maxJumboBytes: more jumbos than that are not in flight at once', async () => {
    const second = async (maxJumboBytes: number): Promise<string> => {
      const wal = await logOf({ laneBytes: 4 * KIB, maxJumboBytes });
      append(wal, 10_000);
      return outcomeOf(() => append(wal, 10_000));
    };
    expect([await second(15_000), await second(30_000)]).toEqual(['ERR_WAL_LANE_FULL', 'done']);
  });

  test('onDamage: a damaged log is refused, or opened with what is in front of the damage', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    const first = await openWalOn(directory, LOG);
    for (let count = 0; count < 3; count += 1) await append(first, 100).durable();
    const { file: name, offset } = (await first.segments())[1]!;
    await first.close();
    poke(directory, name, offset + 100, new Uint8Array(300).fill(255));
    expect(await outcomeOf(() => openWalOn(directory, { ...LOG, onDamage: 'fail' }))).toBe('ERR_WAL_CORRUPT');
    expect((await logOf({ onDamage: 'stop' }, directory)).recovery).toMatchObject({ tail: 'damaged', lastSeq: 1 });
  });

  test.each([{ archiveFilesMax: 2 }, { archiveBytesMax: 160 * KIB }])(
    'archiveFilesMax, archiveBytesMax: an archive keeps no more than %o',
    async (bounds) => {
      const folder = mkdtempSync(join(tmpdir(), 'lanewal-knobs-'));
      closers.push(() => rmSync(folder, { recursive: true }));
      const kept = async (name: string, options: OpenOptions): Promise<number> => {
        const archiveDirectory = join(folder, name);
        const wal = await logOf({ ...options, archiveDirectory, fsync: 'normal' });
        for (let count = 0; count < 6; count += 1) await append(wal, 50_000).durable();
        await wal.checkpoint({ throughSeq: 6 });
        await wal.close();
        return readdirSync(archiveDirectory).length;
      };
      expect([await kept('bounded', bounds), await kept('by default', {})]).toEqual([2, 5]);
    },
  );
});

describe('a setting of a page store', () => {
  test('cacheBytes: a transaction holds no more pages than the cache', async () => {
    const outcome = async (cacheBytes: number): Promise<string> => {
      const { store } = await storeOf({ cacheBytes, latchTimeoutMs: 0 }, 200);
      const fill = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [index + 1, 1]));
      return outcomeOf(() => store.transaction((transaction) => apply(transaction, { fill })));
    };
    expect([await outcome(64 * KIB), await outcome(512 * KIB)]).toEqual(['ERR_WAL_CACHE_FULL', 'done']);
  });

  test.each([0, 3])(
    'latchTimeoutMs: a page that another transaction holds is waited for %i ms',
    async (latchTimeoutMs) => {
      const { store, disk } = await storeOf({ latchTimeoutMs });
      const place = { log: disk, pages: disk, pageFileName: PAGE_FILE_NAME };
      const { parts, port } = await connectThread(store.handle, store.wal.connect(), place);
      const other = new ConnectedPageStore(new StoreThread(parts), parts, port).begin();
      other.edit(1);
      const blocked = store.begin();
      const details = { timeoutMs: latchTimeoutMs };
      expect(() => blocked.edit(1)).toThrow(
        expect.objectContaining({ code: 'ERR_WAL_DEADLOCK', details: expect.objectContaining(details) }),
      );
      other.rollback();
      blocked.edit(1);
      blocked.rollback();
      port.close();
    },
  );

  /** Automatic checkpoints of two stores with the same work, once the second one had three. */
  async function checkpoints(quiet: StoreOptions, busy: StoreOptions) {
    const stores = [(await storeOf(quiet)).store, (await storeOf(busy)).store];
    const taken = [0, 0];
    for (const [index, store] of stores.entries()) {
      store.on('checkpoint', () => {
        taken[index] = (taken[index] as number) + 1;
      });
    }
    for (let round = 1; round <= 3; round += 1) {
      for (const store of stores)
        await store.transaction((transaction) => apply(transaction, { fill: { 1: round, 2: 1 } }));
      await until(() => (taken[1] as number) >= round);
    }
    return { taken: taken[0] as number, quiet: stores[0] as PageStore };
  }

  test('checkpointBytes: so much log starts a checkpoint', async () => {
    expect(await checkpoints({ checkpointBytes: 2 ** 19 }, { checkpointBytes: 4 * KIB })).toMatchObject({ taken: 0 });
  });

  test('checkpointIntervalMs: so much time starts a checkpoint', async () => {
    expect(await checkpoints({ checkpointIntervalMs: 0 }, { checkpointIntervalMs: 1 })).toMatchObject({ taken: 0 });
  });

  test('checkpointBytesPerSecond: a checkpoint takes its time, until somebody waits for it', async () => {
    const often = { checkpointBytes: 4 * KIB };
    const slow = { ...often, checkpointBytesPerSecond: 1 };
    const { taken, quiet } = await checkpoints(slow, { ...often, checkpointBytesPerSecond: 0 });
    expect(taken).toBe(0);
    expect(await quiet.checkpoint({ mode: 'full' })).toMatchObject({ throughSeq: 4 });
  });
});
