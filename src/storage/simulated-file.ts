// A file of a simulated disk, as an open handle. The disk counts, fails and stops; the file only knows its bytes.

import { WalError } from '../base/errors.js';
import type { LogFile } from './directory.js';
import type { SimulatedDirectory } from './simulated-directory.js';
import { attempt, attemptSync, systemError } from './simulated-fault.js';
import type { Inode } from './simulated-inode.js';
import { checkPosition, closedError, readFully, writeFully } from './system-call.js';

/** @internal Made by `SimulatedDirectory.open`. */
export class SimulatedFile implements LogFile {
  readonly name: string;
  readonly #directory: SimulatedDirectory;
  readonly #isWritable: boolean;
  #inode: Inode | undefined;

  constructor(directory: SimulatedDirectory, name: string, inode: Inode, isWritable: boolean) {
    this.#directory = directory;
    this.name = name;
    this.#inode = inode;
    this.#isWritable = isWritable;
  }

  get #path(): string {
    return `${this.#directory.path}/${this.name}`;
  }

  read(target: Uint8Array, position: number): number {
    checkPosition(position);
    const { cache } = this.#opened();
    return attempt(
      'read the file',
      this.#path,
      () => readFully((rest, at) => this.#readSome(cache, rest, at), target, position),
      {
        position,
      },
    );
  }

  write(pieces: readonly Uint8Array[], position: number): void {
    checkPosition(position);
    const inode = this.#openedForWriting();
    const writeSome = (batch: readonly Uint8Array[], at: number): number => this.#writeSome(inode, batch, at);
    attempt('write the file', this.#path, () => writeFully(writeSome, pieces, position), { position });
  }

  async startWrite(pieces: readonly Uint8Array[], position: number): Promise<void> {
    // As late as can be: whoever does not wait for it finds bytes that it changed since, or a sync that missed it.
    await new Promise((resolve) => setImmediate(resolve));
    this.write(pieces, position);
  }

  sync(): void {
    this.#sync();
  }

  startSync(): Promise<void> {
    // What is written from here on it does not cover.
    const { changes } = this.#opened();
    return this.#directory.whenSyncEnds(() => this.#sync(changes));
  }

  size(): number {
    const { cache } = this.#opened();
    return attempt('take the size of the file', this.#path, () => {
      this.#directory.meet('size', this.name);
      return cache.bytes;
    });
  }

  truncate(bytes: number): void {
    checkPosition(bytes);
    const inode = this.#openedForWriting();
    attempt('set the size of the file', this.#path, () => {
      this.#directory.operate('truncate', this.name, (operation) => {
        if (bytes - inode.cache.bytes > this.#directory.freeBytes()) throw systemError('ENOSPC', 'truncate');
        inode.change({ kind: 'truncate', bytes, operation, state: 'unsynced' });
      });
    });
  }

  close(): void {
    if (this.#inode === undefined) return;
    this.#inode = undefined;
    attemptSync('close the file', this.#path, () => this.#directory.meet('close', this.name));
    this.#directory.done.push(`close ${this.name}`);
  }

  #sync(covered?: Inode['changes']): void {
    const inode = this.#opened();
    attemptSync('sync the file', this.#path, () => {
      const onFailure = (): void => inode.failSync(covered);
      this.#directory.operate('sync', this.name, () => inode.sync(covered), '', onFailure);
    });
  }

  #readSome(cache: Inode['cache'], target: Uint8Array, position: number): number {
    this.#directory.meet('read', this.name);
    return cache.read(target.subarray(0, this.#directory.callBytesMax), position);
  }

  #writeSome(inode: Inode, batch: readonly Uint8Array[], position: number): number {
    return this.#directory.operate('write', this.name, (operation) => {
      const whole = Buffer.concat(batch);
      const room = Math.max(0, inode.cache.bytes - position) + this.#directory.freeBytes();
      const bytes = new Uint8Array(whole.subarray(0, Math.min(this.#directory.callBytesMax, room)));
      if (bytes.length === 0) throw systemError('ENOSPC', `write ${this.name}`);
      inode.change({ kind: 'write', position, bytes, operation, state: 'unsynced' });
      return bytes.length;
    });
  }

  #opened(): Inode {
    if (this.#inode === undefined) throw closedError(this.#path);
    return this.#inode;
  }

  #openedForWriting(): Inode {
    const inode = this.#opened();
    if (this.#isWritable) return inode;
    throw new WalError('ERR_WAL_IO', `The file ${this.#path} is open for reading only.`, { path: this.#path });
  }
}
