// Where each transaction of each copy stands in the log: one shared 64-bit word each, stored by the writer that
// appended it and read by the main thread, which turns sequences and the durable mark into "transactions 1 to k are
// durable".

import { type AtomicOps, atomics } from '../../memory/atomics.js';

/** Plain data over shared memory, to be sent to workers as it is. */
export interface SequencesMemory {
  readonly transactions: number;
  /** By copy, then by transaction: the commit sequence, 0 while there is none. */
  readonly words: BigInt64Array;
}

/** Memory for `copies` times `transactions` sequences, none of them known. */
export function createSequencesMemory(copies: number, transactions: number): SequencesMemory {
  return { transactions, words: new BigInt64Array(new SharedArrayBuffer(copies * transactions * 8)) };
}

/** The sequences as one thread sees them. */
export class Sequences {
  readonly #memory: SequencesMemory;
  readonly #ops: AtomicOps;

  constructor(memory: SequencesMemory, ops: AtomicOps = atomics) {
    this.#memory = memory;
    this.#ops = ops;
  }

  store(copy: number, transaction: number, seq: number): void {
    this.#ops.store64(this.#memory.words, copy * this.#memory.transactions + transaction, seq);
  }

  /** The sequence of a transaction counted from 0, or 0 while it is not known. */
  load(copy: number, transaction: number): number {
    return this.#ops.load64(this.#memory.words, copy * this.#memory.transactions + transaction);
  }

  /** The highest k, from `known` on, such that transactions 1 to k of the copy are at or below `durableSeq`. */
  durableThrough(copy: number, known: number, durableSeq: number): number {
    let through = known;
    while (through < this.#memory.transactions) {
      const seq = this.load(copy, through);
      if (seq === 0 || seq > durableSeq) break;
      through++;
    }
    return through;
  }
}
