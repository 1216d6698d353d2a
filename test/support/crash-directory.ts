// A directory whose disk can lose what was not synced, and that stops at a chosen operation. It loses exactly what
// design/assumptions.md allows: sectors of unsynced writes in any combination (A2, A3), and any of the changes of names
// since the directory's last sync, in no order (A4).

import { WalError } from '../../src/base/errors.js';
import type { Directory, LogFile, OpenMode } from '../../src/storage/directory.js';

/** Thrown at the chosen operation; everything after it throws it too. */
export class Crashed extends Error {}

/** What becomes of that which was not synced: `kept` is the death of the process, the others are power cuts. */
export type Loss = 'kept' | 'lost' | { readonly random: () => number };

interface Inode {
  live: Uint8Array;
  durable: Uint8Array;
}

const SECTOR_BYTES = 512;

export class CrashDirectory implements Directory {
  readonly path = 'crash:';
  /** Operations that change something, so far. */
  operations = 0;
  /** The operation to stop at; it is not done, but for the first half of a write. */
  crashAt = Number.POSITIVE_INFINITY;
  #names: Map<string, Inode>;
  /** Names as of the last sync, and each change since. */
  #durableNames: Map<string, Inode>;
  #changes: ((names: Map<string, Inode>) => void)[] = [];

  constructor(names = new Map<string, Inode>()) {
    this.#names = names;
    this.#durableNames = new Map(names);
  }

  /** The directory as the next process finds it. */
  afterCrash(loss: Loss): CrashDirectory {
    const names = new Map(loss === 'kept' ? this.#names : this.#durableNames);
    if (typeof loss === 'object') for (const change of this.#changes) if (loss.random() < 0.5) change(names);
    const files = new Map<string, Inode>();
    for (const [name, inode] of names) {
      const bytes =
        loss === 'kept' ? inode.live.slice() : loss === 'lost' ? inode.durable.slice() : mixed(inode, loss.random);
      // After the death of the process alone the cache still holds what is not on disk (F10).
      files.set(name, { live: bytes, durable: loss === 'kept' ? inode.durable.slice() : bytes.slice() });
    }
    return new CrashDirectory(files);
  }

  exists(): boolean {
    return true;
  }

  create(): void {}

  list(): string[] {
    return [...this.#names.keys()];
  }

  open(name: string, mode: OpenMode): LogFile {
    if (mode === 'create') {
      if (this.#names.has(name)) throw new WalError('ERR_WAL_EXISTS', name);
      this.operate();
      const inode = { live: new Uint8Array(0), durable: new Uint8Array(0) };
      this.#change((names) => names.set(name, inode));
    }
    const inode = this.#names.get(name);
    if (inode === undefined) throw new WalError('ERR_WAL_NOT_FOUND', name);
    return new CrashFile(this, name, inode);
  }

  rename(from: string, to: string): void {
    this.operate();
    const inode = this.#names.get(from);
    if (inode === undefined) throw new WalError('ERR_WAL_NOT_FOUND', from);
    this.#change((names) => {
      names.delete(from);
      names.set(to, inode);
    });
  }

  remove(name: string): void {
    this.operate();
    const inode = this.#names.get(name);
    if (inode === undefined) throw new WalError('ERR_WAL_NOT_FOUND', name);
    this.#change((names) => {
      // Only this file: another one may have taken the name by a change that became durable first.
      if (names.get(name) === inode) names.delete(name);
    });
  }

  sync(): void {
    this.operate();
    this.#durableNames = new Map(this.#names);
    this.#changes = [];
  }

  #change(change: (names: Map<string, Inode>) => void): void {
    change(this.#names);
    this.#changes.push(change);
  }

  /** Counts an operation, and stops the process at the chosen one. */
  operate(): void {
    this.operations += 1;
    if (this.operations >= this.crashAt) throw new Crashed(`at operation ${this.operations}`);
  }
}

class CrashFile implements LogFile {
  constructor(
    private readonly directory: CrashDirectory,
    readonly name: string,
    private readonly inode: Inode,
  ) {}

  read(target: Uint8Array, position: number): number {
    const bytes = this.inode.live.subarray(position, position + target.length);
    target.set(bytes);
    return bytes.length;
  }

  write(pieces: readonly Uint8Array[], position: number): void {
    const whole = Buffer.concat(pieces);
    try {
      this.directory.operate();
    } catch (error) {
      if (this.directory.operations === this.directory.crashAt)
        this.#put(whole.subarray(0, whole.length >> 1), position);
      throw error;
    }
    this.#put(whole, position);
  }

  sync(): void {
    this.directory.operate();
    this.inode.durable = this.inode.live.slice();
  }

  size(): number {
    return this.inode.live.length;
  }

  truncate(bytes: number): void {
    this.directory.operate();
    this.#resize(bytes);
  }

  close(): void {}

  #put(bytes: Uint8Array, position: number): void {
    if (position + bytes.length > this.inode.live.length) this.#resize(position + bytes.length);
    this.inode.live.set(bytes, position);
  }

  #resize(bytes: number): void {
    const live = new Uint8Array(bytes);
    live.set(this.inode.live.subarray(0, bytes));
    this.inode.live = live;
  }
}

/** Each sector as it was synced, or as it was written last. */
function mixed({ live, durable }: Inode, random: () => number): Uint8Array {
  const bytes = new Uint8Array(random() < 0.5 ? live.length : durable.length);
  for (let at = 0; at < bytes.length; at += SECTOR_BYTES) {
    const source = random() < 0.5 ? live : durable;
    bytes.set(source.subarray(at, Math.min(at + SECTOR_BYTES, bytes.length)), at);
  }
  return bytes;
}

/** A small seeded generator (mulberry32), so that a failure can be run again. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}
