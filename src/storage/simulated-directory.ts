// The Directory contract over a simulated disk, for tests of whatever keeps its data through it. Cached and synced
// bytes, cached and synced names are apart; calls fail when told to; the process stops at a chosen operation; and
// `crashPoint` says what a crash now could leave (simulated-crash.ts). It loses what design/assumptions.md allows (A1
// to A5, A7), and nothing else. Not simulated: links, modes, sparse files, sectors that cannot be read.

import type { Directory, LogFile, OpenMode } from './directory.js';
import { CrashPoint, type DiskContents } from './simulated-crash.js';
import {
  attempt,
  attemptSync,
  type Fault,
  Faults,
  type OperationKind,
  SimulatedCrash,
  systemError,
} from './simulated-fault.js';
import { SimulatedFile } from './simulated-file.js';
import {
  applyName,
  Inode,
  isOptional,
  madeDoubtful,
  madeDurable,
  type NameChange,
  namesOf,
} from './simulated-inode.js';
import { checkName } from './system-call.js';

/** Settings of a simulated disk. */
export interface SimulatedDiskOptions {
  /** A label for messages; default `simulated:`. */
  readonly path?: string | undefined;
  /** Room for the contents of all files together, in bytes; default unlimited. Beyond it is ENOSPC. */
  readonly capacityBytes?: number | undefined;
  /** At most this many bytes are read or written by one call, the rest by more calls; default all (A7). */
  readonly callBytesMax?: number | undefined;
  /** Syncs that are begun (`startSync`) end when {@link SimulatedDirectory.endSyncs} says so; default at once. */
  readonly holdsSyncs?: boolean | undefined;
}

/** An operation that changes something, before it is done. */
export interface DiskOperation {
  /** From 1, without gaps. */
  readonly number: number;
  readonly kind: OperationKind;
  readonly name: string;
}

/**
 * A directory on a disk that can be crashed.
 *
 * ```js
 * import { SimulatedDirectory, openWalOn } from 'lanewal/testing';
 *
 * const disk = new SimulatedDirectory();
 * const wal = await openWalOn(disk, { pageSize: 512, logFileBytes: 65_536, ticker: false });
 * const page = { pageNumber: 1, image: new Uint8Array(512).fill(7) };
 * await wal.connect().append({ pages: [page] }).durable();
 * // The power fails now. Whatever it leaves, the commit is there.
 * for (const state of disk.crashPoint().states()) {
 *   const reopened = await openWalOn(state.disk(), { logFileBytes: 65_536, ticker: false });
 *   if (reopened.recovery.lastSeq !== 1) throw new Error(state.label);
 *   await reopened.close();
 * }
 * ```
 *
 * Threading: one thread only; every handle given this object sees the same files.
 */
export class SimulatedDirectory implements Directory {
  readonly path: string;
  /** Every operation so far that succeeded, but for reads and the like, as `rename a b`. May be emptied. */
  readonly done: string[] = [];
  /** Room for all files together, in bytes. */
  capacityBytes: number;
  /** At most this many bytes are read or written by one call. */
  callBytesMax: number;
  /** Called before each operation that changes something; the place to take a {@link crashPoint}. */
  onOperation: (operation: DiskOperation) => void = () => undefined;
  readonly #holdsSyncs: boolean;
  readonly #heldSyncs: (() => void)[] = [];
  readonly #faults = new Faults();
  #names: Map<string, Inode>;
  #syncedNames: ReadonlyMap<string, Inode>;
  #changes: readonly NameChange[];
  #isThere: boolean;
  #isEntrySynced: boolean;
  #operations = 0;
  #crashAt = Number.POSITIVE_INFINITY;
  #isCrashDuring = false;

  /** @param contents - what a crash left; default a directory that does not exist yet */
  constructor(options: SimulatedDiskOptions = {}, contents?: DiskContents) {
    this.path = options.path ?? 'simulated:';
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
    this.callBytesMax = options.callBytesMax ?? Number.POSITIVE_INFINITY;
    this.#holdsSyncs = options.holdsSyncs ?? false;
    this.#isThere = contents !== undefined;
    this.#isEntrySynced = contents?.isEntrySynced ?? false;
    this.#syncedNames = contents?.syncedNames ?? new Map();
    this.#changes = contents?.changes ?? [];
    this.#names = namesOf(this.#syncedNames, this.#changes);
  }

  /** Operations so far that change something; the number of the last one. */
  get operations(): number {
    return this.#operations;
  }

