// Atomic operations that park their thread in front of a chosen one, in Atomics.wait on a word of the test's own, so
// that it can be terminated there, or let go on, by another thread. For a worker of a test: its modules are its own, so
// replacing the operations of its thread touches nobody else, and everything above them is what ships.

import { type AtomicOps, atomics } from '../../src/memory/atomics.js';

/** What a thread says in front of an operation. */
export interface GateStop {
  /** `parked` until somebody opens the gate; `waiting` in an operation that waits itself, for what others do. */
  readonly at: 'parked' | 'waiting';
  readonly operation: keyof AtomicOps;
  /** The sequence that the operations so far have taken; 0 while they have not. */
  readonly taken: number;
  /** Whether they have published it. */
  readonly isPublished: boolean;
}

/** Counts the operations of this thread and parks it. */
export class AtomicsGate {
  /** Operations since the gate was armed, one for each name in order. */
  readonly operations: (keyof AtomicOps)[] = [];
  readonly #word: Int32Array;
  readonly #tell: (stop: GateStop) => void;
  #before = Number.POSITIVE_INFINITY;
  #isArmed = false;
  #taken = 0;
  #isPublished = false;

  /**
   * Puts the gate in front of every atomic operation of this thread.
   *
   * @param buffer - its first word is slept on while parked, and changes to open the gate
   */
  constructor(buffer: SharedArrayBuffer, tell: (stop: GateStop) => void) {
    this.#word = new Int32Array(buffer);
    this.#tell = tell;
    const names = Object.keys(atomics) as (keyof AtomicOps)[];
    const gated = names.map((name) => [name, this.#gated(name, atomics[name] as (...rest: unknown[]) => unknown)]);
    Object.assign(atomics, Object.fromEntries(gated));
  }

  /** From here on operations count, and the one of number `before`, from 0, is not begun. */
  arm(before: number): void {
    this.#before = before;
    this.#isArmed = true;
  }

  disarm(): void {
    this.#isArmed = false;
  }

  #gated(name: keyof AtomicOps, operation: (...rest: unknown[]) => unknown) {
    return (...rest: unknown[]): unknown => {
      if (!this.#isArmed) return operation(...rest);
      if (this.operations.length === this.#before) this.#park(name);
      this.operations.push(name);
      if (name === 'wait' || name === 'waitAsync') this.#tell(this.#stop('waiting', name));
      const result = operation(...rest);
      // The counter of sequences is all that is incremented, and a lane's tail the only 32-bit word that is stored.
      if (name === 'increment64') this.#taken = result as number;
      if (name === 'store' && this.#taken > 0) this.#isPublished = true;
      return result;
    };
  }

  #park(operation: keyof AtomicOps): void {
    this.#tell(this.#stop('parked', operation));
    while (Atomics.load(this.#word, 0) === 0) Atomics.wait(this.#word, 0, 0);
  }

  #stop(at: GateStop['at'], operation: keyof AtomicOps): GateStop {
    return { at, operation, taken: this.#taken, isPublished: this.#isPublished };
  }
}

/** Lets whoever is parked go on. */
export function openGate(buffer: SharedArrayBuffer): void {
  const word = new Int32Array(buffer);
  Atomics.store(word, 0, 1);
  Atomics.notify(word, 0);
}
