// The Directory contract in memory: what node-directory.ts does, without a file system, for logs that need not
// outlive the process and for tests. Not here: faults and crashes. Kept: a file is reached through its open handles
// after its name is gone, as on POSIX. It lives on one thread; several handles there may share it.

import { assert } from '../base/assert.js';
import { WalError } from '../base/errors.js';
import type { Directory, LogFile, OpenMode } from './directory.js';

/** First room a file gets; from there it doubles, so that appending stays linear. */
const ROOM_BYTES_MIN = 4096;

/**
 * A directory that nothing outlives.
 *
 * Threading: one thread only; every handle given this object sees the same files.
 */
export class MemoryDirectory implements Directory {
  readonly path: string;
  /** Calls of `write` on any file so far. */
  writeCount = 0;
  /** Syncs so far: of files, of the directory, and the one in `create`. */
  syncCount = 0;
  #files: Map<string, Contents> | undefined;

  /** @param path - a label for messages */
  constructor(path = 'memory:') {
    this.path = path;
  }

  exists(): boolean {
    return this.#files !== undefined;
  }

  create(options: { sync: boolean }): void {
    this.#files ??= new Map();
    if (options.sync) this.syncCount += 1;
  }

  list(): string[] {
    return [...(this.#files?.keys() ?? [])];
  }

  open(name: string, mode: OpenMode): LogFile {
    checkName(name);
    if (mode === 'create') {
      if (this.#files?.has(name)) throw this.#error('ERR_WAL_EXISTS', name, 'is already there');
      if (this.#files === undefined) throw this.#error('ERR_WAL_NOT_FOUND', name, 'has no directory to be in');
      this.#files.set(name, new Contents());
    }
    return new MemoryFile(this, name, this.#contentsOf(name), mode !== 'read');
  }

  rename(from: string, to: string): void {
    checkName(from);
    checkName(to);
    const contents = this.#contentsOf(from);
    this.#files?.delete(from);
    this.#files?.set(to, contents);
  }

  remove(name: string): void {
    checkName(name);
    this.#contentsOf(name);
    this.#files?.delete(name);
  }

  sync(): void {
    if (this.#files === undefined) throw this.#error('ERR_WAL_IO', '.', 'cannot be synced: there is no directory');
    this.syncCount += 1;
  }

  #contentsOf(name: string): Contents {
    const contents = this.#files?.get(name);
    if (contents === undefined) throw this.#error('ERR_WAL_NOT_FOUND', name, 'is not there');
    return contents;
  }

  #error(code: 'ERR_WAL_EXISTS' | 'ERR_WAL_NOT_FOUND' | 'ERR_WAL_IO', name: string, problem: string): WalError {
    const path = `${this.path}/${name}`;
    return new WalError(code, `${path} ${problem}.`, { path });
  }
}

class MemoryFile implements LogFile {
  readonly name: string;
  readonly #directory: MemoryDirectory;
  readonly #writable: boolean;
  #contents: Contents | undefined;

  constructor(directory: MemoryDirectory, name: string, contents: Contents, writable: boolean) {
    this.#directory = directory;
    this.name = name;
    this.#contents = contents;
    this.#writable = writable;
  }

  read(target: Uint8Array, position: number): number {
    checkPosition(position);
    return this.#opened().read(target, position);
  }

  write(pieces: readonly Uint8Array[], position: number): void {
    checkPosition(position);
    const contents = this.#openedForWriting();
    this.#directory.writeCount += 1;
    let at = position;
    for (const piece of pieces) {
      contents.write(piece, at);
      at += piece.length;
    }
  }

  sync(): void {
    this.#opened();
    this.#directory.syncCount += 1;
  }

  size(): number {
    return this.#opened().bytes;
  }

  truncate(bytes: number): void {
    checkPosition(bytes);
    this.#openedForWriting().resize(bytes);
  }

  close(): void {
    this.#contents = undefined;
  }

  #opened(): Contents {
    if (this.#contents !== undefined) return this.#contents;
    const path = `${this.#directory.path}/${this.name}`;
    throw new WalError('ERR_WAL_CLOSED', `The file ${path} was used after it was closed.`, { path });
  }

  #openedForWriting(): Contents {
    const contents = this.#opened();
    if (this.#writable) return contents;
    const path = `${this.#directory.path}/${this.name}`;
    throw new WalError('ERR_WAL_IO', `The file ${path} is open for reading only.`, { path });
  }
}

/** The bytes of one file. Room beyond `bytes` is zero at all times, so that growing needs no clearing. */
class Contents {
  bytes = 0;
  #room = new Uint8Array(0);

  read(target: Uint8Array, position: number): number {
    const found = this.#room.subarray(Math.min(position, this.bytes), Math.min(position + target.length, this.bytes));
    target.set(found);
    return found.length;
  }

  write(piece: Uint8Array, position: number): void {
    if (piece.length === 0) return;
    if (position + piece.length > this.bytes) this.resize(position + piece.length);
    this.#room.set(piece, position);
  }

  resize(bytes: number): void {
    if (bytes > this.#room.length) {
      const grown = new Uint8Array(Math.max(bytes, this.#room.length * 2, ROOM_BYTES_MIN));
      grown.set(this.#room);
      this.#room = grown;
    } else if (bytes < this.bytes) {
      this.#room.fill(0, bytes, this.bytes);
    }
    this.bytes = bytes;
  }
}

function checkName(name: string): void {
  assert(/^[^/\\\0]+$/.test(name) && name !== '.' && name !== '..', 'an entry name is one path component');
}

function checkPosition(position: number): void {
  assert(Number.isSafeInteger(position) && position >= 0, 'a place in a file is a whole number from 0');
}
