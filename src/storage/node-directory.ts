// The Directory contract over the file system of Node.js; with lock.ts the only importer of node:fs.
// Not here: which files exist and what is in them. Kept: every count is checked and short operations continue
// (faults.md F12); nothing but a regular file is opened and no link followed (F30); an error is never "end of file"
// (F42); a descriptor dies with its LogFile and its number is never used again (F43); a failed sync never looks
// retryable, whatever its errno (A5).

import fs from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { invalidArgument, WalError } from '../base/errors.js';
import type { SyncMethod } from '../settings.js';
import type { Directory, LogFile, OpenMode } from './directory.js';
import {
  attempt,
  attemptSync,
  callError,
  checkName,
  checkPosition,
  closedError,
  errnoOf,
  readFully,
  startWriteFully,
  syncError,
  writeFully,
} from './system-call.js';

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = fs.constants;

/** No links followed, and no hanging on the other end of a FIFO. Windows has neither flag. */
const REFUSE_ODD_FILES = (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0);

const FLAGS: Readonly<Record<OpenMode, number>> = {
  create: O_RDWR | O_CREAT | O_EXCL,
  write: O_RDWR,
  read: O_RDONLY,
  // Without the flag no page cache is passed: who asks for it is refused first.
  direct: O_RDONLY | (fs.constants.O_DIRECT ?? 0),
};

/** Settings of a {@link NodeDirectory}. */
export interface NodeDirectoryOptions {
  /** Default `fdatasync`. `dsync` opens files with O_DSYNC, on Linux only; elsewhere that does not reach the disk. */
  readonly syncMethod?: SyncMethod | undefined;
}

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/**
 * A directory of the file system.
 *
 * Threading: holds no descriptor itself, but the files it opens belong to the thread that opened them.
 */
export class NodeDirectory implements Directory {
  readonly path: string;
  readonly #syncMethod: SyncMethod;

  /**
   * @param path - made absolute here, so that a later change of the working directory moves nothing
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT for a way to sync that this system does not have
   */
  constructor(path: string, { syncMethod = 'fdatasync' }: NodeDirectoryOptions = {}) {
    if (syncMethod === 'dsync' && process.platform !== 'linux')
      throw invalidArgument('syncMethod dsync is for Linux: elsewhere it does not reach the disk.', { syncMethod });
    this.path = resolve(path);
    this.#syncMethod = syncMethod;
  }

  exists(): boolean {
    return attempt('look at the directory', this.path, () => {
      return fs.statSync(this.path, { throwIfNoEntry: false })?.isDirectory() ?? false;
    });
  }

  create(options: { sync: boolean }): void {
    const first = attempt('create the directory', this.path, () => makeDirectories(this.path));
    if (!options.sync) return;
    // What was there already may come from a process that died before its sync, so its own entry is synced again.
    const highest = first ?? this.path;
    for (let entry = this.path; ; entry = dirname(entry)) {
      syncDirectory(dirname(entry), { required: first !== undefined });
      if (entry === highest || entry === dirname(entry)) return;
    }
  }

  list(): string[] {
    return attempt('list the directory', this.path, () => {
      try {
        return fs.readdirSync(this.path);
      } catch (thrown) {
        if (errnoOf(thrown) === 'ENOENT') return [];
        throw thrown;
      }
    });
  }

