// One suite that every Directory passes, so that a test over memory says something about files; then what only a
// real file system can do: links, FIFOs, modes, short writes and errors of the system.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WalError } from '../../src/base/errors.js';
import type { Directory } from '../../src/storage/directory.js';
import { MemoryDirectory } from '../../src/storage/memory-directory.js';
import { NodeDirectory } from '../../src/storage/node-directory.js';
import { SimulatedDirectory } from '../../src/storage/simulated-directory.js';
import { type DirectoryTraits, directoryContract, openWalOn } from '../../src/testing.js';

type WriteDone = (error: Error | null, count: number) => void;

let root = '';

beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'lanewal-directory-'));
});

afterEach(() => {
  vi.restoreAllMocks();
  fs.rmSync(root, { recursive: true, force: true });
});

/** The code of the WalError that `operation` throws; anything else fails the test. */
function codeOf(operation: () => unknown): string {
  try {
    operation();
  } catch (thrown) {
    if (thrown instanceof WalError) return thrown.code;
    throw thrown;
  }
  return 'nothing was thrown';
}

/** The code of the WalError that `work` rejects with. */
async function codeBehind(work: Promise<unknown>): Promise<string> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  return codeOf(() => {
    if (thrown !== undefined) throw thrown.error;
  });
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function sharedBytes(text: string): Uint8Array {
  const view = new Uint8Array(new SharedArrayBuffer(text.length));
  view.set(bytes(text));
  return view;
}

function textOf(directory: Directory, name: string): string {
  const file = directory.open(name, 'read');
  const target = new Uint8Array(file.size());
  expect(file.read(target, 0)).toBe(target.length);
  file.close();
  return new TextDecoder().decode(target);
}

function put(directory: Directory, name: string, text: string): void {
  const file = directory.open(name, 'create');
  file.write([bytes(text)], 0);
  file.close();
}

/** A directory that exists. */
function created(make: () => Directory): Directory {
  const directory = make();
  directory.create({ sync: false });
  return directory;
}

/** Puts directories to the public contract, and to what only this package's own promise. */
function contractOf(name: string, make: () => Directory, traits: DirectoryTraits = {}): void {
  describe(`${name}: a directory`, () => {
    const checks = directoryContract(make, traits).map(({ name, run }) => [name, run] as const);
    test.each(checks)('contract: %s', (_, run) => run());

    test.each(['', '.', '..', '../a', 'a/b', 'a\\b', 'a\0b'])(
      'takes %j for a bug, because it is no entry name',
      (bad) => {
        const directory = created(make);
        expect(codeOf(() => directory.open(bad, 'create'))).toBe('ERR_WAL_INVARIANT');
        expect(codeOf(() => directory.remove(bad))).toBe('ERR_WAL_INVARIANT');
        expect(codeOf(() => directory.rename(bad, 'a'))).toBe('ERR_WAL_INVARIANT');
      },
    );

    test.each([-1, 0.5, Number.NaN, 2 ** 53])('takes the position %d for a bug', async (position) => {
      const file = created(make).open('a', 'create');
      expect(codeOf(() => file.read(new Uint8Array(1), position))).toBe('ERR_WAL_INVARIANT');
      expect(codeOf(() => file.write([bytes('x')], position))).toBe('ERR_WAL_INVARIANT');
      expect(await codeBehind(file.startWrite([bytes('x')], position))).toBe('ERR_WAL_INVARIANT');
      expect(codeOf(() => file.truncate(position))).toBe('ERR_WAL_INVARIANT');
      file.close();
    });
  });
}

contractOf('node', () => new NodeDirectory(join(fs.mkdtempSync(join(root, 'made-')), 'log')));
for (const syncMethod of ['fsync', ...(process.platform === 'linux' ? ['dsync' as const] : [])] as const)
  contractOf(`node, with ${syncMethod}`, () => {
    return new NodeDirectory(join(fs.mkdtempSync(join(root, 'made-')), 'log'), { syncMethod });
  });
contractOf('memory', () => new MemoryDirectory(), { canSync: false });
contractOf('memory that pretends', () => new MemoryDirectory({ pretendSync: true }));
contractOf('simulated', () => new SimulatedDirectory());
contractOf('simulated, with short calls (F12)', () => new SimulatedDirectory({ callBytesMax: 3 }));

