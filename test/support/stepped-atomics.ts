// Atomic operations that stop, or let somebody else in, at a chosen one: a thread that is terminated or preempted
// between any two operations of a protocol, on one thread and every time at the same place.

import { type AtomicOps, atomics } from '../../src/memory/atomics.js';

/** Thrown by the operation at which a thread is terminated, and by every one behind it. */
export class Terminated extends Error {}

/** Operations with a hook in front of each; waits are refused, because nobody else runs. */
export class SteppedAtomics {
  /** Operations so far. */
  count = 0;
  /** Called before operation `count`, counted from 0. */
  before: (count: number) => void = () => undefined;
  readonly ops: AtomicOps;

  constructor() {
    const stepped = <Arguments extends unknown[], Result>(operation: (...rest: Arguments) => Result) => {
      return (...rest: Arguments): Result => {
        this.before(this.count++);
        return operation(...rest);
      };
    };
    this.ops = {
      load: stepped(atomics.load),
      store: stepped(atomics.store),
      add: stepped(atomics.add),
      compareExchange: stepped(atomics.compareExchange),
      load64: stepped(atomics.load64),
      store64: stepped(atomics.store64),
      increment64: stepped(atomics.increment64),
      compareExchange64: stepped(atomics.compareExchange64),
      notify: stepped(atomics.notify),
      wait: stepped(() => undefined),
      waitAsync: atomics.waitAsync,
    };
  }

  /** From here on as a thread that is terminated before its operation `at`. */
  terminateAt(at: number): void {
    this.before = (count) => {
      if (count >= at) throw new Terminated();
    };
  }
}

/** Runs `act` until it ends or is terminated; tells which. */
export function isTerminated(act: () => void): boolean {
  try {
    act();
    return false;
  } catch (thrown) {
    if (thrown instanceof Terminated) return true;
    throw thrown;
  }
}
