// The spare files of a log directory, and how they are made.

import { describe, expect, test } from 'vitest';
import { makeSpare } from '../../../src/log/preallocate.js';
import { SparePool } from '../../../src/log/spare-pool.js';
import { SimulatedDirectory } from '../../../src/storage/simulated-directory.js';

const FILE_BYTES = 65_536;
const ROOM = 2 ** 30;

function directoryWith(...names: string[]): SimulatedDirectory {
  const directory = new SimulatedDirectory();
  directory.create({ sync: false });
  for (const name of names) directory.open(name, 'create').close();
  return directory;
}

describe('the pool', () => {
  test('finds the spares that are there and ignores everything else', () => {
    const names = [
      'spare-0003.wal',
      'spare-0001.wal',
      'spare-1.wal',
      'spare-0002.wal.new',
      '0000000000000001.wal',
      'lock',
    ];
    expect(new SparePool(directoryWith(...names), FILE_BYTES).count).toBe(2);
  });

  test('wants one more at a time until there are two', () => {
    const pool = new SparePool(directoryWith(), FILE_BYTES);
    expect(pool.wanted(ROOM)).toBe('spare-0000.wal');
    expect(pool.wanted(ROOM)).toBeUndefined();
    pool.filled('spare-0000.wal', true);
    expect(pool.wanted(ROOM)).toBe('spare-0001.wal');
    pool.filled('spare-0001.wal', false);
    expect(pool.count).toBe(1);
    expect(pool.wanted(ROOM)).toBe('spare-0002.wal');
    pool.filled('spare-0002.wal', true);
    expect(pool.wanted(ROOM)).toBeUndefined();
  });

  test('gives away the oldest, never the last', () => {
    const pool = new SparePool(directoryWith('spare-0007.wal', 'spare-0005.wal'), FILE_BYTES);
    expect(pool.oldest()).toBe('spare-0005.wal');
    pool.taken('spare-0005.wal');
    expect(pool.oldest()).toBeUndefined();
    expect(pool.count).toBe(1);
  });

  test('passes over names in use when they begin again', () => {
    const pool = new SparePool(directoryWith('spare-ffff.wal'), FILE_BYTES);
    expect(pool.wanted(ROOM)).toBe('spare-0000.wal');
    pool.filled('spare-0000.wal', true);
    const directory = directoryWith('spare-0000.wal', 'spare-ffff.wal', '0000000000000001.wal');
    new SparePool(directory, FILE_BYTES).recycle('0000000000000001.wal', true);
    expect(directory.list()).toEqual(['spare-0000.wal', 'spare-ffff.wal', 'spare-0001.wal']);
  });

  test('keeps eight and removes what is more, or not of full size', () => {
    const names = Array.from({ length: 10 }, (_, index) => `000000000000000${index}.wal`);
    const directory = directoryWith(...names);
    const pool = new SparePool(directory, FILE_BYTES);
    pool.recycle(names[0]!, false);
    expect([pool.count, directory.list().length]).toEqual([0, 9]);
    for (const name of names.slice(1)) pool.recycle(name, true);
    expect(pool.count).toBe(8);
    expect(directory.list()).toHaveLength(8);
  });
});

describe('the bound of the log', () => {
  test('has one spare made in any case, the reserve, and the next only where there is room for it', () => {
    const pool = new SparePool(directoryWith(), FILE_BYTES);
    expect(pool.wanted(-1)).toBeUndefined();
    expect(pool.wanted(0)).toBe('spare-0000.wal');
    expect([pool.chargedBytes, pool.isFilling]).toEqual([0, false]);
    pool.filled('spare-0000.wal', true);
    expect(pool.wanted(FILE_BYTES - 1)).toBeUndefined();
    expect(pool.wanted(FILE_BYTES)).toBe('spare-0001.wal');
    // One that is being made counts, or two would come of the room for one.
    expect([pool.chargedBytes, pool.isFilling]).toEqual([FILE_BYTES, true]);
    pool.filled('spare-0001.wal', false);
    expect([pool.chargedBytes, pool.isFilling]).toEqual([0, false]);
  });

  test('takes spares away, but never the reserve', () => {
    const directory = directoryWith('spare-0001.wal', 'spare-0002.wal', 'spare-0003.wal');
    const pool = new SparePool(directory, FILE_BYTES);
    pool.trim(2 * FILE_BYTES);
    expect(pool.count).toBe(3);
    pool.trim(2 * FILE_BYTES - 1);
    expect(directory.list()).toEqual(['spare-0002.wal', 'spare-0003.wal']);
    pool.trim(-1);
    expect(directory.list()).toEqual(['spare-0003.wal']);
  });

  test('counts no spare that is larger than its files: such a one goes', () => {
    const directory = directoryWith('spare-0001.wal', 'spare-0002.wal');
    const file = directory.open('spare-0001.wal', 'write');
    file.truncate(FILE_BYTES + 1);
    file.close();
    expect(new SparePool(directory, FILE_BYTES).count).toBe(1);
    expect(directory.list()).toEqual(['spare-0002.wal']);
  });
});

describe('a spare', () => {
  const order = { name: 'spare-0000.wal', bytes: 9 * 2 ** 20, sync: true };

  test('is zeros of the whole size, and has its name only once it is whole and synced', () => {
    const directory = directoryWith();
    directory.done.length = 0;
    expect(makeSpare(directory, order, () => false)).toBe(true);
    const file = directory.open(order.name, 'read');
    expect(file.size()).toBe(order.bytes);
    const operations = directory.done.map((each) => each.split(' ')[0]);
    expect(operations).toEqual([
      'create',
      'write',
      'write',
      'write',
      'sync',
      'rename',
      'syncDirectory',
      'close',
      'open',
    ]);
  });

  test('that is cancelled leaves nothing', () => {
    const directory = directoryWith();
    let pieces = 0;
    expect(makeSpare(directory, order, () => ++pieces > 2)).toBe(false);
    expect(directory.list()).toEqual([]);
  });

  test('for which there is no space leaves nothing', () => {
    const directory = directoryWith();
    directory.capacityBytes = order.bytes - 1;
    expect(() => makeSpare(directory, order, () => false)).toThrow(
      expect.objectContaining({ code: 'ERR_WAL_STORAGE_FULL' }),
    );
    expect(directory.list()).toEqual([]);
  });
});
