// Runs a logical thread up to its next operation on a shared word. JavaScript cannot suspend a function between two
// operations, so the thread is run from its beginning each time: the operations it has done return what they returned
// then, over the plain memory as it was then, and the first new one stops it. A thread is therefore a function that
// depends on nothing but shared memory and the virtual clock.
//
// Asynchronous threads work likewise: one that only waits for promises is idle until a waitAsync of it is notified, or a
// timer of it runs out.

import type { AtomicOps } from '../../../src/memory/atomics.js';
import { isSame, type Operation, perform } from './operations.js';
import { type Bytes, PlainMemory } from './plain-memory.js';
import { VirtualTime } from './virtual-time.js';

/** What let a thread go on: the result of its operation, or an event it was idle for. */
export interface Input {
  readonly operation: Operation | undefined;
  readonly value: number;
  /** Answers the same operation again for as long as the thread repeats it: a spin. */
  readonly isRepeated: boolean;
  readonly kind: 'result' | 'timeout' | 'wake' | 'timer';
  /** Plain memory when the thread went on. */
  readonly plain: Uint8Array<ArrayBuffer>;
}

/** Where a thread stands after its inputs. */
export type Next =
  | { readonly kind: 'operation'; readonly operation: Operation }
  | { readonly kind: 'idle'; readonly hasTimer: boolean }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly error: unknown };

/** A stretch of a thread between two operations: what it depended on, left behind, and told. */
export interface Stretch {
  readonly next: Next;
  readonly reads: Bytes;
  readonly writes: Bytes;
  readonly notes: readonly unknown[];
  /** What is all the thread knows at the end of the stretch, if it says so; see {@link Machine.checkpoint}. */
  readonly checkpoint: string | undefined;
}

/** Thrown by the operation that a thread stops in front of, and by every one behind it. */
class Stopped extends Error {}

const SPINS_MAX = 100_000;

/** One run of one thread. */
interface Run {
  readonly inputs: readonly Input[];
  readonly time: VirtualTime;
  /** Words that no other thread uses: their operations are none of the schedule's. */
  readonly ownWords: Map<number, number>;
  cursor: number;
  notes: unknown[];
  checkpoint: string | undefined;
  spins: number;
  stretch: Stretch | undefined;
  wake: (() => void) | undefined;
}

/** The shared memory of some threads, and the operations that stop them. */
export class Machine {
  /** The machine that runs a thread now. */
  static running: Machine | undefined;
  /** Told when a thread has taken a lock of the package. */
  onLocked: () => void = () => undefined;
  readonly ops: AtomicOps;
  readonly plain = new PlainMemory();
  /** What each word holds in the beginning, and its name. */
  readonly initial: number[] = [];
  readonly names: string[] = [];
  readonly #slots = new Map<ArrayBufferLike, Map<number, number>>();
  /** What the words of single threads hold in the beginning; their slots are below 0, from -1 down. */
  readonly #ownInitial: number[] = [];
  #isOwning = false;
  readonly #ended: Int32Array[] = [];
  /** The word that counts the threads that have ended. */
  readonly endsSlot: number;
  #run: Run | undefined;
  #probed: number | undefined;
  #isProbing = false;

  constructor() {
    const word = (words: Int32Array | BigInt64Array, index: number): number => this.#slotOf(words, index);
    const answer = (kind: Operation['kind'], slot: number, a = 0, b = 0) => this.#perform({ kind, slot, a, b });
    this.ops = {
      load: (words, index) => answer('load', word(words, index)),
      store: (words, index, value) => void answer('store', word(words, index), value),
      add: (words, index, delta) => answer('add', word(words, index), delta),
      compareExchange: (words, index, a, b) => answer('compareExchange', word(words, index), a, b),
      load64: (words, index) => answer('load64', word(words, index)),
      store64: (words, index, value) => void answer('store64', word(words, index), value),
      increment64: (words, index) => answer('increment64', word(words, index)),
      compareExchange64: (words, index, a, b) => answer('compareExchange64', word(words, index), a, b),
      wait: (words, index, value, timeoutMs = Number.POSITIVE_INFINITY) =>
        void answer('wait', word(words, index), value, timeoutMs),
      waitAsync: (words, index, value) => this.#waitAsync(word(words, index), value),
      notify: (words, index) => void answer('notify', word(words, index)),
    };
    this.endsSlot = this.word('ends').slot;
  }

