// Goal: the simulated disk loses what a disk may lose, and nothing else; every search for crash states rests on it.
// Method: a few operations of known effect, and all the states they can leave, written down by hand.

import { describe, expect, test } from 'vitest';
import { type CrashState, type LogFile, openWalOn, SimulatedCrash, SimulatedDirectory } from '../../../src/testing.js';
import { readPackageFile } from '../../support/package-root.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const code = (expected: string): unknown => expect.objectContaining({ code: expected });

/** Names and contents, as `a=old b=`. */
function textOf(disk: SimulatedDirectory): string {
  if (!disk.exists()) return 'missing';
  const parts = disk
    .list()
    .sort()
    .map((name) => `${name}=${contentsOf(disk, name)}`);
  return parts.join(' ');
}

function contentsOf(disk: SimulatedDirectory, name: string): string {
  const file = disk.open(name, 'read');
  const target = new Uint8Array(file.size());
  file.read(target, 0);
  return new TextDecoder().decode(target);
}

function textsOf(states: Iterable<CrashState>): string[] {
  return [...states].map((state) => textOf(state.disk())).sort();
}

/** A disk with a file `a` that holds `text`, all of it durable. */
function diskWith(text: string): { disk: SimulatedDirectory; file: LogFile } {
  const disk = new SimulatedDirectory();
  disk.create({ sync: true });
  const file = disk.open('a', 'create');
  file.write([bytes(text)], 0);
  file.sync();
  disk.sync();
  return { disk, file };
}

describe('a power cut may leave', () => {
  test('only what is there, when everything was synced', () => {
    const { disk } = diskWith('old');
    expect(textsOf(disk.crashPoint().states())).toEqual(['a=old']);
  });

  test('of two writes that overlap every subset, in either order (F28)', () => {
    const { disk, file } = diskWith('....');
    file.write([bytes('111')], 0);
    file.write([bytes('222')], 1);
    const texts = textsOf(disk.crashPoint().states({ sectorsMax: 0 }));
    // Both in order, both the other way round, either alone, none; zeros and garbage are of torn sectors.
    for (const expected of ['a=1222', 'a=1112', 'a=111.', 'a=.222', 'a=....']) expect(texts).toContain(expected);
    expect(new Set(texts).size).toBe(texts.length);
  });

  test('of two writes that are apart every subset, once (F28)', () => {
    const { disk, file } = diskWith('......');
    file.write([bytes('11')], 0);
    file.write([bytes('22')], 4);
    const texts = textsOf(disk.crashPoint().states({ sectorsMax: 0 })).filter((text) => /^a=[.12]*$/.test(text));
    expect(texts).toEqual(['a=......', 'a=....22', 'a=11....', 'a=11..22'].sort());
  });

  test('of one write every subset of its sectors, old, zero or garbage', () => {
    const { disk, file } = diskWith('o'.repeat(1536));
    file.write([new Uint8Array(1536).fill(0x6e)], 0);
    const kinds = new Set<string>();
    for (const state of disk.crashPoint().states()) {
      const text = contentsOf(state.disk(), 'a');
      const sectors = [0, 512, 1024].map((at) => text.slice(at, at + 512));
      // Garbage is not text: what is decoded need not have one character for each byte.
      if (text.length !== 1536 || sectors.some((sector) => new Set(sector).size > 1)) continue;
      kinds.add(sectors.map((sector) => (sector[0] === '\0' ? '0' : sector[0])).join(''));
    }
    const expected = ['o', '0'].flatMap((missing) =>
      [0, 1, 2, 3, 4, 5, 6, 7].map((mask) => [4, 2, 1].map((bit) => (mask & bit ? 'n' : missing)).join('')),
    );
    expect([...kinds].sort()).toEqual([...new Set(expected)].sort());
  });

  test('any of the names that were not synced, and of a rename both or neither', () => {
    const { disk } = diskWith('old');
    disk.rename('a', 'b');
    disk.open('c', 'create').close();
    expect(textsOf(disk.crashPoint().states())).toEqual(['a=old', 'a=old c=', 'b=old', 'b=old c=']);
    disk.sync();
    expect(textsOf(disk.crashPoint().states())).toEqual(['b=old c=']);
  });

  test('nothing at all, before the directory itself was synced', () => {
    const disk = new SimulatedDirectory();
    disk.create({ sync: false });
    expect(textsOf(disk.crashPoint().states())).toEqual(['', 'missing']);
    expect(textOf(disk.crashPoint().killed())).toBe('');
  });
});

