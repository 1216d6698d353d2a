// The Directory contract in memory: what node-directory.ts does, without a file system, for logs that need not
// outlive the process and for tests. Not here: faults and crashes. Kept: a file is reached through its open handles
// after its name is gone, as on POSIX. It lives on one thread; several handles there may share it.

import { invalidArgument, WalError } from '../base/errors.js';
import { Contents } from './contents.js';
import type { Directory, LogFile, OpenMode } from './directory.js';
import { checkName, checkPosition, closedError } from './system-call.js';

/** Settings of a {@link MemoryDirectory}. */
export interface MemoryDirectoryOptions {
  /** A label for messages; default `memory:`. */
  readonly path?: string | undefined;
  /** Whether syncs count as done, for tests of what syncs; default false: every sync is refused. */
  readonly pretendSync?: boolean | undefined;
}

/**
 * A directory that nothing outlives. A sync would prove nothing, and is refused (`ERR_WAL_INVALID_ARGUMENT`) unless
 * the directory is asked to pretend: a log on it has `fsync: 'off'`.
 *
 * Threading: one thread only; every handle given this object sees the same files.
 */
export class MemoryDirectory implements Directory {
  readonly path: string;
  /** Whether syncs count as done. */
  readonly pretendSync: boolean;
  /** Calls of `write` on any file so far. */
  writeCount = 0;
  /** Syncs so far: of files, of the directory, and the one in `create`. */
  syncCount = 0;
  #files: Map<string, Contents> | undefined;

  constructor({ path = 'memory:', pretendSync = false }: MemoryDirectoryOptions = {}) {
    this.path = path;
    this.pretendSync = pretendSync;
  }

  exists(): boolean {
    return this.#files !== undefined;
  }

  create(options: { sync: boolean }): void {
    if (options.sync) this.countSync();
    this.#files ??= new Map();
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
    return new MemoryFile(this, name, this.#contentsOf(name), mode === 'create' || mode === 'write');
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
    this.countSync();
  }

  /** @internal A sync of a file, or of the directory. */
  countSync(): void {
    if (!this.pretendSync)
      throw invalidArgument(
        `${this.path} is memory, which cannot be synced: set fsync to 'off', or pretendSync of the directory to true.`,
        { path: this.path },
      );
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

  async startWrite(pieces: readonly Uint8Array[], position: number): Promise<void> {
    this.write(pieces, position);
  }

  sync(): void {
    this.#opened();
    this.#directory.countSync();
  }

  async startSync(): Promise<void> {
    this.sync();
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
    throw closedError(`${this.#directory.path}/${this.name}`);
  }

  #openedForWriting(): Contents {
    const contents = this.#opened();
    if (this.#writable) return contents;
    const path = `${this.#directory.path}/${this.name}`;
    throw new WalError('ERR_WAL_IO', `The file ${path} is open for reading only.`, { path });
  }
}
