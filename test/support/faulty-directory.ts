// A directory around another one that notes every operation and fails those it is told to. What fails has not been
// done.

import { WalError } from '../../src/base/errors.js';
import type { Directory, LogFile, OpenMode } from '../../src/storage/directory.js';

/** What is done to a directory or to one of its files. */
export type Operation = 'create' | 'open' | 'write' | 'sync' | 'close' | 'rename' | 'remove' | 'syncDirectory';

export class FaultyDirectory implements Directory {
  readonly path: string;
  /** Every operation so far that succeeded, as `rename a b`. */
  readonly done: string[] = [];
  /** Decides before an operation whether it fails; `name` is the file's. */
  fault: (operation: Operation, name: string) => Error | undefined = () => undefined;
  readonly #inner: Directory;

  constructor(inner: Directory) {
    this.#inner = inner;
    this.path = inner.path;
  }

  /** Fails every write, rename and creation as a full disk does, until told otherwise. */
  fill(isFull: boolean): void {
    const full = new WalError('ERR_WAL_STORAGE_FULL', 'no space left');
    this.fault = (operation) =>
      isFull && (operation === 'write' || operation === 'create' || operation === 'rename') ? full : undefined;
  }

  /** Fails the next operation of this kind, once. */
  failNext(failing: Operation, error: Error = new WalError('ERR_WAL_IO', `${failing} failed`)): void {
    this.fault = (operation) => {
      if (operation !== failing) return undefined;
      this.fault = () => undefined;
      return error;
    };
  }

  exists(): boolean {
    return this.#inner.exists();
  }

  create(options: { sync: boolean }): void {
    this.#inner.create(options);
  }

  list(): string[] {
    return this.#inner.list();
  }

  open(name: string, mode: OpenMode): LogFile {
    const file = this.#do(mode === 'create' ? 'create' : 'open', name, () => this.#inner.open(name, mode));
    return {
      name,
      read: (target, position) => file.read(target, position),
      write: (pieces, position) => this.#do('write', name, () => file.write(pieces, position)),
      sync: () => this.#do('sync', name, () => file.sync()),
      size: () => file.size(),
      truncate: (bytes) => file.truncate(bytes),
      close: () => this.#do('close', name, () => file.close()),
    };
  }

  rename(from: string, to: string): void {
    this.#do('rename', from, () => this.#inner.rename(from, to), ` ${to}`);
  }

  remove(name: string): void {
    this.#do('remove', name, () => this.#inner.remove(name));
  }

  sync(): void {
    this.#do('syncDirectory', '', () => this.#inner.sync());
  }

  #do<T>(operation: Operation, name: string, act: () => T, more = ''): T {
    const error = this.fault(operation, name);
    if (error !== undefined) throw error;
    const result = act();
    this.done.push(`${operation} ${name}${more}`.trim());
    return result;
  }
}