describe('a crash', () => {
  test('that is told to come before an operation leaves it undone, and every later one throws too', () => {
    const { disk, file } = diskWith('old');
    disk.crashAt(disk.operations + 1);
    expect(() => file.write([bytes('new')], 0)).toThrow(SimulatedCrash);
    expect(() => disk.remove('a')).toThrow(SimulatedCrash);
    expect(textsOf(disk.crashPoint().states())).toEqual(['a=old']);
  });

  test('during a write may leave it done, and during a sync leaves what was unsynced in doubt', () => {
    const { disk, file } = diskWith('old');
    disk.crashAt(disk.operations + 1, 'during');
    expect(() => file.write([bytes('new')], 0)).toThrow(SimulatedCrash);
    expect(textOf(disk.crashPoint().kept().disk())).toBe('a=new');
    expect(textOf(disk.crashPoint().lost().disk())).toBe('a=old');

    const { disk: other, file: synced } = diskWith('old');
    synced.write([bytes('new')], 0);
    other.crashAt(other.operations + 1, 'during');
    expect(() => synced.sync()).toThrow(SimulatedCrash);
    expect(textOf(other.crashPoint().lost().disk())).toBe('a=old');
    expect(textOf(other.crashPoint().killed())).toBe('a=new');
  });

  test('that was taken note of does not change with what is done later', () => {
    const { disk, file } = diskWith('old');
    const point = disk.crashPoint();
    file.write([bytes('new')], 0);
    file.sync();
    disk.remove('a');
    expect(textOf(point.killed())).toBe('a=old');
    expect(textsOf(point.states())).toEqual(['a=old']);
  });

  test('of the process alone keeps the cache, and a power cut after it may still lose it', () => {
    const { disk, file } = diskWith('old');
    file.write([bytes('new')], 0);
    const next = disk.crashPoint().killed();
    expect(textOf(next)).toBe('a=new');
    expect(textOf(next.crashPoint().lost().disk())).toBe('a=old');
    next.open('a', 'write').sync();
    expect(textOf(next.crashPoint().lost().disk())).toBe('a=new');
  });
});

test('behind a failed sync the cache lies: a second sync proves nothing, and evicting shows what is there (F10)', () => {
  const { disk, file } = diskWith('old');
  file.write([bytes('new')], 0);
  disk.fail({ on: 'sync', errno: 'EIO', times: 1 });
  expect(() => file.sync()).toThrow(code('ERR_WAL_IO'));
  expect(disk.faultsMet).toBe(1);
  file.sync();
  expect(textOf(disk)).toBe('a=new');
  expect(textOf(disk.crashPoint().lost().disk())).toBe('a=old');
  disk.evict();
  expect(textOf(disk)).toBe('a=old');
});

test('a disk of so many bytes is full behind them, and a file may still be written where it is long already', () => {
  const disk = new SimulatedDirectory({ capacityBytes: 6 });
  disk.create({ sync: true });
  const file = disk.open('a', 'create');
  file.write([bytes('1234')], 0);
  expect(() => file.write([bytes('5678')], 4)).toThrow(code('ERR_WAL_STORAGE_FULL'));
  // As on a real disk the part that fitted is there.
  expect([textOf(disk), disk.usedBytes]).toEqual(['a=123456', 6]);
  expect(() => file.truncate(7)).toThrow(code('ERR_WAL_STORAGE_FULL'));
  file.write([bytes('abcdef')], 0);
  expect(textOf(disk)).toBe('a=abcdef');
  disk.capacityBytes = 8;
  file.write([bytes('gh')], 6);
  expect(textOf(disk)).toBe('a=abcdefgh');
});

test('calls of so many bytes take several for one write, and a crash may come between them (F12)', () => {
  const disk = new SimulatedDirectory({ callBytesMax: 3 });
  disk.create({ sync: true });
  const file = disk.open('a', 'create');
  const before = disk.operations;
  const seen: string[] = [];
  disk.onOperation = () => seen.push(textOf(disk));
  file.write([bytes('1234'), bytes('5678')], 0);
  expect(disk.operations - before).toBe(3);
  expect(seen).toEqual(['a=', 'a=123', 'a=123456']);
  expect(textOf(disk)).toBe('a=12345678');
});

describe('the example in the docstring', () => {
  const source = readPackageFile('src/storage/simulated-directory.ts');
  const [, fenced = ''] = /```js\n([\s\S]*?)```/.exec(source) ?? [];
  const lines = fenced.split('\n').map((line) => line.replace(/^ \* ?/, ''));
  const [imports, ...body] = lines;
  const AsyncFunction = (async () => undefined).constructor as FunctionConstructor;
  const run = new AsyncFunction('SimulatedDirectory', 'openWalOn', body.join('\n'));

  test('runs as it stands', async () => {
    expect(imports).toBe("import { SimulatedDirectory, openWalOn } from 'lanewal/testing';");
    expect(body.length).toBeGreaterThan(8);
    await run(SimulatedDirectory, openWalOn);
  });

  test('fails over a disk whose syncs do nothing', async () => {
    class LyingDirectory extends SimulatedDirectory {
      override operate<T>(...[kind, name, act, ...more]: Parameters<SimulatedDirectory['operate']>): T {
        const isSync = kind === 'sync' || kind === 'syncDirectory';
        return super.operate(kind, name, isSync ? () => undefined : act, ...more) as T;
      }
    }
    await expect(run(LyingDirectory, openWalOn)).rejects.toThrow();
  });
});