  open(name: string, mode: OpenMode): LogFile {
    const path = this.#pathOf(name);
    if (mode === 'direct' && fs.constants.O_DIRECT === undefined)
      throw invalidArgument('This system has no direct I/O; it is for Linux.', { path });
    const isWritten = mode === 'create' || mode === 'write';
    const fd = openRegularFile(
      path,
      FLAGS[mode] | (isWritten && this.#syncMethod === 'dsync' ? fs.constants.O_DSYNC : 0),
    );
    return new NodeFile(path, fd, this.#syncMethod);
  }

  rename(from: string, to: string): void {
    const [source, target] = [this.#pathOf(from), this.#pathOf(to)];
    attempt(`rename to ${to} the file`, source, () => fs.renameSync(source, target));
  }

  /**
   * Moves a file into another directory of the same file system, over whatever has the name `to` there. Durable only
   * after `sync` of both (A4, A13).
   *
   * @throws {WalError} ERR_WAL_NOT_FOUND, ERR_WAL_IO (EXDEV between two file systems)
   */
  moveTo(name: string, target: NodeDirectory, to: string): void {
    const [source, destination] = [this.#pathOf(name), target.#pathOf(to)];
    attempt(`move to ${destination} the file`, source, () => fs.renameSync(source, destination));
  }

  remove(name: string): void {
    const path = this.#pathOf(name);
    attempt('remove the file', path, () => fs.unlinkSync(path));
  }

  sync(): void {
    syncDirectory(this.path, { required: true });
  }

  #pathOf(name: string): string {
    checkName(name);
    return join(this.path, name);
  }
}

class NodeFile implements LogFile {
  readonly name: string;
  readonly #path: string;
  readonly #syncMethod: SyncMethod;
  /** Whether anything was done that a file with O_DSYNC does not make durable by itself: its size was set. */
  #isSyncNeeded = false;
  #descriptor: number | undefined;

  constructor(path: string, descriptor: number, syncMethod: SyncMethod) {
    this.name = basename(path);
    this.#path = path;
    this.#descriptor = descriptor;
    this.#syncMethod = syncMethod;
  }

  read(target: Uint8Array, position: number): number {
    checkPosition(position);
    const fd = this.#opened();
    return attempt(
      'read the file',
      this.#path,
      () => readFully((rest, at) => fs.readSync(fd, rest, 0, rest.length, at), target, position),
      { position },
    );
  }

  write(pieces: readonly Uint8Array[], position: number): void {
    checkPosition(position);
    const fd = this.#opened();
    attempt('write the file', this.#path, () => writeFully((batch, at) => writeOnce(fd, batch, at), pieces, position), {
      position,
    });
  }

  async startWrite(pieces: readonly Uint8Array[], position: number): Promise<void> {
    checkPosition(position);
    const fd = this.#opened();
    try {
      await startWriteFully((batch, at) => startWriteOnce(fd, batch, at), pieces, position);
    } catch (thrown) {
      throw callError('write the file', this.#path, thrown, { position });
    }
  }

  sync(): void {
    const fd = this.#opened();
    if (this.#isWritten()) return;
    const sync = this.#syncMethod === 'fsync' ? fs.fsyncSync : fs.fdatasyncSync;
    attemptSync('sync the file', this.#path, () => sync(fd));
    this.#isSyncNeeded = false;
  }

  startSync(): Promise<void> {
    const fd = this.#opened();
    if (this.#isWritten()) return Promise.resolve();
    const sync = this.#syncMethod === 'fsync' ? fs.fsync : fs.fdatasync;
    this.#isSyncNeeded = false;
    return new Promise((resolve, reject) => {
      sync(fd, (error) => {
        if (error === null) resolve();
        else reject(syncError('sync the file', this.#path, error));
      });
    });
  }

  size(): number {
    const fd = this.#opened();
    return attempt('take the size of the file', this.#path, () => fs.fstatSync(fd).size);
  }

  truncate(bytes: number): void {
    checkPosition(bytes);
    const fd = this.#opened();
    this.#isSyncNeeded = true;
    attempt('set the size of the file', this.#path, () => fs.ftruncateSync(fd, bytes), { bytes });
  }

  close(): void {
    const fd = this.#descriptor;
    if (fd === undefined) return;
    // First, because after a failed close the number may already belong to another file.
    this.#descriptor = undefined;
    // A network file system reports a lost write here: as fatal as a failed sync, and never "try again".
    attemptSync('close the file', this.#path, () => fs.closeSync(fd));
  }

  /** Whether every write of this handle was durable when it returned, and nothing else is to be made so. */
  #isWritten(): boolean {
    return this.#syncMethod === 'dsync' && !this.#isSyncNeeded;
  }

  #opened(): number {
    if (this.#descriptor === undefined) throw closedError(this.#path);
    return this.#descriptor;
  }
}

/**
 * Opens `path` and makes sure that it is a regular file.
 *
 * @param flags - of `open`; O_NOFOLLOW is added, and 0600 is the mode of a file that is created
 * @returns a descriptor that the caller closes on the thread it is on
 * @throws {WalError} ERR_WAL_NOT_FOUND, ERR_WAL_EXISTS, ERR_WAL_STORAGE_FULL, ERR_WAL_IO
 */
export function openRegularFile(path: string, flags: number): number {
  const fd = attempt('open the file', path, () => fs.openSync(path, flags | REFUSE_ODD_FILES, FILE_MODE));
  let isFile = false;
  try {
    isFile = attempt('look at the file', path, () => fs.fstatSync(fd).isFile());
  } finally {
    if (!isFile) fs.closeSync(fd);
  }
  if (!isFile) {
    throw new WalError('ERR_WAL_IO', `${path} is not a regular file. Move it away; it is not part of a log.`, { path });
  }
  return fd;
}

function writeOnce(fd: number, batch: readonly Uint8Array[], position: number): number {
  const [only] = batch;
  if (batch.length > 1 || only === undefined) return fs.writevSync(fd, batch, position);
  return fs.writeSync(fd, only, 0, only.length, position);
}

function startWriteOnce(fd: number, batch: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.writev(fd, batch, position, (error, count) => (error === null ? resolve(count) : reject(error)));
  });
}

/**
 * Makes a directory and those above it that are missing. Node's own way to do so hides a read-only file system behind
 * ENOENT.
 *
 * @returns the highest directory made; undefined when `path` was one already
 */
function makeDirectories(path: string): string | undefined {
  try {
    return makeDirectory(path);
  } catch (thrown) {
    const parent = dirname(path);
    if (errnoOf(thrown) !== 'ENOENT' || parent === path) throw thrown;
    const first = makeDirectories(parent);
    const own = makeDirectory(path);
    return first ?? own;
  }
}

/** @returns `path`, or undefined when it was a directory already */
function makeDirectory(path: string): string | undefined {
  try {
    fs.mkdirSync(path, { mode: DIRECTORY_MODE });
    return path;
  } catch (thrown) {
    if (fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return undefined;
    throw thrown;
  }
}

/** Makes the entries of `path` durable. A parent that we may pass but not open is let be unless it is `required`. */
function syncDirectory(path: string, options: { required: boolean }): void {
  // Windows cannot open a directory for this; NTFS keeps names in its own journal.
  if (process.platform === 'win32') return;
  attemptSync('sync the directory', path, () => {
    let fd: number;
    try {
      fd = fs.openSync(path, O_RDONLY | fs.constants.O_DIRECTORY);
    } catch (thrown) {
      if (!options.required && errnoOf(thrown) === 'EACCES') return;
      throw thrown;
    }
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  });
}