  /** The number of the word that `look` looks at first, with a name for it. */
  slot(name: string, look: () => unknown): number {
    this.#isProbing = true;
    this.#probed = undefined;
    try {
      look();
    } finally {
      this.#isProbing = false;
    }
    if (this.#probed === undefined) throw new Error(`${name} looks at no word`);
    if (this.#probed >= 0) this.names[this.#probed] = name;
    return this.#probed;
  }

  /** Declares that one thread alone uses the word that `look` looks at first: its operations are no steps. */
  keepOwn(look: () => unknown): void {
    this.#isOwning = true;
    try {
      this.slot('own word', look);
    } finally {
      this.#isOwning = false;
    }
  }

  /** A word of the test's own, for what is no shared memory in the real program: messages, ends of threads. */
  word(name: string): { slot: number; load(): number; add(delta: number): number } {
    const words = new Int32Array(new SharedArrayBuffer(4));
    const slot = this.slot(name, () => this.ops.load(words, 0));
    return { slot, load: () => this.ops.load(words, 0), add: (delta) => this.ops.add(words, 0, delta) };
  }

  /** The word that says whether thread `index` has ended: 0 while it lives, how it ended then. */
  endedSlot(index: number): number {
    while (this.#ended.length <= index) this.#ended.push(new Int32Array(new SharedArrayBuffer(4)));
    const words = this.#ended[index] as Int32Array;
    return this.slot(`end of ${String.fromCharCode(65 + index)}`, () => this.ops.load(words, 0));
  }

  /** For a thread: how thread `index` ended, or 0. */
  ended(index: number): number {
    return this.ops.load(this.#ended[index] as Int32Array, 0);
  }

  /** For a thread: waits while no more than `count` threads have ended. */
  awaitEnd(count: number): void {
    this.#perform({ kind: 'awaitChange', slot: this.endsSlot, a: count, b: 0 });
  }

  /** For a thread: waits while a word holds `value`; for one that would look at it again and again. */
  awaitOther(slot: number, value: number): void {
    this.#perform({ kind: 'awaitChange', slot, a: value, b: 0 });
  }

  /** For a thread: waits until thread `index` has ended; returns how. */
  awaitEndOf(index: number): number {
    return this.#perform({ kind: 'awaitChange', slot: this.endedSlot(index), a: 0, b: 0 });
  }

  /** For a thread: tells the test something; it belongs to the stretch in which it is told. */
  note(note: unknown): void {
    this.#run?.notes.push(note);
  }

  /**
   * For a thread, in front of an operation: all it knows from here on is what it has told and this label. Lives that
   * come to the same point in different ways go on as one. A label that says too little hides schedules.
   */
  checkpoint(label: string): void {
    if (this.#run !== undefined) this.#run.checkpoint = label;
  }

  /** For a label: the word of the last compare-exchange that succeeded. */
  lastExchanged(): number | undefined {
    const { inputs, cursor } = this.#run ?? { inputs: [], cursor: 0 };
    const done = inputs.slice(0, cursor).filter(({ operation, value }) => {
      return operation?.kind === 'compareExchange' && operation.a === value;
    });
    return done.at(-1)?.operation?.slot;
  }

  /** For a label: the value of the last operation of a kind on a word since the thread was last idle, or ever. */
  lastValue(kind: Operation['kind'], slot: number, sinceIdle = false): number | undefined {
    const { inputs, cursor } = this.#run ?? { inputs: [], cursor: 0 };
    for (let index = cursor - 1; index >= 0; index -= 1) {
      const { operation, value } = inputs[index] as Input;
      if (operation === undefined && sinceIdle) return undefined;
      if (operation?.kind === kind && operation.slot === slot) return kind === 'store' ? operation.a : value;
    }
    return undefined;
  }

  /** Runs a thread through its inputs to its next stop; `plain` is the memory it starts over. */
  run(body: () => unknown, inputs: readonly Input[], plain: Uint8Array<ArrayBuffer>): Stretch | Promise<Stretch> {
    const time = new VirtualTime();
    const run: Run = {
      inputs,
      time,
      ownWords: new Map(),
      cursor: 0,
      notes: [],
      checkpoint: undefined,
      spins: 0,
      stretch: undefined,
      wake: undefined,
    };
    this.#run = run;
    Machine.running = this;
    this.plain.install(plain);
    time.begin();
    let result: unknown;
    try {
      result = body();
      if (result instanceof Promise) return this.#drive(run, result);
      this.#finish(run, { kind: 'done' });
    } catch (error) {
      this.#finish(run, { kind: 'failed', error });
    }
    time.end();
    this.#run = undefined;
    return run.stretch as Stretch;
  }

  async #drive(run: Run, result: Promise<unknown>): Promise<Stretch> {
    result.then(
      () => this.#finish(run, { kind: 'done' }),
      (error: unknown) => this.#finish(run, { kind: 'failed', error }),
    );
    for (;;) {
      await run.time.drain();
      if (run.stretch !== undefined) break;
      const input = run.inputs[run.cursor];
      if (input === undefined) this.#finish(run, { kind: 'idle', hasTimer: run.time.hasTimer });
      else this.#deliver(run, input);
    }
    run.time.end();
    this.#run = undefined;
    return run.stretch;
  }

  #deliver(run: Run, input: Input): void {
    if (input.operation !== undefined) throw new Error('a thread is idle where it had an operation before');
    run.cursor += 1;
    this.#begin(run, input);
    if (input.kind === 'timer') run.time.fire();
    else run.wake?.();
  }

  #begin(run: Run, input: Input): void {
    this.plain.install(input.plain);
    run.notes = [];
    run.checkpoint = undefined;
    if (input.kind === 'timeout') run.time.pass(input.operation?.b ?? 0);
  }

  #finish(run: Run, next: Next): void {
    run.stretch ??= { next, ...this.plain.effects(), notes: run.notes, checkpoint: run.checkpoint };
  }

  #perform(operation: Operation): number {
    if (this.#isProbing) {
      this.#probed ??= operation.slot;
      return 0;
    }
    const run = this.#run;
    if (run === undefined) throw new Error('an operation outside of any thread');
    if (run.stretch !== undefined) throw new Stopped();
    if (operation.slot < 0) return this.#performOwn(run, operation);
    const last = run.inputs[run.cursor - 1];
    if (last?.isRepeated && isSame(last.operation, operation)) {
      run.spins += 1;
      if (run.spins > SPINS_MAX) throw new Error('a thread spins for ever');
      return last.value;
    }
    const input = run.inputs[run.cursor];
    if (input === undefined) {
      this.#finish(run, { kind: 'operation', operation });
      throw new Stopped();
    }
    if (!isSame(input.operation, operation)) throw new Error('a thread does not do again what it did before');
    run.cursor += 1;
    this.#begin(run, input);
    return input.value;
  }

