// The Directory contract as checks that any directory can be put to, in any test runner (lanewal/testing). Each check
// makes a directory of its own and throws if a promise of directory.ts is not kept. Not here: what a crash leaves, for
// which a directory has to be a disk that can be crashed (simulated-directory.ts).

import assert from 'node:assert/strict';
import { type ErrorCode, WalError } from '../base/errors.js';
import type { Directory, LogFile } from './directory.js';

/** One promise of a directory. */
export interface DirectoryCheck {
  /** A sentence: what a directory does. */
  readonly name: string;
  /** Resolves if it does; rejects with an `AssertionError`, or with what the directory threw. */
  run(): Promise<void>;
}

/** Makes a directory that does not exist yet, each time another one. */
export type MakeDirectory = () => Directory;

/** What is known of the directories. */
export interface DirectoryTraits {
  /** Whether they can be synced; default true. Those that cannot have to refuse it, each time. */
  readonly canSync?: boolean | undefined;
}

type Law = (make: MakeDirectory) => void | Promise<void>;

/** The code that `operation` throws; an error of no code, or none, fails the check. */
function throws(code: ErrorCode, operation: () => unknown): void {
  assert.throws(operation, (thrown) => isWalError(thrown, code));
}

async function rejects(code: ErrorCode, work: () => Promise<unknown>): Promise<void> {
  await assert.rejects(work, (thrown) => isWalError(thrown, code));
}

