// One operation of a thread on a shared word, as data: so that it can be held back, performed later, and compared.

import { type AtomicOps, atomics } from '../../../src/memory/atomics.js';

/** The operations of AtomicOps, and one that only the explorer knows: to wait until a word of its own is another. */
export type OperationKind = keyof AtomicOps | 'awaitChange';

export interface Operation {
  readonly kind: OperationKind;
  readonly slot: number;
  /** Value to store, to add or to compare with. */
  readonly a: number;
  /** Replacement of a compare-exchange; milliseconds of a wait. */
  readonly b: number;
}

export function isSame(one: Operation | undefined, other: Operation): boolean {
  if (one === undefined || one.kind !== other.kind || one.slot !== other.slot) return false;
  return one.a === other.a && one.b === other.b;
}

const words32 = new Int32Array(new SharedArrayBuffer(4));
const words64 = new BigInt64Array(new SharedArrayBuffer(8));

/** What an operation that blocks nobody does to a word: really performed, so that words wrap as they do. */
export function perform({ kind, a, b }: Operation, word: number): { value: number; word: number } {
  switch (kind) {
    case 'load':
    case 'load64':
    case 'awaitChange':
      return { value: word, word };
    case 'store':
      words32[0] = word;
      atomics.store(words32, 0, a);
      return { value: 0, word: words32[0] as number };
    case 'add':
      words32[0] = word;
      atomics.add(words32, 0, a);
      // Nobody looks at what a word of 32 bits was before: with the value, lives would differ that do not.
      return { value: Number.NaN, word: words32[0] as number };
    case 'compareExchange': {
      words32[0] = word;
      const isDone = atomics.compareExchange(words32, 0, a, b) === a;
      // Nor at what else than the expected value stood there.
      return { value: isDone ? a : Number.NaN, word: words32[0] as number };
    }
    case 'store64':
      atomics.store64(words64, 0, a);
      return { value: 0, word: Number(words64[0]) };
    case 'increment64': {
      words64[0] = BigInt(word);
      const value = atomics.increment64(words64, 0);
      return { value, word: Number(words64[0]) };
    }
    case 'compareExchange64': {
      words64[0] = BigInt(word);
      const value = atomics.compareExchange64(words64, 0, a, b);
      return { value, word: Number(words64[0]) };
    }
    default:
      throw new Error(`${kind} is no operation on the word alone`);
  }
}

/** Whether an operation only looked: done again at once, it would see the same. */
export function onlyLooked({ kind, a }: Operation, value: number): boolean {
  if (kind === 'load' || kind === 'load64') return true;
  return (kind === 'compareExchange' || kind === 'compareExchange64') && value !== a;
}
