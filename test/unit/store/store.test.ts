// Goal: the contract of a page store on one thread: what is refused, what waits, what comes back. Method: a store over
// memory, with flusher and checkpointer on this thread.

import { describe, expect, test } from 'vitest';
import type { WalError } from '../../../src/index.js';
import { MemoryDirectory } from '../../../src/testing.js';
import { after, apply, openOn, PAGE_BYTES, pictureNow, pictureOf } from '../../support/store-workload.js';

async function storeOf(pages = 3, options = {}) {
  const disk = new MemoryDirectory({ pretendSync: true });
  const store = await openOn(disk, options);
  const fill = Object.fromEntries(Array.from({ length: pages }, (_, index) => [index + 1, index + 1]));
  await store.transaction((transaction) => apply(transaction, { sizePages: pages, fill }));
  return { disk, store };
}

async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'none';
  } catch (error) {
    return (error as WalError).code;
  }
}

describe('a transaction', () => {
  test('sees its own changes and nobody else does before it commits', async () => {
    const { store } = await storeOf();
    const transaction = store.begin();
    transaction.edit(1).fill(9);
    transaction.write(2, new Uint8Array(PAGE_BYTES).fill(8));
    const added = transaction.allocate();
    expect(added).toBe(4);
    expect(pictureOf(transaction)).toEqual([9, 8, 3, 0]);
    const snapshot = await store.snapshot();
    expect(pictureOf(snapshot)).toEqual([1, 2, 3]);
    await transaction.commit().durable();
    expect(pictureOf(snapshot)).toEqual([1, 2, 3]);
    snapshot.close();
    expect(await pictureNow(store)).toEqual([9, 8, 3, 0]);
    await store.close();
  });

  test('that rolls back leaves nothing, neither pages nor size', async () => {
    const { store } = await storeOf();
    const transaction = store.begin();
    apply(transaction, { sizePages: 1, fill: { 1: 9 } });
    apply(transaction, { sizePages: 7, fill: { 7: 7, 2: 5 } });
    expect(pictureOf(transaction)).toEqual([9, 5, 0, 0, 0, 0, 7]);
    transaction.rollback();
    expect(await pictureNow(store)).toEqual([1, 2, 3]);
    await store.close();
  });

  test('a function that throws rolls back, and its error is the caller’s', async () => {
    const { store } = await storeOf();
    const error = new Error('mine');
    const work = store.transaction((transaction) => {
      transaction.edit(1).fill(9);
      throw error;
    });
    await expect(work).rejects.toBe(error);
    expect(await pictureNow(store)).toEqual([1, 2, 3]);
    await store.close();
  });

  test.each([0, -1, 1.5, 4, Number.NaN, '1', 2 ** 53])('page %s is refused', async (pageNumber) => {
    const { store } = await storeOf();
    const transaction = store.begin();
    const page = pageNumber as number;
    for (const act of [
      () => transaction.read(page),
      () => transaction.edit(page),
      () => transaction.write(page, new Uint8Array(PAGE_BYTES)),
    ])
      expect(await codeOf(act)).toBe('ERR_WAL_INVALID_ARGUMENT');
    transaction.rollback();
    await store.close();
  });

  test.each([
    ['an image that is too short', (write: (image: Uint8Array) => void) => write(new Uint8Array(PAGE_BYTES - 1))],
    ['an image that is too long', (write: (image: Uint8Array) => void) => write(new Uint8Array(PAGE_BYTES + 1))],
    ['no image', (write: (image: Uint8Array) => void) => write('x' as unknown as Uint8Array)],
  ])('%s is refused and changes nothing', async (_, act) => {
    const { store } = await storeOf();
    const transaction = store.begin();
    expect(await codeOf(() => act((image) => transaction.write(1, image)))).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(pictureOf(transaction)).toEqual([1, 2, 3]);
    transaction.rollback();
    await store.close();
  });

  test.each([-1, 0.5, Number.NaN, 2 ** 33])('a size of %s pages is refused', async (pages) => {
    const { store } = await storeOf();
    const transaction = store.begin();
    expect(await codeOf(() => transaction.resize(pages))).toBe('ERR_WAL_INVALID_ARGUMENT');
    transaction.rollback();
    await store.close();
  });

  test('is refused within another, however it was begun, and one at a time', async () => {
    const { store } = await storeOf();
    const nested = store.transaction(() => store.transaction(() => undefined));
    expect(await codeOf(() => nested)).toBe('ERR_WAL_INVALID_ARGUMENT');
    const begun = store.transaction(() => void store.begin());
    expect(await codeOf(() => begun)).toBe('ERR_WAL_INVALID_ARGUMENT');
    const open = store.begin();
    expect(await codeOf(() => store.begin())).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(await codeOf(() => store.transaction(() => undefined))).toBe('ERR_WAL_INVALID_ARGUMENT');
    open.rollback();
    const both = await Promise.all([store.transaction(() => 1), store.transaction(async () => 2)]);
    expect(both).toEqual([1, 2]);
    await store.close();
  });

  test('that is over is refused, and so is everything of a store that is closed', async () => {
    const { store } = await storeOf();
    const transaction = store.begin();
    const snapshot = await store.snapshot();
    transaction.commit();
    expect(await codeOf(() => transaction.read(1))).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(await codeOf(() => transaction.commit())).toBe('ERR_WAL_INVALID_ARGUMENT');
    transaction.rollback();
    const open = store.begin();
    open.edit(1).fill(9);
    await store.close();
    await store.close();
    expect(await codeOf(() => open.read(1))).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(await codeOf(() => snapshot.read(1))).toBe('ERR_WAL_CLOSED');
    expect(await codeOf(() => store.begin())).toBe('ERR_WAL_CLOSED');
    expect(await codeOf(() => store.snapshot())).toBe('ERR_WAL_CLOSED');
    expect(await codeOf(() => store.transaction(() => undefined))).toBe('ERR_WAL_CLOSED');
    expect(await codeOf(() => store.checkpoint())).toBe('ERR_WAL_CLOSED');
  });

  test('one that only read is durable when what it saw is', async () => {
    const { store } = await storeOf();
    await store.transaction((transaction) => void transaction.edit(2).fill(9), { waitFor: 'appended' });
    const transaction = store.begin();
    transaction.read(2);
    const commit = transaction.commit();
    expect(commit.seq).toBe(2);
    await commit.durable();
    expect(store.wal.marks().durableSeq).toBeGreaterThanOrEqual(2);
    await store.close();
  });

  test('larger than its lane it is committed like any other', async () => {
    const { disk, store } = await storeOf(3, { cacheBytes: 2 ** 20, maxLogBytes: 2 ** 22 });
    const fill = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [index + 1, 5]));
    const step = { sizePages: 200, fill };
    await store.transaction((transaction) => apply(transaction, step));
    await store.close();
    const reopened = await openOn(disk);
    expect(await pictureNow(reopened)).toEqual(after([], step));
    await reopened.close();
  });
});