function isWalError(thrown: unknown, code: ErrorCode): boolean {
  assert(thrown instanceof WalError, `a directory throws WalErrors, and not ${String(thrown)}`);
  assert.equal(thrown.code, code);
  return true;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Lanes are shared memory, and are written from there. */
function sharedBytes(text: string): Uint8Array {
  const view = new Uint8Array(new SharedArrayBuffer(text.length));
  view.set(bytes(text));
  return view;
}

function created(make: MakeDirectory): Directory {
  const directory = make();
  directory.create({ sync: false });
  return directory;
}

function put(directory: Directory, name: string, text: string): void {
  const file = directory.open(name, 'create');
  file.write([bytes(text)], 0);
  file.close();
}

function textOf(directory: Directory, name: string): string {
  const file = directory.open(name, 'read');
  const target = new Uint8Array(file.size());
  assert.equal(file.read(target, 0), target.length);
  file.close();
  return new TextDecoder().decode(target);
}

/** More pieces than one system call takes. */
const PIECES = Array.from({ length: 2500 }, (_, index) => `${index};`);
const NAMES_REFUSED = ['', '.', '..', '../a', 'a/b', 'a\\b', 'a\0b'];
const POSITIONS_REFUSED = [-1, 0.5, Number.NaN, 2 ** 53];

const DIRECTORY_LAWS: Readonly<Record<string, Law>> = {
  'does not exist, and has no entries, before it is created': (make) => {
    const directory = make();
    assert.equal(directory.exists(), false);
    assert.deepEqual(directory.list(), []);
    throws('ERR_WAL_NOT_FOUND', () => directory.open('a', 'create'));
  },

  'can be created twice, and keeps its files': (make) => {
    const directory = created(make);
    put(directory, 'a', 'kept');
    directory.create({ sync: false });
    assert.equal(directory.exists(), true);
    assert.equal(textOf(directory, 'a'), 'kept');
  },

  'lists exactly the files that are there': (make) => {
    const directory = created(make);
    for (const name of ['a', 'b', 'c']) put(directory, name, '');
    directory.remove('b');
    assert.deepEqual(directory.list().sort(), ['a', 'c']);
  },

  'renames over whatever has the name': (make) => {
    const directory = created(make);
    put(directory, 'old', 'new contents');
    put(directory, 'target', 'old contents');
    directory.rename('old', 'target');
    assert.deepEqual(directory.list(), ['target']);
    assert.equal(textOf(directory, 'target'), 'new contents');
  },

  'renames a file to its own name without losing it': (make) => {
    const directory = created(make);
    put(directory, 'a', 'kept');
    directory.rename('a', 'a');
    assert.equal(textOf(directory, 'a'), 'kept');
  },

  'says what is missing': (make) => {
    const directory = created(make);
    throws('ERR_WAL_NOT_FOUND', () => directory.rename('a', 'b'));
    throws('ERR_WAL_NOT_FOUND', () => directory.remove('a'));
    throws('ERR_WAL_NOT_FOUND', () => directory.open('a', 'read'));
    throws('ERR_WAL_NOT_FOUND', () => directory.open('a', 'write'));
  },

  'refuses what is no name of an entry': (make) => {
    const directory = created(make);
    put(directory, 'a', 'kept');
    for (const name of NAMES_REFUSED) {
      assert.throws(() => directory.open(name, 'create'), Error, JSON.stringify(name));
      assert.throws(() => directory.remove(name), Error, JSON.stringify(name));
      assert.throws(() => directory.rename(name, 'b'), Error, JSON.stringify(name));
      assert.throws(() => directory.rename('a', name), Error, JSON.stringify(name));
    }
    assert.deepEqual(directory.list(), ['a']);
  },
};

const SYNC_LAWS: Readonly<Record<string, Law>> = {
  'is synced, with its files, once it exists': async (make) => {
    const directory = make();
    directory.create({ sync: true });
    const file = directory.open('a', 'create');
    file.write([bytes('x')], 0);
    file.sync();
    await file.startSync();
    file.close();
    directory.sync();
    throws('ERR_WAL_CLOSED', () => file.sync());
  },

  'fails a sync, and not the disk, before it exists': (make) => throws('ERR_WAL_IO', () => make().sync()),
};

const NO_SYNC_LAWS: Readonly<Record<string, Law>> = {
  'refuses every sync, because it would prove nothing': async (make) => {
    assert.throws(() => make().create({ sync: true }));
    const directory = created(make);
    const file = directory.open('a', 'create');
    for (let round = 1; round <= 2; round += 1) {
      assert.throws(() => directory.sync());
      assert.throws(() => file.sync());
      await assert.rejects(async () => file.startSync());
    }
    file.close();
  },
};

const FILE_LAWS: Readonly<Record<string, Law>> = {
  'has files that are created only where nothing is': (make) => {
    const directory = created(make);
    put(directory, 'a', 'first');
    throws('ERR_WAL_EXISTS', () => directory.open('a', 'create'));
    assert.equal(textOf(directory, 'a'), 'first');
  },

  'has files that start empty, and know their names': (make) => {
    const file = created(make).open('a', 'create');
    assert.equal(file.name, 'a');
    assert.equal(file.size(), 0);
    assert.equal(file.read(new Uint8Array(8), 0), 0);
    file.close();
  },

  'writes pieces in order, empty and shared ones too': (make) => {
    const directory = created(make);
    const file = directory.open('a', 'create');
    file.write([bytes('one '), new Uint8Array(0), sharedBytes('two '), bytes('three')], 0);
    file.write([sharedBytes('TWO')], 4);
    file.write([], 2);
    file.write([new Uint8Array(0)], 100);
    file.close();
    assert.equal(textOf(directory, 'a'), 'one TWO three');
  },

  'writes more pieces than one system call takes': (make) => {
    const directory = created(make);
    const file = directory.open('a', 'create');
    file.write(PIECES.map(bytes), 0);
    file.close();
    assert.equal(textOf(directory, 'a'), PIECES.join(''));
  },

  'writes while the thread goes on: all pieces, in order, at their place': async (make) => {
    const directory = created(make);
    const file = directory.open('a', 'create');
    file.write([bytes('kept')], 0);
    await file.startWrite([new Uint8Array(0), ...PIECES.map(bytes), sharedBytes('end')], 4);
    await file.startWrite([], 2);
    file.close();
    assert.equal(textOf(directory, 'a'), `kept${PIECES.join('')}end`);
    await rejects('ERR_WAL_CLOSED', async () => file.startWrite([bytes('x')], 0));
  },

  'reads fewer bytes than asked for only at the end of a file': (make) => {
    const directory = created(make);
    put(directory, 'a', '0123456789');
    const file = directory.open('a', 'read');
    const target = sharedBytes('........');
    assert.equal(file.read(target, 4), 6);
    assert.equal(new TextDecoder().decode(new Uint8Array(target)), '456789..');
    assert.equal(file.read(target, 10), 0);
    assert.equal(file.read(target, 1000), 0);
    file.close();
  },

  'has zeros wherever nothing was written': (make) => {
    const directory = created(make);
    const file = directory.open('a', 'create');
    file.write([bytes('ab')], 6);
    file.truncate(12);
    assert.equal(file.size(), 12);
    file.close();
    assert.equal(textOf(directory, 'a'), '\0\0\0\0\0\0ab\0\0\0\0');
  },

  'forgets what was cut off when a file grows again': (make) => {
    const directory = created(make);
    put(directory, 'a', 'secret');
    const file = directory.open('a', 'write');
    file.truncate(2);
    file.truncate(4);
    file.write([bytes('!')], 5);
    file.close();
    assert.equal(textOf(directory, 'a'), 'se\0\0\0!');
  },

  'has the same file behind every handle, also once its name is gone': (make) => {
    const directory = created(make);
    const writer = directory.open('a', 'create');
    const reader = directory.open('a', 'read');
    writer.write([bytes('seen')], 0);
    assert.equal(readFrom(reader, 4), 'seen');
    directory.remove('a');
    put(directory, 'a', 'another file');
    assert.equal(readFrom(reader, 4), 'seen');
    writer.close();
    reader.close();
  },

  'never writes a file that is open for reading': (make) => {
    const directory = created(make);
    put(directory, 'a', 'kept');
    const file = directory.open('a', 'read');
    throws('ERR_WAL_IO', () => file.write([bytes('x')], 0));
    throws('ERR_WAL_IO', () => file.truncate(0));
    file.close();
    assert.equal(textOf(directory, 'a'), 'kept');
  },

  'closes files twice without harm, and refuses everything after that': (make) => {
    const file = created(make).open('a', 'create');
    file.close();
    file.close();
    throws('ERR_WAL_CLOSED', () => file.read(new Uint8Array(1), 0));
    throws('ERR_WAL_CLOSED', () => file.write([bytes('x')], 0));
    throws('ERR_WAL_CLOSED', () => file.size());
    throws('ERR_WAL_CLOSED', () => file.truncate(0));
  },

  'refuses what is no place in a file': async (make) => {
    const file = created(make).open('a', 'create');
    for (const position of POSITIONS_REFUSED) {
      assert.throws(() => file.read(new Uint8Array(1), position), Error, String(position));
      assert.throws(() => file.write([bytes('x')], position), Error, String(position));
      assert.throws(() => file.truncate(position), Error, String(position));
      await assert.rejects(async () => file.startWrite([bytes('x')], position), Error, String(position));
    }
    file.close();
  },
};

function readFrom(file: LogFile, count: number): string {
  const target = new Uint8Array(count);
  assert.equal(file.read(target, 0), count);
  return new TextDecoder().decode(target);
}

/**
 * What every directory does, as checks for a test runner.
 *
 * ```js
 * import { directoryContract } from 'lanewal/testing';
 *
 * for (const { name, run } of directoryContract(() => new MyDirectory())) test(name, run);
 * ```
 *
 * @param make - called once or more by each check
 */
export function directoryContract(make: MakeDirectory, { canSync = true }: DirectoryTraits = {}): DirectoryCheck[] {
  const laws = { ...DIRECTORY_LAWS, ...(canSync ? SYNC_LAWS : NO_SYNC_LAWS), ...FILE_LAWS };
  return Object.entries(laws).map(([name, law]) => ({ name, run: async () => law(make) }));
}
