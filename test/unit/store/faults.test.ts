// Goal: a page file that cannot be written or synced costs nothing but time: everything stays in the log, and the next
// checkpoint writes it all again. Method: a store on a simulated disk whose page file is told to fail.

import { describe, expect, test } from 'vitest';
import type { WalError } from '../../../src/index.js';
import { readCheckpointSlots } from '../../../src/log/checkpoint-record.js';
import { SimulatedDirectory } from '../../../src/storage/simulated-directory.js';
import { openPageStoreOn, PAGE_FILE_NAME } from '../../../src/testing.js';
import { apply, openOn, PAGE_BYTES, pictureNow } from '../../support/store-workload.js';

const NAME = new RegExp(`^${PAGE_FILE_NAME}$`);

async function filled(disk: SimulatedDirectory) {
  const store = await openOn(disk);
  await store.transaction((transaction) => apply(transaction, { sizePages: 3, fill: { 1: 1, 2: 2, 3: 3 } }));
  return store;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: WalError) => error.code,
  );
}

describe('a page file that fails', () => {
  test('F11: a full disk fails the checkpoint, is told, and the next one writes everything', async () => {
    const disk = new SimulatedDirectory();
    const store = await filled(disk);
    const told: string[] = [];
    store.on('checkpointFailed', ({ code }) => told.push(code));
    disk.fail({ on: ['write', 'truncate'], name: NAME, errno: 'ENOSPC' });
    expect(await codeOf(store.checkpoint({ mode: 'full' }))).toBe('ERR_WAL_STORAGE_FULL');
    expect(readCheckpointSlots(disk).newest).toBeUndefined();
    expect(await pictureNow(store)).toEqual([1, 2, 3]);
    disk.heal();
    expect(await store.checkpoint({ mode: 'full' })).toMatchObject({ throughSeq: 1, pagesWritten: 3 });
    expect(told).toEqual(['ERR_WAL_STORAGE_FULL']);
    await store.close();
  });

  test('S2: a sync that fails lets nothing go, and all pages are written again behind a new descriptor', async () => {
    const disk = new SimulatedDirectory();
    const store = await filled(disk);
    disk.fail({ on: 'sync', name: NAME, errno: 'EIO', times: 1 });
    expect(await codeOf(store.checkpoint({ mode: 'full' }))).toBe('ERR_WAL_IO');
    expect(readCheckpointSlots(disk).newest).toBeUndefined();
    await store.transaction((transaction) => apply(transaction, { fill: { 2: 9 } }));
    disk.done.length = 0;
    const report = await store.checkpoint({ mode: 'full' });
    expect(report).toMatchObject({ throughSeq: 2, pagesWritten: 3 });
    const own = disk.done.filter((operation) => operation.includes(PAGE_FILE_NAME));
    expect(own[0]).toBe(`open ${PAGE_FILE_NAME}`);
    await store.close();
    const reopened = await openOn(disk.crashPoint().lost().disk());
    expect(await pictureNow(reopened)).toEqual([1, 9, 3]);
    await reopened.close();
  });

  test.each([1, 2])(
    'S2: sync %i of a long checkpoint fails it while it writes on, and nothing is let go',
    async (nth) => {
      const disk = new SimulatedDirectory();
      const pageSize = 65_536;
      const pages = 160;
      const store = await openPageStoreOn(disk, { pageSize, cacheBytes: 32 * 2 ** 20, checkpointBytes: 2 ** 30 });
      for (let first = 1; first <= pages; first += 20) {
        await store.transaction((transaction) => {
          for (let each = 0; each < 20; each += 1) transaction.edit(transaction.allocate()).fill(first + each);
        });
      }
      disk.fail({ on: 'sync', name: NAME, errno: 'EIO', from: nth, times: 1 });
      expect(await codeOf(store.checkpoint({ mode: 'full' }))).toBe('ERR_WAL_IO');
      expect(readCheckpointSlots(disk).newest).toBeUndefined();
      expect(await store.checkpoint({ mode: 'full' })).toMatchObject({ pagesWritten: pages });
      await store.close();
      const reopened = await openPageStoreOn(disk.crashPoint().lost().disk(), { pageSize });
      const snapshot = await reopened.snapshot();
      const values = Array.from({ length: pages }, (_, index) => snapshot.read(index + 1)[pageSize - 1]);
      expect(values).toEqual(Array.from({ length: pages }, (_, index) => index + 1));
      snapshot.close();
      await reopened.close();
    },
  );

  test('the log fails, not the page file: every call ends with a typed error and close is quiet', async () => {
    const disk = new SimulatedDirectory();
    const store = await filled(disk);
    disk.fail({ on: 'sync', name: /\.wal$/, errno: 'EIO' });
    const failed = new Promise<WalError>((resolve) => store.once('failed', resolve));
    const work = store.transaction((transaction) => apply(transaction, { fill: { 1: 5 } }));
    expect(await codeOf(work)).toBe('ERR_WAL_OUTCOME_UNKNOWN');
    expect((await failed).code).toBe('ERR_WAL_POISONED');
    expect(await codeOf(store.snapshot())).toBe('ERR_WAL_POISONED');
    expect(await codeOf(store.transaction((transaction) => void transaction.read(1)))).toBe('ERR_WAL_POISONED');
    await store.close();
  });
});

