// Goal: whoever uses a page store hears with a typed error when its checkpointer or its log is gone, in every thread,
// however it waits; nothing is lost. Method: real threads; the checkpointer is killed, the owner leaves first.

import { once } from 'node:events';
import { postMessageToThread } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { connectPageStore, openPageStore, type PageStore, type WalError } from '../../src/index.js';
import { numberIn, setNumber } from '../support/store-numbers.js';
import { fillStore, StoreWorker, sumOf } from '../support/store-threads.js';
import { inTemporaryDirectory } from '../support/temporary-path.js';

const MORTAL = { checkpointer: new URL('../support/mortal-checkpointer.js', import.meta.url).href };
const SETTINGS = { pageSize: 1024, lanes: 2, laneBytes: 65_536 };

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: WalError) => error.code,
  );
}

test('a checkpointer that dies fails the store in all threads, and reopened it has everything', () =>
  inTemporaryDirectory(async (folder) => {
    const path = `${folder}/app.db`;
    const store = await openPageStore(path, { ...SETTINGS, workerUrls: MORTAL });
    await fillStore(store, 20, 5);
    const worker = await StoreWorker.start(store, { kind: 'transfers', count: 1e9 }, 1);
    const failed = once(store, 'failed') as Promise<[WalError]>;
    const pending = store.snapshot();
    void postMessageToThread(store.handle.checkpointerThreadId, 'die').catch(() => undefined);
    await pending.catch(() => undefined);
    expect((await failed)[0].code).toBe('ERR_WAL_POISONED');
    expect(await codeOf(store.transaction((transaction) => void transaction.read(1)))).toBe('ERR_WAL_POISONED');
    expect(await codeOf(store.snapshot())).toBe('ERR_WAL_POISONED');
    expect(await codeOf(store.checkpoint())).toBe('ERR_WAL_POISONED');
    const { codes } = await worker.hear('done');
    expect(new Set(codes)).toEqual(new Set(['ERR_WAL_POISONED']));
    await store.close().catch(() => undefined);
    const reopened = await openPageStore(path, SETTINGS);
    expect(await sumOf(reopened)).toBe(20 * 5);
    await reopened.close();
  }));

async function numberOf(store: PageStore, page: number): Promise<number> {
  return store.transaction((transaction) => numberIn(transaction.read(page)));
}

test('the owner closes while others work: they are told, and what they were told is durable', () =>
  inTemporaryDirectory(async (folder) => {
    const path = `${folder}/app.db`;
    const store = await openPageStore(path, SETTINGS);
    await fillStore(store, 20, 5);
    const worker = await StoreWorker.start(store, { kind: 'transfers', count: 1e9 }, 2);
    const { durableSeq } = store.wal.marks();
    while (store.wal.marks().durableSeq < durableSeq + 20) await sumOf(store);
    await store.close();
    const { codes } = await worker.hear('done');
    expect(new Set(codes)).toEqual(new Set(['ERR_WAL_CLOSED']));
    const reopened = await openPageStore(path, SETTINGS);
    expect(await sumOf(reopened)).toBe(20 * 5);
    await reopened.close();
  }));

test('a thread that leaves with a transaction and a snapshot open gives everything back', () =>
  inTemporaryDirectory(async (folder) => {
    const store = await openPageStore(`${folder}/app.db`, { ...SETTINGS, latchTimeoutMs: 100 });
    await fillStore(store, 2, 5);
    const other = await StoreWorker.start(store, { kind: 'hold' }, 3);
    await other.hear('holding');
    const blocked = store.begin();
    expect(() => blocked.edit(1)).toThrow(expect.objectContaining({ code: 'ERR_WAL_DEADLOCK' }));
    expect(() => blocked.edit(2)).toThrow(expect.objectContaining({ code: 'ERR_WAL_DEADLOCK' }));
    expect(() => blocked.allocate()).toThrow(expect.objectContaining({ code: 'ERR_WAL_DEADLOCK' }));
    blocked.rollback();
    await other.worker.terminate();
    await store.transaction((transaction) => setNumber(transaction.edit(transaction.allocate() - 1), 9));
    expect(await numberOf(store, 2)).toBe(9);
    await store.close();
  }));

test('connecting to a store that is closed, or to what is no store, is refused', () =>
  inTemporaryDirectory(async (folder) => {
    const store = await openPageStore(`${folder}/app.db`, SETTINGS);
    const { handle } = store;
    await store.close();
    expect(await codeOf(connectPageStore(handle))).toBe('ERR_WAL_CLOSED');
    expect(await codeOf(connectPageStore({} as typeof handle))).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(await codeOf(openPageStore('' as string))).toBe('ERR_WAL_INVALID_ARGUMENT');
  }));