describe('a snapshot', () => {
  test('S1: keeps the page file below it, and a checkpoint beyond waits for it', async () => {
    const { store } = await storeOf();
    const snapshot = await store.snapshot();
    await store.transaction((transaction) => apply(transaction, { sizePages: 1, fill: { 1: 9 } }));
    expect((await store.checkpoint()).throughSeq).toBe(1);
    expect(await codeOf(() => store.checkpoint({ mode: 'full', timeoutMs: 30 }))).toBe('ERR_WAL_TIMEOUT');
    expect(pictureOf(snapshot)).toEqual([1, 2, 3]);
    const full = store.checkpoint({ mode: 'full' });
    snapshot.close();
    snapshot.close();
    expect((await full).throughSeq).toBe(2);
    expect(await pictureNow(store)).toEqual([9]);
    await store.close();
  });

  test('S1 S3: sees its own sequence through cuts, growth, evictions and checkpoints', async () => {
    const { store } = await storeOf(4, { cacheBytes: 65_536, maxLogBytes: 2 ** 22 });
    const before = await store.snapshot();
    await store.transaction((transaction) => transaction.resize(2));
    const cut = await store.snapshot();
    await store.transaction((transaction) => apply(transaction, { sizePages: 6, fill: { 4: 44 } }));
    const grown = await store.snapshot();
    for (let page = 7; page <= 300; page += 1)
      await store.transaction((transaction) => apply(transaction, { sizePages: page, fill: { [page]: 1 } }), {
        waitFor: 'appended',
      });
    await store.checkpoint();
    expect(pictureOf(before)).toEqual([1, 2, 3, 4]);
    before.close();
    await store.checkpoint();
    expect(pictureOf(cut)).toEqual([1, 2]);
    cut.close();
    await store.checkpoint();
    expect(pictureOf(grown)).toEqual([1, 2, 0, 44, 0, 0]);
    grown.close();
    await store.checkpoint({ mode: 'truncate' });
    expect((await pictureNow(store)).slice(0, 7)).toEqual([1, 2, 0, 44, 0, 0, 1]);
    await store.close();
  });
});

test('a log that snapshots keep full refuses commits with the reason, and goes on when they end', async () => {
  const { store } = await storeOf(3, { maxLogBytes: 4 * 65_536, appendTimeoutMs: 100 });
  const snapshot = await store.snapshot();
  const bytes = new Uint8Array(PAGE_BYTES);
  let refused: WalError | undefined;
  for (let count = 0; refused === undefined && count < 5000; count += 1) {
    refused = await store
      .transaction((transaction) => transaction.write(1 + (count % 3), bytes.fill(count % 256)), {
        waitFor: 'appended',
      })
      .then(
        () => undefined,
        (error: WalError) => error,
      );
  }
  expect(refused?.code).toBe('ERR_WAL_TIMEOUT');
  const reason = { code: 'ERR_WAL_LOG_FULL', details: { keptBy: 'snapshot', throughSeq: snapshot.seq } };
  expect(refused?.cause).toMatchObject(reason);
  expect(pictureOf(snapshot)).toEqual([1, 2, 3]);
  snapshot.close();
  await store.transaction((transaction) => apply(transaction, { fill: { 1: 7, 2: 7, 3: 7 } }));
  expect(await pictureNow(store)).toEqual([7, 7, 7]);
  await store.close();
});