test('the contract says which promise a directory breaks', async () => {
  class Forgetful extends MemoryDirectory {
    override rename(from: string, to: string): void {
      super.remove(to);
      super.rename(from, to);
    }
  }
  const outcomes = await Promise.allSettled(
    directoryContract(() => new Forgetful(), { canSync: false }).map(({ run }) => run()),
  );
  const names = directoryContract(() => new Forgetful(), { canSync: false }).map(({ name }) => name);
  expect(names.filter((_, at) => outcomes[at]?.status === 'rejected')).toEqual([
    'renames a file to its own name without losing it',
  ]);
});

test('memory is not synced by whoever opens a log on it without saying so', async () => {
  expect(await codeBehind(openWalOn(new MemoryDirectory()))).toBe('ERR_WAL_INVALID_ARGUMENT');
  const wal = await openWalOn(new MemoryDirectory(), { fsync: 'off', lanes: 1 });
  await wal.close();
});

test('a memory directory counts its writes and syncs', () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  directory.create({ sync: true });
  const file = directory.open('a', 'create');
  file.write([bytes('x'), bytes('y')], 0);
  file.sync();
  directory.sync();
  expect([directory.writeCount, directory.syncCount]).toEqual([1, 3]);
});

describe('node: the file system', () => {
  /** An error as the system reports it. */
  function systemError(code: string): Error {
    return Object.assign(new Error(`${code}: injected`), { code });
  }

  function logDirectory(): NodeDirectory {
    return created(() => new NodeDirectory(join(root, 'log'))) as NodeDirectory;
  }

  /** The directories that `operation` syncs, in order. */
  function syncedBy(operation: () => void): string[] {
    const synced: string[] = [];
    const { openSync } = fs;
    const original = openSync.bind(fs);
    const paths = new Map<number, string>();
    vi.spyOn(fs, 'openSync').mockImplementation((path, ...rest) => {
      const fd = original(path, ...rest);
      paths.set(fd, String(path));
      return fd;
    });
    vi.spyOn(fs, 'fsyncSync').mockImplementation((fd) => {
      synced.push(paths.get(fd) ?? 'unknown');
    });
    operation();
    return synced;
  }

  test.each(['fdatasync', 'fsync', 'dsync'] as const)(
    'R7: %s makes every write durable in its own way',
    async (way) => {
      if (way === 'dsync' && process.platform !== 'linux') {
        expect(codeOf(() => new NodeDirectory(root, { syncMethod: way }))).toBe('ERR_WAL_INVALID_ARGUMENT');
        return;
      }
      const directory = created(() => new NodeDirectory(join(root, 'log'), { syncMethod: way }));
      const calls: string[] = [];
      const { openSync } = fs;
      vi.spyOn(fs, 'openSync').mockImplementation((path, flags, mode) => {
        if ((Number(flags) & fs.constants.O_DSYNC) !== 0) calls.push('O_DSYNC');
        return openSync(path, flags, mode);
      });
      vi.spyOn(fs, 'fdatasyncSync').mockImplementation(() => void calls.push('fdatasync'));
      vi.spyOn(fs, 'fsyncSync').mockImplementation(() => void calls.push('fsync'));
      const note = (name: string) => (_: number, done: fs.NoParamCallback) => {
        calls.push(name);
        done(null);
      };
      vi.spyOn(fs, 'fdatasync').mockImplementation(note('fdatasync') as never);
      vi.spyOn(fs, 'fsync').mockImplementation(note('fsync') as never);
      const file = directory.open('a', 'create');
      file.write([bytes('x')], 0);
      file.sync();
      await file.startSync();
      // What O_DSYNC says nothing about is synced by a call, once.
      file.truncate(10);
      file.sync();
      await file.startSync();
      file.close();
      directory.open('a', 'read').close();
      expect(calls).toEqual(way === 'dsync' ? ['O_DSYNC', 'fdatasync'] : [way, way, way, way]);
    },
  );

  test('creates parents as needed and syncs every directory that got an entry', () => {
    const directory = new NodeDirectory(join(root, 'a/b/c'));
    const synced = syncedBy(() => directory.create({ sync: true }));
    expect(synced).toEqual([join(root, 'a/b'), join(root, 'a'), root]);
    expect(directory.exists()).toBe(true);
  });

  test('syncs the parent of a directory whose creator may have died before its sync', () => {
    const directory = logDirectory();
    expect(syncedBy(() => directory.create({ sync: true }))).toEqual([root]);
    expect(syncedBy(() => directory.create({ sync: false }))).toEqual([]);
  });

  test('gives directories mode 0700 and files mode 0600', () => {
    const directory = logDirectory();
    put(directory, 'a', '');
    expect(fs.statSync(directory.path).mode & 0o777).toBe(0o700);
    expect(fs.statSync(join(directory.path, 'a')).mode & 0o777).toBe(0o600);
  });

  test('does not mistake a file for the directory', () => {
    fs.writeFileSync(join(root, 'log'), '');
    const directory = new NodeDirectory(join(root, 'log'));
    expect(directory.exists()).toBe(false);
    expect(codeOf(() => directory.create({ sync: false }))).toBe('ERR_WAL_EXISTS');
    expect(codeOf(() => directory.list())).toBe('ERR_WAL_IO');
  });

  test('F30: links, directories, FIFOs and devices are refused, in every mode', () => {
    const directory = logDirectory();
    fs.writeFileSync(join(root, 'outside'), 'untouched');
    fs.symlinkSync(join(root, 'outside'), join(directory.path, 'link'));
    fs.symlinkSync(join(root, 'nothing'), join(directory.path, 'dangling'));
    fs.mkdirSync(join(directory.path, 'folder'));
    const odd = ['link', 'dangling', 'folder'];
    if (spawnSync('mkfifo', [join(directory.path, 'fifo')]).status === 0) odd.push('fifo');
    if (spawnSync('mknod', [join(directory.path, 'null'), 'c', '1', '3']).status === 0) odd.push('null');
    for (const name of odd) {
      expect(codeOf(() => directory.open(name, 'read'))).toBe('ERR_WAL_IO');
      expect(codeOf(() => directory.open(name, 'write'))).toBe('ERR_WAL_IO');
      expect(codeOf(() => directory.open(name, 'create'))).toBe('ERR_WAL_EXISTS');
    }
    expect(fs.readFileSync(join(root, 'outside'), 'utf8')).toBe('untouched');
    expect(fs.existsSync(join(root, 'nothing'))).toBe(false);
  });

  test('F30: a refused file leaves no descriptor open', () => {
    const directory = logDirectory();
    fs.mkdirSync(join(directory.path, 'folder'));
    const close = vi.spyOn(fs, 'closeSync');
    expect(codeOf(() => directory.open('folder', 'read'))).toBe('ERR_WAL_IO');
    expect(close).toHaveBeenCalledTimes(1);
  });

  test('F12: short writes continue where they stopped, whatever piece that is in', () => {
    const directory = logDirectory();
    const file = directory.open('a', 'create');
    const { writevSync, writeSync } = fs;
    const short = (bytesMax: number) => (fd: number, pieces: readonly NodeJS.ArrayBufferView[], position?: number) => {
      const joined = Buffer.concat(pieces as Uint8Array[]).subarray(0, bytesMax);
      return writeSync(fd, joined, 0, joined.length, position);
    };
    for (let bytesMax = 1; bytesMax <= 10; bytesMax += 1) {
      const spy = vi.spyOn(fs, 'writevSync').mockImplementation(short(bytesMax));
      file.write([bytes('ab'), bytes('c'), sharedBytes('defg'), bytes('hij')], 0);
      expect(textOf(directory, 'a')).toBe('abcdefghij');
      spy.mockRestore();
      file.truncate(0);
    }
    expect(fs.writevSync).toBe(writevSync);
    const once = vi
      .spyOn(fs, 'writeSync')
      .mockImplementation(((fd: number, piece: Uint8Array, from: number, _: number, at: number) =>
        writeSync(fd, piece, from, 1, at)) as typeof fs.writeSync);
    file.write([bytes('single')], 0);
    expect(once).toHaveBeenCalledTimes(6);
    expect(textOf(directory, 'a')).toBe('single');
    file.close();
  });

  test('F12: short writes continue while the thread goes on, and one without progress is an error', async () => {
    const directory = logDirectory();
    const file = directory.open('a', 'create');
    const { writeSync } = fs;
    const writev = vi.spyOn(fs, 'writev');
    const takeAtMost = (bytesMax: number): void => {
      writev.mockImplementation(((fd: number, pieces: Uint8Array[], at: number, done: WriteDone) => {
        const joined = Buffer.concat(pieces).subarray(0, bytesMax);
        done(null, joined.length === 0 ? 0 : writeSync(fd, joined, 0, joined.length, at));
      }) as typeof fs.writev);
    };
    for (let bytesMax = 1; bytesMax <= 10; bytesMax += 1) {
      takeAtMost(bytesMax);
      await file.startWrite([bytes('ab'), bytes('c'), sharedBytes('defg'), bytes('hij')], 0);
      expect(textOf(directory, 'a')).toBe('abcdefghij');
      file.truncate(0);
    }
    takeAtMost(0);
    expect(await codeBehind(file.startWrite([bytes('x')], 0))).toBe('ERR_WAL_IO');
    for (const [errno, code] of [
      ['ENOSPC', 'ERR_WAL_STORAGE_FULL'],
      ['EIO', 'ERR_WAL_IO'],
    ] as const) {
      writev.mockImplementation(((_: number, __: Uint8Array[], ___: number, done: WriteDone) =>
        done(systemError(errno), 0)) as typeof fs.writev);
      expect(await codeBehind(file.startWrite([bytes('x')], 0))).toBe(code);
    }
    file.close();
  });

  test('F12: short reads continue', () => {
    const directory = logDirectory();
    put(directory, 'a', '0123456789');
    const { readSync } = fs;
    vi.spyOn(fs, 'readSync').mockImplementation(((
      fd: number,
      target: Uint8Array,
      from: number,
      length: number,
      at: number,
    ) => readSync(fd, target, from, Math.min(length, 3), at)) as typeof fs.readSync);
    expect(textOf(directory, 'a')).toBe('0123456789');
  });

  test('F12: a write that makes no progress is an error, not a loop', () => {
    const file = logDirectory().open('a', 'create');
    vi.spyOn(fs, 'writeSync').mockReturnValue(0);
    vi.spyOn(fs, 'writevSync').mockReturnValue(0);
    expect(codeOf(() => file.write([bytes('x')], 0))).toBe('ERR_WAL_IO');
    expect(codeOf(() => file.write([bytes('x'), bytes('y')], 0))).toBe('ERR_WAL_IO');
    file.close();
  });

  test.each(['ENOSPC', 'EDQUOT'])('F11: %s is a full disk when writing and fatal when syncing', (errno) => {
    const directory = logDirectory();
    const file = directory.open('a', 'create');
    const fail = () => {
      throw systemError(errno);
    };
    for (const name of ['writeSync', 'writevSync', 'fdatasyncSync', 'fsyncSync', 'ftruncateSync'] as const) {
      vi.spyOn(fs, name).mockImplementation(fail);
    }
    expect(codeOf(() => file.write([bytes('x')], 0))).toBe('ERR_WAL_STORAGE_FULL');
    expect(codeOf(() => file.write([bytes('x'), bytes('y')], 0))).toBe('ERR_WAL_STORAGE_FULL');
    expect(codeOf(() => file.truncate(1))).toBe('ERR_WAL_STORAGE_FULL');
    expect(codeOf(() => file.sync())).toBe('ERR_WAL_IO');
    expect(codeOf(() => directory.sync())).toBe('ERR_WAL_IO');
    expect(codeOf(() => new NodeDirectory(join(root, 'b')).create({ sync: true }))).toBe('ERR_WAL_IO');
    const openSync = vi.spyOn(fs, 'openSync').mockImplementation(fail);
    expect(codeOf(() => directory.open('b', 'create'))).toBe('ERR_WAL_STORAGE_FULL');
    openSync.mockRestore();
    file.close();
  });

  test('F42: an error while reading is an error, never the end of the file', () => {
    const directory = logDirectory();
    put(directory, 'a', '0123456789');
    const file = directory.open('a', 'read');
    const { readSync } = fs;
    const spy = vi.spyOn(fs, 'readSync');
    spy.mockImplementationOnce(((fd: number, target: Uint8Array, from: number, _: number, at: number) =>
      readSync(fd, target, from, 3, at)) as typeof fs.readSync);
    spy.mockImplementationOnce(() => {
      throw systemError('EIO');
    });
    expect(codeOf(() => file.read(new Uint8Array(10), 0))).toBe('ERR_WAL_IO');
    file.close();
    vi.spyOn(fs, 'openSync').mockImplementation(() => {
      throw systemError('EMFILE');
    });
    expect(codeOf(() => directory.open('a', 'read'))).toBe('ERR_WAL_IO');
    vi.spyOn(fs, 'readdirSync').mockImplementation(() => {
      throw systemError('EACCES');
    });
    expect(codeOf(() => directory.list())).toBe('ERR_WAL_IO');
  });

  test('F43: a failed close gives the descriptor number up', () => {
    const file = logDirectory().open('a', 'create');
    const { closeSync } = fs;
    const spy = vi.spyOn(fs, 'closeSync').mockImplementation((fd) => {
      closeSync(fd);
      throw systemError('ENOSPC');
    });
    expect(codeOf(() => file.close())).toBe('ERR_WAL_IO');
    file.close();
    expect(spy).toHaveBeenCalledTimes(1);
    expect(codeOf(() => file.size())).toBe('ERR_WAL_CLOSED');
  });
});
