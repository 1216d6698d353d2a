// What verification notes of the records it has seen, so that recovery into page files need not look at every record
// of the log once more: which pages and sizes they are of, and where they stand. In columns, because notes cross
// threads. Not here: what becomes of them (page-window.ts).

import type { RecordShape } from '../record/codec.js';
import { RECORD_KIND } from '../record/layout.js';
import type { RecordSink } from '../segment/record-sink.js';
import { ascendingIndexes } from '../versions/ascending-indexes.js';

/** Notes of some segments of one file, in the order of their commits: sizes and pages only. */
export interface NotedRecords {
  /** Commits above the one that notes begin behind. */
  readonly commits: number;
  readonly spaces: Uint32Array;
  /** Of a page its number, of a size the pages. */
  readonly numbers: Float64Array;
  /** Where an image starts in the file; 0 for a size. */
  readonly offsets: Float64Array;
}

const CAPACITY_FIRST = 1024;

/** Gathers notes of the segments of one batch. */
export class RecordNotes implements RecordSink {
  readonly #afterSeq: number;
  #seqs = new Float64Array(CAPACITY_FIRST);
  #spaces = new Uint32Array(CAPACITY_FIRST);
  #numbers = new Float64Array(CAPACITY_FIRST);
  #offsets = new Float64Array(CAPACITY_FIRST);
  #count = 0;
  #commits = 0;

  /** @param afterSeq - only commits above it are noted */
  constructor(afterSeq: number) {
    this.#afterSeq = afterSeq;
  }

  commit(seq: number): void {
    if (seq > this.#afterSeq) this.#commits += 1;
  }

  record(seq: number, { kind, space, number }: RecordShape, bytesAt: number): void {
    if (seq <= this.#afterSeq) return;
    if (this.#count === this.#seqs.length) this.#grow();
    this.#seqs[this.#count] = seq;
    this.#spaces[this.#count] = space;
    this.#numbers[this.#count] = number;
    this.#offsets[this.#count] = kind === RECORD_KIND.page ? bytesAt : 0;
    this.#count += 1;
  }

  /** Where the notes are now, to come back to when the next segment turns out to be bad. */
  place(): { readonly count: number; readonly commits: number } {
    return { count: this.#count, commits: this.#commits };
  }

  backTo({ count, commits }: { readonly count: number; readonly commits: number }): void {
    this.#count = count;
    this.#commits = commits;
  }

  /** All notes. Records of one commit stay in their order. */
  inOrder(): NotedRecords {
    const count = this.#count;
    const seqs = this.#seqs.subarray(0, count);
    // Lane by lane as they stand in a segment, unless there is only one.
    const order = ascends(seqs) ? undefined : ascendingIndexes(seqs);
    return {
      commits: this.#commits,
      spaces: ordered(this.#spaces.subarray(0, count), order),
      numbers: ordered(this.#numbers.subarray(0, count), order),
      offsets: ordered(this.#offsets.subarray(0, count), order),
    };
  }

  #grow(): void {
    const capacity = 2 * this.#seqs.length;
    this.#seqs = longer(this.#seqs, new Float64Array(capacity));
    this.#spaces = longer(this.#spaces, new Uint32Array(capacity));
    this.#numbers = longer(this.#numbers, new Float64Array(capacity));
    this.#offsets = longer(this.#offsets, new Float64Array(capacity));
  }
}

function ascends(numbers: Float64Array): boolean {
  for (let at = 1; at < numbers.length; at += 1)
    if ((numbers[at] as number) < (numbers[at - 1] as number)) return false;
  return true;
}

function longer<Column extends Uint32Array | Float64Array>(column: Column, target: Column): Column {
  target.set(column);
  return target;
}

/** A copy: of a view the whole buffer would go to the other thread. */
function ordered<Column extends Uint32Array | Float64Array>(column: Column, order: Uint32Array | undefined): Column {
  const copy = column.slice() as Column;
  if (order !== undefined)
    for (let at = 0; at < order.length; at += 1) copy[at] = column[order[at] as number] as number;
  return copy;
}