  /** Bytes of all files together, those open without a name left out. */
  get usedBytes(): number {
    return [...new Set(this.#names.values())].reduce((sum, { cache }) => sum + cache.bytes, 0);
  }

  /** Operations that failed so far because a fault said so. */
  get faultsMet(): number {
    return this.#faults.count;
  }

  /** Makes operations fail from now on. Several faults may be in force. What fails is not done. */
  fail(fault: Fault): void {
    this.#faults.add(fault);
  }

  /** Ends all faults. */
  heal(): void {
    this.#faults.clear();
  }

  /**
   * Stops the process at an operation: it and all later ones throw {@link SimulatedCrash}.
   *
   * @param operation - counted as {@link operations}, from 1
   * @param when - `before`: it has not begun. `during`: it may be done, in whole or in part
   */
  crashAt(operation: number, when: 'before' | 'during' = 'before'): void {
    this.#crashAt = operation;
    this.#isCrashDuring = when === 'during';
  }

  /** Syncs that were begun and have not ended. */
  get syncsHeld(): number {
    return this.#heldSyncs.length;
  }

  /** Ends the `count` oldest of the syncs that are held; default all. What waits for them goes on a turn later. */
  endSyncs(count = this.#heldSyncs.length): void {
    for (const end of this.#heldSyncs.splice(0, count)) end();
  }

  /** What cache and disk hold at this instant, and with it all that a crash could leave. */
  crashPoint(): CrashPoint {
    const { path, capacityBytes, callBytesMax } = this;
    const make = (left: DiskContents | undefined): SimulatedDirectory => {
      return new SimulatedDirectory({ path, capacityBytes, callBytesMax }, left);
    };
    if (!this.#isThere) return new CrashPoint(undefined, make);
    const contents = { syncedNames: this.#syncedNames, changes: this.#changes, isEntrySynced: this.#isEntrySynced };
    return new CrashPoint(contents, make);
  }

  /** Drops clean pages from the cache: what a failed sync met and did not write is gone from it, too (F10). */
  evict(): void {
    for (const inode of new Set(this.#names.values())) inode.evict();
  }

  exists(): boolean {
    return this.#isThere;
  }

  create(options: { sync: boolean }): void {
    attempt('create the directory', this.path, () => {
      this.operate('createDirectory', '', () => {
        this.#isThere = true;
        if (options.sync) this.#isEntrySynced = true;
      });
    });
  }

  list(): string[] {
    return attempt('list the directory', this.path, () => {
      this.#faults.meet('list', '');
      return [...this.#names.keys()];
    });
  }

  open(name: string, mode: OpenMode): LogFile {
    checkName(name);
    const inode = attempt('open the file', `${this.path}/${name}`, () => {
      return mode === 'create' ? this.#create(name) : this.#find('open', name);
    });
    if (mode !== 'create') this.done.push(`open ${name}`);
    return new SimulatedFile(this, name, inode, mode === 'create' || mode === 'write');
  }

  rename(from: string, to: string): void {
    checkName(from);
    checkName(to);
    attempt(`rename to ${to} the file`, `${this.path}/${from}`, () => {
      const inode = this.#lookUp(from);
      const change = (operation: number) => ({ kind: 'rename', name: from, to, inode, operation }) as const;
      this.operate('rename', from, (operation) => from !== to && this.#change(change(operation)), ` ${to}`);
    });
  }

  remove(name: string): void {
    checkName(name);
    attempt('remove the file', `${this.path}/${name}`, () => {
      const inode = this.#lookUp(name);
      this.operate('remove', name, (operation) => this.#change({ kind: 'remove', name, inode, operation }));
    });
  }

  sync(): void {
    attemptSync('sync the directory', this.path, () => {
      if (!this.#isThere) throw systemError('ENOENT', 'syncDirectory');
      const onFailure = (): void => {
        this.#changes = madeDoubtful(this.#changes);
      };
      this.operate('syncDirectory', '', () => this.#syncNames(), '', onFailure);
    });
  }

  /**
   * @internal One operation that changes something: counts it, stops or fails as told, does it.
   *
   * @param onFailure - what a failure leaves behind nevertheless
   */
  operate<T>(
    kind: OperationKind,
    name: string,
    act: (operation: number) => T,
    more = '',
    onFailure = (): void => undefined,
  ): T {
    const number = this.#operations + 1;
    if (number > this.#crashAt || (number === this.#crashAt && !this.#isCrashDuring)) throw this.#crashed();
    this.onOperation({ number, kind, name });
    this.#operations = number;
    this.meet(kind, name, onFailure);
    const isSync = kind === 'sync' || kind === 'syncDirectory';
    // A sync that is cut short proves nothing: what it was to write stays unsynced.
    const result = isSync && number === this.#crashAt ? undefined : act(number);
    if (number === this.#crashAt) throw this.#crashed();
    this.done.push(`${kind} ${name}${more}`.trim());
    return result as T;
  }

  /** @internal Does what a sync that was begun does, at its end. */
  whenSyncEnds(sync: () => void): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      if (this.#holdsSyncs) this.#heldSyncs.push(resolve);
      else resolve();
    });
    return ended.then(sync);
  }

  /** @internal Throws if a fault says so. */
  meet(kind: OperationKind, name: string, onFailure = (): void => undefined): void {
    try {
      this.#faults.meet(kind, name);
    } catch (error) {
      onFailure();
      throw error;
    }
  }

  /** @internal How many more bytes fit. */
  freeBytes(): number {
    return Math.max(0, this.capacityBytes - this.usedBytes);
  }

  #create(name: string): Inode {
    if (this.#names.has(name)) throw systemError('EEXIST', `create ${name}`);
    if (!this.#isThere) throw systemError('ENOENT', `create ${name}`);
    const inode = new Inode();
    this.operate('create', name, (operation) => this.#change({ kind: 'create', name, inode, operation }));
    return inode;
  }

  #find(kind: OperationKind, name: string): Inode {
    this.meet(kind, name);
    return this.#lookUp(name);
  }

  #lookUp(name: string): Inode {
    const inode = this.#names.get(name);
    if (inode === undefined) throw systemError('ENOENT', name);
    return inode;
  }

  #change(change: DistributiveOmit<NameChange, 'state'>): void {
    const made = { ...change, state: 'unsynced' } as NameChange;
    this.#names = new Map(this.#names);
    applyName(this.#names, made);
    this.#changes = [...this.#changes, made];
  }

  #syncNames(): void {
    this.#changes = madeDurable(this.#changes);
    if (this.#changes.some(isOptional)) return;
    this.#syncedNames = namesOf(this.#syncedNames, this.#changes);
    this.#changes = [];
  }

  #crashed(): SimulatedCrash {
    return new SimulatedCrash(`The simulated process has crashed at operation ${this.#crashAt}.`);
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
