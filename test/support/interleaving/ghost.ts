// What the laws know of a thread's life, folded from its operations and from what it tells. It is not in any memory.

import type { DeadGuard } from '../../../src/epoch/sealing.js';
import type { LaneSlots, Slots } from './shared-log.js';
import type { Seen } from './thread-tree.js';

/** A frame as it was written to disk. */
export interface WrittenFrame {
  readonly seq: number;
  readonly lane: number;
  /** The transaction id: what the test calls the commit. */
  readonly value: number;
}

/** Told by whoever is about to append. */
export interface Appending {
  readonly kind: 'appending';
  readonly value: number;
  /** The lane it goes through, if that is not always the same. */
  readonly lane?: number;
}

/** Told by whoever knows how an append ended. */
export interface Appended {
  readonly kind: 'appended';
  readonly value: number;
  readonly result: number | string;
}

/** Told at the moment at which an epoch is written. */
export interface Written {
  readonly kind: 'written';
  readonly firstSeq: number;
  readonly endSeq: number;
  readonly voids: readonly number[];
  readonly frames: readonly WrittenFrame[];
}

/** Told when a switch is complete: from here on commits go the way of the new mode. */
export interface Switched {
  readonly kind: 'switched';
  readonly fromSeq: number;
}

export type Note = Appending | Appended | Written | Switched;

/** A sequence somebody took. */
export interface Taken {
  readonly seq: number;
  readonly value: number;
  readonly isPublished: boolean;
}

/** One thread's life so far. */
export interface Ghost {
  /** Of a writer: its id and its lane; of the flusher: 1 and -1. */
  readonly id: number;
  readonly lane: number;
  readonly value: number;
  readonly taken: readonly Taken[];
  readonly appended: readonly Appended[];
  readonly epochs: readonly Written[];
  /** Of whoever switches the mode: the first sequence that surely goes the new way. */
  readonly switchedFrom: number | undefined;
  /** The tail of each lane as the thread last loaded it. */
  readonly tails: readonly number[];
  /** What the flusher has loaded since the counter: the lanes whose guards it has seen. */
  readonly guardsSeen: readonly number[];
  /** The lane being cleaned up, and its guard once that was loaded. */
  readonly reaping: { readonly lane: number; readonly guard: number } | undefined;
  readonly noted: readonly (DeadGuard & { readonly lane: number })[];
}

export function bornWriter(id: number, lane: number): Ghost {
  return {
    id,
    lane,
    value: 0,
    taken: [],
    appended: [],
    epochs: [],
    switchedFrom: undefined,
    tails: [],
    guardsSeen: [],
    reaping: undefined,
    noted: [],
  };
}

export const FLUSHER_LANE = -1;

export function bornFlusher(): Ghost {
  return bornWriter(1, FLUSHER_LANE);
}

/** The fold. */
export function observer(slots: Slots): (ghost: Ghost, seen: Seen) => Ghost {
  return (ghost, seen) => {
    const behind = seen.operation === undefined ? ghost : afterOperation(slots, ghost, seen);
    return seen.notes.reduce<Ghost>((life, note) => afterNote(life, note as Note), behind);
  };
}

function afterNote(ghost: Ghost, note: Note): Ghost {
  if (note.kind === 'appending') return { ...ghost, value: note.value, lane: note.lane ?? ghost.lane };
  if (note.kind === 'switched') return { ...ghost, switchedFrom: note.fromSeq };
  if (note.kind === 'appended') return { ...ghost, appended: [...ghost.appended, note] };
  return { ...ghost, epochs: [...ghost.epochs, note] };
}

function afterOperation(slots: Slots, ghost: Ghost, seen: Seen): Ghost {
  if (ghost.lane !== FLUSHER_LANE) return afterWriter(slots, ghost, seen);
  const lane = slots.lanes.findIndex((each) => Object.values(each).includes(seen.operation?.slot ?? -1));
  return afterFlusher(slots, ghost, seen, lane);
}

function afterWriter({ counter, lanes }: Slots, ghost: Ghost, { operation, value }: Seen): Ghost {
  const { kind, slot } = operation as NonNullable<Seen['operation']>;
  if (kind === 'increment64' && slot === counter) {
    return { ...ghost, taken: [...ghost.taken, { seq: value, value: ghost.value, isPublished: false }] };
  }
  if (kind === 'store' && slot === lanes[ghost.lane]?.tail) {
    return { ...ghost, taken: ghost.taken.map((each) => ({ ...each, isPublished: true })) };
  }
  return ghost;
}

function afterFlusher({ counter, lanes }: Slots, ghost: Ghost, { operation, value }: Seen, lane: number): Ghost {
  const { kind, slot, a, b } = operation as NonNullable<Seen['operation']>;
  const { reaping } = ghost;
  if (slot === counter && kind === 'load64') {
    if (reaping === undefined || reaping.guard === 0) return { ...ghost, guardsSeen: [] };
    return { ...ghost, noted: [...ghost.noted, { lane: reaping.lane, first: reaping.guard, end: value }] };
  }
  const { tail, guard, lock } = (lanes[lane] ?? {}) as Partial<LaneSlots>;
  if (slot === tail && kind === 'load') {
    const tails = [...ghost.tails];
    tails[lane] = value;
    return { ...ghost, tails };
  }
  if (slot === guard && kind === 'load64') {
    if (reaping?.lane === lane) return { ...ghost, reaping: { lane, guard: value } };
    return { ...ghost, guardsSeen: [...ghost.guardsSeen, lane] };
  }
  if (slot === lock && kind === 'compareExchange' && value === a) {
    return { ...ghost, reaping: b === 0 ? undefined : { lane, guard: 0 } };
  }
  return ghost;
}