  #performOwn({ ownWords }: Run, operation: Operation): number {
    const { slot } = operation;
    const { value, word } = perform(operation, ownWords.get(slot) ?? (this.#ownInitial[-1 - slot] as number));
    ownWords.set(slot, word);
    return value;
  }

  /** The result says whether the thread has to be woken. */
  #waitAsync(slot: number, value: number): Promise<unknown> {
    const run = this.#run;
    const isWaiting = this.#perform({ kind: 'waitAsync', slot, a: value, b: 0 }) === 1;
    if (!isWaiting || run === undefined) return Promise.resolve('not-equal');
    return new Promise((resolve) => {
      run.wake = () => resolve('ok');
    });
  }

  #slotOf(words: Int32Array | BigInt64Array, index: number): number {
    const offset = words.byteOffset + index * words.BYTES_PER_ELEMENT;
    const slots = this.#slots.get(words.buffer) ?? new Map<number, number>();
    this.#slots.set(words.buffer, slots);
    let slot = slots.get(offset);
    if (slot === undefined) {
      slot = this.#isOwning ? -1 - this.#ownInitial.length : this.initial.length;
      slots.set(offset, slot);
      (this.#isOwning ? this.#ownInitial : this.initial).push(Number(words[index]));
      if (slot >= 0) this.names.push(`word ${slot}`);
    }
    return slot;
  }
}