describe('a page file that is not the one', () => {
  async function closedStore(): Promise<SimulatedDirectory> {
    const disk = new SimulatedDirectory();
    const store = await filled(disk);
    await store.close();
    return disk;
  }

  function change(disk: SimulatedDirectory, act: (file: ReturnType<SimulatedDirectory['open']>) => void): void {
    const file = disk.open(PAGE_FILE_NAME, 'write');
    act(file);
    file.close();
  }

  test.each([
    ['another page 1', (file: ReturnType<SimulatedDirectory['open']>) => file.write([new Uint8Array(8).fill(255)], 0)],
    ['fewer pages', (file: ReturnType<SimulatedDirectory['open']>) => file.truncate(PAGE_BYTES)],
    ['more pages', (file: ReturnType<SimulatedDirectory['open']>) => file.truncate(9 * PAGE_BYTES)],
    ['no whole pages', (file: ReturnType<SimulatedDirectory['open']>) => file.truncate(3 * PAGE_BYTES + 7)],
  ])('%s is refused, and nothing changes', async (_, act) => {
    const disk = await closedStore();
    change(disk, act);
    const file = disk.open(PAGE_FILE_NAME, 'read');
    const before = new Uint8Array(file.size());
    file.read(before, 0);
    expect(await codeOf(openOn(disk))).toBe('ERR_WAL_WRONG_STORE');
    const found = new Uint8Array(file.size());
    file.read(found, 0);
    expect(found).toEqual(before);
  });

  test('a missing one is refused once the log alone cannot rebuild it', async () => {
    const disk = await closedStore();
    disk.remove(PAGE_FILE_NAME);
    expect(await codeOf(openOn(disk))).toBe('ERR_WAL_NOT_FOUND');
  });

  test('adopt takes another one of whole pages', async () => {
    const disk = await closedStore();
    change(disk, (file) => file.write([new Uint8Array(PAGE_BYTES).fill(77)], 0));
    const store = await openOn(disk, { adopt: true });
    expect(await pictureNow(store)).toEqual([77, 2, 3]);
    await store.close();
    const again = await openOn(disk);
    expect(await pictureNow(again)).toEqual([77, 2, 3]);
    await again.close();
  });

  test('a page file with pages and an empty log is refused without adopt', async () => {
    const disk = new SimulatedDirectory();
    disk.create({ sync: true });
    const file = disk.open(PAGE_FILE_NAME, 'create');
    file.truncate(2 * PAGE_BYTES);
    file.close();
    expect(await codeOf(openOn(disk))).toBe('ERR_WAL_WRONG_STORE');
    const store = await openOn(disk, { adopt: true });
    expect(await pictureNow(store)).toEqual([0, 0]);
    await store.close();
    const again = await openOn(disk);
    expect(again.sizePages).toBe(2);
    await again.close();
  });
});
