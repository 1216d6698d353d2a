// What a simulated disk knows of one file and of the names in its directory: what is on the disk for certain, and each
// change since, in order. Not here: who makes changes (simulated-directory.ts), and what a crash makes of them
// (simulated-crash.ts). All of it but the cache is never changed in place, so that a crash point can share it.

import { Contents } from './contents.js';

/** What all changes have in common. */
interface Change {
  /** Number of the operation that made it. */
  readonly operation: number;
  /**
   * `unsynced`: may or may not survive a crash. `failed`: likewise, and no later sync makes it durable, although the
   * cache holds it (A5). `durable`: survives, but stands behind one that failed.
   */
  readonly state: 'unsynced' | 'failed' | 'durable';
}

/** A change to a file's bytes. */
export type FileChange = Change &
  (
    | { readonly kind: 'write'; readonly position: number; readonly bytes: Uint8Array }
    | { readonly kind: 'truncate'; readonly bytes: number }
  );

/** A change to the directory's names. A rename is one change: both names or neither. */
export type NameChange = Change &
  (
    | { readonly kind: 'create' | 'remove'; readonly name: string; readonly inode: Inode }
    | { readonly kind: 'rename'; readonly name: string; readonly to: string; readonly inode: Inode }
  );

/** One file, whatever its names. Its cache is always what the changes make of the base. */
export class Inode {
  /** What a read finds. After a failed sync it need not be what is on the disk. */
  readonly cache: Contents;
  /** What is on the disk for certain. */
  base: Uint8Array;
  /** Replaced by every change and every sync, so that it also identifies the state of the file. */
  changes: readonly FileChange[];

  constructor(base: Uint8Array = new Uint8Array(0), changes: readonly FileChange[] = []) {
    this.base = base;
    this.changes = [...changes];
    this.cache = new Contents(applied(base, changes));
  }

  change(change: FileChange): void {
    if (change.kind === 'write') this.cache.write(change.bytes, change.position);
    else this.cache.resize(change.bytes);
    this.changes = [...this.changes, change];
  }

  /** @param covered - the changes that the sync was begun behind; default all */
  sync(covered?: readonly FileChange[]): void {
    this.#settle(madeDurable(this.changes, covered));
  }

  failSync(covered?: readonly FileChange[]): void {
    this.changes = madeDoubtful(this.changes, covered);
  }

  /** Forgets what failed syncs met, as a cache does that believes it written; then it is not on the disk. */
  evict(): void {
    this.#settle(this.changes.filter(({ state }) => state !== 'failed'));
    const bytes = applied(this.base, this.changes);
    this.cache.resize(0);
    this.cache.write(bytes, 0);
  }

  #settle(changes: readonly FileChange[]): void {
    const isCertain = !changes.some(isOptional);
    if (isCertain) this.base = applied(this.base, changes);
    this.changes = isCertain ? [] : changes;
  }
}

/** Whether a change need not survive a crash. */
export function isOptional({ state }: Change): boolean {
  return state !== 'durable';
}

export function madeDurable<C extends Change>(changes: readonly C[], covered = changes): readonly C[] {
  return settled(changes, 'durable', covered);
}

export function madeDoubtful<C extends Change>(changes: readonly C[], covered = changes): readonly C[] {
  return settled(changes, 'failed', covered);
}

function settled<C extends Change>(
  changes: readonly C[],
  state: 'durable' | 'failed',
  covered: readonly C[],
): readonly C[] {
  const isMet = (change: C): boolean => change.state === 'unsynced' && covered.includes(change);
  return changes.map((change) => (isMet(change) ? { ...change, state } : change));
}

/** The bytes that `changes` make of `base`. */
export function applied(base: Uint8Array, changes: readonly FileChange[]): Uint8Array {
  const contents = new Contents(base);
  for (const change of changes) {
    if (change.kind === 'write') contents.write(change.bytes, change.position);
    else contents.resize(change.bytes);
  }
  return contents.copy();
}

/** Does to `names` what a change does. One that another change became durable before may find its name taken. */
export function applyName(names: Map<string, Inode>, change: NameChange): void {
  const { kind, name, inode } = change;
  if (kind === 'create') names.set(name, inode);
  else if (names.get(name) === inode) names.delete(name);
  if (kind === 'rename') names.set(change.to, inode);
}

/** The names that `changes` make of `names`. */
export function namesOf(names: ReadonlyMap<string, Inode>, changes: readonly NameChange[]): Map<string, Inode> {
  const result = new Map(names);
  for (const change of changes) applyName(result, change);
  return result;
}
