// Where the words of a version index are: a few lines, the heads of the buckets, and a ring of slots, one version each.
// Every access to a slot is an atomic one, of 32 bits: design/readers.md, "Memory order", says what that buys. Not
// here: what the words mean to each other (version-index.ts).

import { assert } from '../base/assert.js';
import type { AtomicOps } from '../memory/atomics.js';
import { Turn } from '../memory/turn.js';
import { LINE_BYTES, Word32, Word64 } from '../memory/words.js';

/** Lines in front of the heads. */
export const LINE = {
  firstLive: 0,
  idNext: 1,
  lastCut: 2,
  indexedThrough: 3,
  indexedTurn: 4,
  indexedSleepers: 5,
} as const;

const HEADS_OFFSET = 6 * LINE_BYTES;
const HEAD_BYTES = 8;

/** Words of a slot: one cache line. Numbers of 53 bits take two words, the lower half first. */
export const SLOT_WORDS = 16;

/** The words of a slot, by index. */
export const SLOT = {
  space: 0,
  pageNumber: 1,
  seq: 3,
  fileNumber: 5,
  offset: 7,
  /** The version before it of the same page. */
  same: 9,
  /** The newest version before it in the bucket that is of another page than this one and those between. */
  other: 11,
  /** An older version of the same page, further back: makes long histories short walks. */
  jump: 13,
  /** How many versions of the page are behind `same`, modulo 2^32. */
  depth: 15,
} as const;

const TWO_32 = 2 ** 32;

/** Bytes of an index of `capacity` versions, a power of two. */
export function indexBytes(capacity: number): number {
  return HEADS_OFFSET + capacity * (HEAD_BYTES + SLOT_WORDS * 4);
}

/** The words of one index. */
export class VersionSlots {
  readonly capacity: number;
  readonly #ops: AtomicOps;
  readonly #heads: BigInt64Array;
  readonly #words: Int32Array;
  readonly #mask: number;

  constructor(buffer: SharedArrayBuffer, ops: AtomicOps) {
    this.capacity = (buffer.byteLength - HEADS_OFFSET) / (HEAD_BYTES + SLOT_WORDS * 4);
    assert(Number.isInteger(Math.log2(this.capacity)), 'the capacity of a version index is a power of two');
    this.#ops = ops;
    this.#mask = this.capacity - 1;
    this.#heads = new BigInt64Array(buffer, HEADS_OFFSET, this.capacity);
    this.#words = new Int32Array(buffer, HEADS_OFFSET + this.capacity * HEAD_BYTES);
  }

  /** The bucket of a page: consecutive page numbers, and those in even steps, spread evenly. */
  bucketOf(space: number, pageNumber: number): number {
    const high = Math.floor(pageNumber / TWO_32);
    const mixed = pageNumber ^ Math.imul(high, 0x85eb_ca6b) ^ Math.imul(space, 0xc2b2_ae35);
    // The upper bits of the product are the well mixed ones (Fibonacci hashing).
    return Math.floor((Math.imul(mixed, 0x9e37_79b1) >>> 0) / (TWO_32 / this.capacity));
  }

  head(bucket: number): number {
    return this.#ops.load64(this.#heads, bucket);
  }

  setHead(bucket: number, id: number): void {
    this.#ops.store64(this.#heads, bucket, id);
  }

  /** First word of the slot of an id. */
  slotOf(id: number): number {
    // A bit operation takes a number modulo 2^32, so this is right for every id below 2^53.
    return (id & this.#mask) * SLOT_WORDS;
  }

  word(slot: number, field: number): number {
    return this.#ops.load(this.#words, slot + field);
  }

  setWord(slot: number, field: number, value: number): void {
    this.#ops.store(this.#words, slot + field, value | 0);
  }

  /** A number of two words. Torn while the slot changes; a whole number below 2^53 nevertheless. */
  number(slot: number, field: number): number {
    const low = this.#ops.load(this.#words, slot + field) >>> 0;
    return this.#ops.load(this.#words, slot + field + 1) * TWO_32 + low;
  }

  setNumber(slot: number, field: number, value: number): void {
    this.#ops.store(this.#words, slot + field, value | 0);
    this.#ops.store(this.#words, slot + field + 1, Math.floor(value / TWO_32));
  }

  /** As {@link word}, for the indexer alone, which sees its own stores by plain loads: for long scans. */
  ownWord(slot: number, field: number): number {
    return this.#words[slot + field] as number;
  }

  /** As {@link number}, for the indexer alone. */
  ownNumber(slot: number, field: number): number {
    const words = this.#words;
    return (words[slot + field + 1] as number) * TWO_32 + ((words[slot + field] as number) >>> 0);
  }

  isOf(slot: number, space: number, pageNumber: number): boolean {
    return this.number(slot, SLOT.pageNumber) === pageNumber && this.word(slot, SLOT.space) === (space | 0);
  }
}

/** The words outside the slots, but for the turn. */
export function indexWords(buffer: SharedArrayBuffer, ops: AtomicOps) {
  const word64 = (line: number): Word64 => new Word64(ops, buffer, line);
  return {
    firstLive: word64(LINE.firstLive),
    idNext: word64(LINE.idNext),
    lastCut: word64(LINE.lastCut),
    indexedThrough: word64(LINE.indexedThrough),
  };
}

/** What to sleep on until more is indexed. */
export function indexTurn(buffer: SharedArrayBuffer, ops: AtomicOps): Turn {
  return new Turn(new Word32(ops, buffer, LINE.indexedTurn), new Word32(ops, buffer, LINE.indexedSleepers));
}
