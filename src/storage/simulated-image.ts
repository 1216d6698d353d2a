// What a crash can leave of one file: any choice of its unsynced changes, whole or torn by sector (A3).

import { createHash } from 'node:crypto';
import { applied, type FileChange, type Inode, isOptional } from './simulated-inode.js';

/** A sector is old or new. */
export const SECTOR_BYTES = 512;

/** What stands in a sector of an unsynced write that did not get there. */
type Missing = 'old' | 'zero' | 'garbage';
const MISSING: readonly Missing[] = ['old', 'zero', 'garbage'];

/** Beyond this there are too many choices to go through: 2 to the power of it. */
const CHOICES_MAX = 16;

/** One possible state of a file. */
export interface FileState {
  /** What became of the changes; empty when there were none. */
  readonly label: string;
  readonly hash: string;
  bytes(): Uint8Array;
}

/** A file at a crash: what is certain and what is not. */
export class FileImage {
  readonly base: Uint8Array;
  readonly changes: readonly FileChange[];
  #whole: readonly FileState[] | undefined;
  readonly #torn = new Map<string, readonly FileState[]>();

  private constructor(base: Uint8Array, changes: readonly FileChange[]) {
    this.base = base;
    this.changes = changes;
  }

  /** The image of a file as it is now; the same one until the file changes. */
  static of({ base, changes }: Inode): FileImage {
    const known = IMAGES.get(changes);
    if (known !== undefined) return known;
    const image = new FileImage(base, changes);
    IMAGES.set(changes, image);
    return image;
  }

  /** Everything, as in the cache, or only what is certain. */
  get kept(): FileState {
    return this.#state('', this.changes);
  }

  get lost(): FileState {
    return this.#state(
      '',
      this.changes.filter((change) => !isOptional(change)),
    );
  }

  /** Every subset of whole unsynced changes, in every order that makes a difference; without repetition. */
  whole(): readonly FileState[] {
    this.#whole ??= withoutRepetition(this.#wholeStates());
    return this.#whole;
  }

  /**
   * Every tearing of each unsynced write, the other unsynced changes kept, or all lost: each prefix and suffix of its
   * sectors, each subset of the first `sectorsMax`; the sectors that are missing are old, zero or garbage.
   */
  torn(others: 'kept' | 'lost', sectorsMax: number): readonly FileState[] {
    const key = `${others} ${sectorsMax}`;
    const states = this.#torn.get(key) ?? withoutRepetition(this.#tornStates(others, sectorsMax));
    this.#torn.set(key, states);
    return states;
  }

  *#tornStates(others: 'kept' | 'lost', sectorsMax: number): Generator<FileState> {
    for (const [index, change] of this.changes.entries()) {
      if (change.kind !== 'write' || !isOptional(change)) continue;
      const isIn = (other: FileChange): boolean => others === 'kept' || !isOptional(other);
      const before = this.changes.slice(0, index).filter(isIn);
      const after = this.changes.slice(index + 1).filter(isIn);
      const sectors = sectorsOf(change);
      for (const mask of tearings(sectors.length, sectorsMax)) {
        for (const missing of MISSING) {
          const part = tear(change, sectors, (sector) => (mask[sector] === '1' ? 'new' : missing));
          yield this.#state(`${nameOf(change)}=${mask}/${missing}`, [...before, ...part, ...after]);
        }
      }
    }
  }

  /** One state at random: each change kept, lost or torn, now and then out of order. */
  random(random: () => number): FileState {
    const labels: string[] = [];
    let changes: FileChange[] = [];
    for (const change of this.changes) {
      const choice = isOptional(change) ? random() : 0;
      if (choice < 0.4) changes.push(change);
      else if (choice >= 0.7 && change.kind === 'write') {
        const sectors = sectorsOf(change);
        changes.push(...tear(change, sectors, () => fateOf(random())));
        labels.push(`${nameOf(change)} torn`);
      } else labels.push(`-${nameOf(change)}`);
    }
    const isOrdered = changes.some((change) => !isOptional(change)) || random() < 0.75;
    if (!isOrdered) {
      changes = changes
        .map((change) => ({ change, at: random() }))
        .sort(byPlace)
        .map(({ change }) => change);
      labels.push('out of order');
    }
    return this.#state(labels.join(' '), changes);
  }

  *#wholeStates(): Generator<FileState> {
    const optional = this.changes.filter(isOptional);
    if (optional.length > CHOICES_MAX) {
      throw new RangeError(`${optional.length} unsynced changes of one file have too many states; take random ones.`);
    }
    for (let mask = 2 ** optional.length - 1; mask >= 0; mask -= 1) {
      const lost = optional.filter((_, index) => (mask & (1 << index)) === 0);
      const kept = this.changes.filter((change) => !lost.includes(change));
      const label = lost.map((change) => `-${nameOf(change)}`).join(' ');
      for (const ordered of orders(kept)) {
        const isMoved = ordered.some((change, index) => change !== kept[index]);
        yield this.#state(isMoved ? `${label} as ${ordered.map(nameOf).join(' ')}` : label, ordered);
      }
    }
  }

  #state(label: string, changes: readonly FileChange[]): FileState {
    const bytes = (): Uint8Array => applied(this.base, changes);
    return { label, hash: createHash('sha1').update(bytes()).digest('base64'), bytes };
  }
}

/** By the array of changes, which every change replaces: images keep their states between crash points. */
const IMAGES = new WeakMap<readonly FileChange[], FileImage>();

function withoutRepetition(states: Iterable<FileState>): readonly FileState[] {
  const byHash = new Map<string, FileState>();
  for (const state of states) if (!byHash.has(state.hash)) byHash.set(state.hash, state);
  return [...byHash.values()];
}

function byPlace(one: { at: number }, other: { at: number }): number {
  return one.at - other.at;
}

function nameOf({ kind, operation }: FileChange): string {
  return `${kind}${operation}`;
}

function fateOf(choice: number): Missing | 'new' {
  if (choice < 0.5) return 'new';
  return MISSING[Math.floor((choice - 0.5) * 2 * MISSING.length)] as Missing;
}

/** The order of `changes` and all others that can give something else. */
function* orders(changes: readonly FileChange[]): Generator<readonly FileChange[]> {
  if (!changes.some((earlier, index) => changes.slice(index + 1).some((later) => matters(earlier, later)))) {
    yield changes;
    return;
  }
  yield* ordersFrom([], changes);
}

function* ordersFrom(done: readonly FileChange[], left: readonly FileChange[]): Generator<readonly FileChange[]> {
  if (left.length === 0) yield done;
  const last = done.at(-1);
  for (const [index, change] of left.entries()) {
    // Of two neighbours whose order does not matter only the order they were made in is gone through.
    if (last !== undefined && change.operation < last.operation && !matters(change, last)) continue;
    // What is certain was synced: it stays in front of what was made after it.
    if (!isOptional(change) && left.slice(0, index).length > 0) continue;
    if (left.slice(0, index).some((earlier) => !isOptional(earlier))) continue;
    yield* ordersFrom(
      [...done, change],
      left.filter((other) => other !== change),
    );
  }
}

/**
 * Whether `later` in front of `earlier` may be another state than any with one of them lost.
 *
 * Writes that are apart give the same bytes in either order: each sets its own range, the file ends where the longer of
 * them ends, and a hole between them is zeros. A write within the range of an earlier one leaves nothing when it goes
 * first: as if it were lost. Only writes that overlap in another way, and cuts, are worth another order.
 */
function matters(earlier: FileChange, later: FileChange): boolean {
  if (earlier.kind === 'truncate' || later.kind === 'truncate') return true;
  const [from, to] = [later.position, later.position + later.bytes.length];
  const [start, end] = [earlier.position, earlier.position + earlier.bytes.length];
  const isApart = to <= start || end <= from;
  const isCovered = start <= from && to <= end;
  return !isApart && !isCovered;
}

type Write = FileChange & { readonly kind: 'write' };

/** Where the write's sectors end, in the file's own sectors. */
function sectorsOf({ position, bytes }: Write): { from: number; to: number }[] {
  const sectors: { from: number; to: number }[] = [];
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + SECTOR_BYTES - ((position + from) % SECTOR_BYTES));
    sectors.push({ from, to });
    from = to;
  }
  return sectors;
}

/** Strings of a digit per sector, 1 for one that is new. */
function tearings(sectors: number, sectorsMax: number): Set<string> {
  const masks = new Set<string>();
  for (let count = 0; count <= sectors; count += 1) {
    masks.add('1'.repeat(count) + '0'.repeat(sectors - count));
    masks.add('0'.repeat(count) + '1'.repeat(sectors - count));
  }
  const chosen = Math.min(sectors, sectorsMax);
  for (let mask = 0; mask < 2 ** chosen; mask += 1) {
    masks.add(mask.toString(2).padStart(chosen, '0') + '1'.repeat(sectors - chosen));
  }
  return masks;
}

function tear(
  change: Write,
  sectors: readonly { from: number; to: number }[],
  fate: (sector: number) => Missing | 'new',
): FileChange[] {
  const { position } = change;
  return sectors.flatMap(({ from, to }, sector) => {
    const chosen = fate(sector);
    if (chosen === 'old') return [];
    const at = position + from;
    if (chosen === 'garbage') return [{ ...change, position: at, bytes: garbage(at, to - from) }];
    const bytes = chosen === 'new' ? change.bytes.subarray(from, to) : new Uint8Array(to - from);
    return [{ ...change, position: at, bytes }];
  });
}

/** Bytes that nobody wrote; the same ones for the same place in a sector. */
function garbage(position: number, bytes: number): Uint8Array {
  const from = position % SECTOR_BYTES;
  return GARBAGE.subarray(from, from + bytes);
}

/** Long enough for the part of a sector that begins anywhere in it. */
const GARBAGE = Uint8Array.from(
  { length: 2 * SECTOR_BYTES },
  (_, index) => (index * index * 167 + index * 31 + 13) >> 3,
);
