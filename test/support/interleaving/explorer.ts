// Goes through every interleaving of a few logical threads, one atomic operation at a time. Two interleavings that lead
// to the same memory with all threads at the same nodes are the same state and are gone on from once. Breadth first, so
// the schedule that breaks a law is a shortest one.
//
// WAL_TEST_SCHEDULE='scope name: ABBA!' replays one schedule of one scope instead and prints every step of it.

import type { Input, Machine } from './machine.js';
import { type Operation, perform } from './operations.js';
import { patched } from './plain-memory.js';
import { StateKeys } from './state-keys.js';
import { type Edge, type Seen, type ThreadPlan, ThreadTree } from './thread-tree.js';
import {
  type Action,
  ENDED,
  type Law,
  parseSchedule,
  STATUS,
  type Standing,
  type Step,
  type World,
  writeSchedule,
} from './world.js';

/** Some threads over some memory, and what must hold. */
export interface Scope<Ghost> {
  readonly name: string;
  readonly machine: Machine;
  readonly threads: readonly ThreadPlan<Ghost>[];
  /** Folds the life of a thread into what the laws want to know of it. */
  readonly observe: (ghost: Ghost, seen: Seen) => Ghost;
  readonly laws: readonly Law<Ghost>[];
  /** What must be true when nobody has anything to do any more. */
  readonly atRest: (world: World<Ghost>) => string | undefined;
  /**
   * Words that one thread alone stores to. Its loads of them see what it stored whenever they happen, so they are no
   * steps of their own.
   */
  readonly soleWriters?: ReadonlyMap<number, number>;
  /** Threads that may die in one schedule; default 1. */
  readonly deathsMax?: number;
  /** Whether a wait with a bound may run out of time while it could still be woken. */
  readonly hasTimeouts?: boolean;
  /** Whether timers run out; only while nobody else can go on, or a thread with a timer would never end. */
  readonly hasTimers?: boolean;
}

/** What an exploration saw. */
export interface Explored {
  readonly states: number;
  readonly transitions: number;
  /** Points in the lives of all threads: each was run once. */
  readonly lives: number;
  /** States in which nobody had anything to do any more. */
  readonly ends: number;
}

/** A law that some schedule breaks. */
export class ScheduleError extends Error {
  constructor(scope: string, schedule: string, broken: string, trace: readonly string[]) {
    super(`${broken}\n  WAL_TEST_SCHEDULE='${scope}: ${schedule}'\n${trace.map((line) => `  ${line}`).join('\n')}`);
  }
}

/** Explores one scope. */
export class Explorer<Ghost> {
  readonly #scope: Scope<Ghost>;
  readonly #machine: Machine;
  readonly #trees: readonly ThreadTree<Ghost>[];
  readonly #endedSlots: readonly number[];
  #transitions = 0;
  #ends = 0;

  constructor(scope: Scope<Ghost>) {
    this.#scope = scope;
    this.#machine = scope.machine;
    this.#trees = scope.threads.map((plan) => new ThreadTree(scope.machine, plan, scope.observe));
    this.#endedSlots = scope.threads.map((_, index) => scope.machine.endedSlot(index));
  }

  /** @throws {ScheduleError} with a shortest schedule that breaks a law */
  async explore(): Promise<Explored> {
    const asked = askedSchedule(this.#scope.name);
    if (asked !== undefined) {
      for (const line of (await this.replay(asked)).trace) console.log(line);
    }
    const keys = new StateKeys<Ghost>();
    const parents: number[] = [-1];
    const actions: (Action | undefined)[] = [undefined];
    const first = await this.#first();
    keys.add(first);
    let frontier: { world: World<Ghost>; index: number }[] = [{ world: first, index: 0 }];
    const fail = async (index: number, last: Action | undefined, broken: string): Promise<never> => {
      const path = last === undefined ? [] : [last];
      for (let at = index; actions[at] !== undefined; at = parents[at] as number) path.unshift(actions[at] as Action);
      throw new ScheduleError(this.#scope.name, writeSchedule(path), broken, (await this.#replayActions(path)).trace);
    };
    while (frontier.length > 0) {
      const reached: typeof frontier = [];
      for (const { world, index } of frontier) {
        const possible = this.#actions(world);
        const stuck = this.#atStandstill(world, possible);
        if (stuck !== undefined) await fail(index, undefined, stuck);
        for (const action of possible) {
          let after = world;
          for (let next: Action | undefined = action; next !== undefined; next = this.#silent(after, next.thread)) {
            const taken = this.#take(after, next);
            const step = taken instanceof Promise ? await taken : taken;
            const broken = this.#broken(step);
            if (broken !== undefined) await fail(index, action, broken);
            after = step.after;
          }
          this.#transitions += 1;
          if (!keys.add(after)) continue;
          parents.push(index);
          actions.push(action);
          reached.push({ world: after, index: parents.length - 1 });
        }
      }
      frontier = reached;
    }
    const lives = this.#trees.reduce((sum, { count }) => sum + count, 0);
    return { states: keys.count, transitions: this.#transitions, lives, ends: this.#ends };
  }

  /** Runs one schedule; the trace has a line for each step, and the law that broke if one did. */
  replay(schedule: string): Promise<{ world: World<Ghost>; trace: string[] }> {
    return this.#replayActions(parseSchedule(schedule));
  }

  async #replayActions(path: readonly Action[]): Promise<{ world: World<Ghost>; trace: string[] }> {
    let world = await this.#first();
    const trace: string[] = [];
    for (const action of path) {
      for (let next: Action | undefined = action; next !== undefined; next = this.#silent(world, next.thread)) {
        const step = await this.#take(world, next);
        trace.push(this.#describe(step));
        world = step.after;
        const broken = this.#broken(step);
        if (broken !== undefined) return { world, trace: [...trace, `broken: ${broken}`] };
      }
    }
    return { world, trace };
  }

  async #first(): Promise<World<Ghost>> {
    const plain = this.#machine.plain.capture();
    const threads: Standing<Ghost>[] = [];
    for (const tree of this.#trees) {
      threads.push({ node: await tree.root(plain), status: STATUS.ready, asyncWait: undefined });
    }
    return { words: [...this.#machine.initial], plain, threads };
  }

  #word(world: World<Ghost>, slot: number): number {
    return world.words[slot] ?? (this.#machine.initial[slot] as number);
  }

  #actions(world: World<Ghost>): Action[] {
    const { deathsMax = 1, hasTimeouts = false, hasTimers = false } = this.#scope;
    const deaths = world.threads.filter(({ status }) => status === STATUS.dead).length;
    const possible = world.threads.flatMap(({ node, status, asyncWait }, thread) => {
      const { next } = node;
      if (status === STATUS.dead || next.kind === 'done' || next.kind === 'failed') return [];
      const can: Action[] = [];
      if (next.kind === 'idle') {
        if (asyncWait?.isWoken) can.push({ thread, kind: 'wake' });
        if (next.hasTimer && hasTimers) can.push({ thread, kind: 'timer' });
      } else if (status === STATUS.asleep) {
        if (hasTimeouts && Number.isFinite(next.operation.b)) can.push({ thread, kind: 'timeout' });
      } else if (next.operation.kind !== 'awaitChange' || this.#word(world, next.operation.slot) !== next.operation.a) {
        can.push({ thread, kind: 'step' });
      }
      if (this.#trees[thread]?.plan.isMortal && deaths < deathsMax) can.push({ thread, kind: 'die' });
      return can;
    });
    const isMoving = possible.some(({ kind }) => kind === 'step' || kind === 'wake');
    return isMoving ? possible.filter(({ kind }) => kind !== 'timer') : possible;
  }

  /** The next step of a thread, if it is one that nobody can tell the moment of. */
  #silent(world: World<Ghost>, thread: number): Action | undefined {
    const { node, status } = world.threads[thread] as Standing<Ghost>;
    if (status !== STATUS.ready || node.next.kind !== 'operation') return undefined;
    const { kind, slot } = node.next.operation;
    const writer = this.#scope.soleWriters?.get(slot);
    if (writer === undefined) return undefined;
    const isLoad = kind === 'load' || kind === 'load64';
    if (!isLoad && writer !== thread) throw new Error(`${this.#machine.names[slot]} has a second writer`);
    return isLoad && writer === thread ? { thread, kind: 'step' } : undefined;
  }

  /** Nobody can go on of itself: all have ended, or a wake-up was lost. */
  #atStandstill(world: World<Ghost>, possible: readonly Action[]): string | undefined {
    if (possible.some(({ kind }) => kind === 'step' || kind === 'wake' || kind === 'timer')) return undefined;
    const waiting = world.threads.flatMap(({ node, status }, thread) => {
      const isOver = status === STATUS.dead || node.next.kind === 'done' || this.#trees[thread]?.plan.isServer;
      return isOver ? [] : [`${this.#trees[thread]?.plan.name} in ${this.#nameOf(world, thread)}`];
    });
    if (waiting.length > 0) return `nobody wakes ${waiting.join(', ')}`;
    this.#ends += 1;
    return this.#scope.atRest(world);
  }

  #broken(step: Step<Ghost>): string | undefined {
    const { next } = (step.after.threads[step.thread] as Standing<Ghost>).node;
    if (next.kind === 'failed') return `${this.#trees[step.thread]?.plan.name} throws ${describeError(next.error)}`;
    for (const law of this.#scope.laws) {
      const broken = law(step);
      if (broken !== undefined) return broken;
    }
    return undefined;
  }

  #take(world: World<Ghost>, { thread, kind }: Action): Step<Ghost> | Promise<Step<Ghost>> {
    const standing = world.threads[thread] as Standing<Ghost>;
    const { next } = standing.node;
    if (kind === 'die') return this.#changed(world, thread, kind, { ...standing, status: STATUS.dead });
    const operation = next.kind === 'operation' ? next.operation : undefined;
    if (operation?.kind === 'wait' && kind === 'step' && standing.status === STATUS.ready) {
      if (this.#word(world, operation.slot) === operation.a) {
        return this.#changed(world, thread, kind, { ...standing, status: STATUS.asleep });
      }
    }
    const threads = [...world.threads];
    const done = this.#perform(world, threads, thread, operation, kind);
    const input: Input = {
      operation,
      value: done.value,
      isRepeated: false,
      kind: kind === 'step' ? 'result' : kind,
      plain: world.plain,
    };
    const arrive = ({ to: node, reads, writes }: Edge<Ghost>): Step<Ghost> => {
      threads[thread] = { node, status: STATUS.ready, asyncWait: threads[thread]?.asyncWait };
      let { words } = world;
      if (operation !== undefined && done.word !== undefined) words = this.#stored(words, operation.slot, done.word);
      if (node.next.kind === 'done') words = this.#ended(words, thread, ENDED.done);
      const after = { words, plain: patched(world.plain, writes), threads };
      return { thread, kind, operation, value: done.value, before: world, after, reads, writes };
    };
    const edge = (this.#trees[thread] as ThreadTree<Ghost>).next(standing.node, input);
    return edge instanceof Promise ? edge.then(arrive) : arrive(edge);
  }

  /** A step that only changes whether a thread can go on. */
  #changed(world: World<Ghost>, thread: number, kind: Action['kind'], standing: Standing<Ghost>): Step<Ghost> {
    const threads = [...world.threads];
    threads[thread] = standing;
    const isDeath = kind === 'die';
    const words = isDeath ? this.#ended(world.words, thread, ENDED.dead) : world.words;
    const after = { words, plain: world.plain, threads };
    return { thread, kind, operation: undefined, value: 0, before: world, after, reads: NOTHING, writes: NOTHING };
  }

  /** What the operation returns, and what it leaves in its word if it leaves something new. */
  #perform(
    world: World<Ghost>,
    threads: Standing<Ghost>[],
    thread: number,
    operation: Operation | undefined,
    kind: Action['kind'],
  ): { value: number; word: number | undefined } {
    const standing = threads[thread] as Standing<Ghost>;
    if (operation === undefined) {
      if (kind === 'wake') threads[thread] = { ...standing, asyncWait: undefined };
      return { value: 0, word: undefined };
    }
    const { slot } = operation;
    const word = this.#word(world, slot);
    switch (operation.kind) {
      case 'wait':
        return { value: 0, word: undefined };
      case 'waitAsync':
        if (word !== operation.a) return { value: 0, word: undefined };
        if (standing.asyncWait !== undefined) throw new Error('a thread has two waitAsyncs outstanding');
        threads[thread] = { ...standing, asyncWait: { slot, isWoken: false } };
        return { value: 1, word: undefined };
      case 'notify':
        for (const [index, each] of threads.entries()) threads[index] = notified(each, slot);
        return { value: 0, word: undefined };
      default: {
        const done = perform(operation, word);
        return { value: done.value, word: done.word === word ? undefined : done.word };
      }
    }
  }

  #ended(words: readonly number[], thread: number, how: number): number[] {
    const { endsSlot } = this.#machine;
    const ends = (words[endsSlot] ?? 0) + 1;
    return this.#stored(this.#stored(words, this.#endedSlots[thread] as number, how), endsSlot, ends);
  }

  #stored(words: readonly number[], slot: number, value: number): number[] {
    const copy = words.slice();
    for (let each = copy.length; each < slot; each += 1) copy.push(this.#machine.initial[each] as number);
    copy[slot] = value;
    return copy;
  }

  #nameOf(world: World<Ghost>, thread: number): string {
    const { next } = (world.threads[thread] as Standing<Ghost>).node;
    if (next.kind !== 'operation') return next.kind;
    return `${next.operation.kind} ${this.#machine.names[next.operation.slot]}`;
  }

  #describe({ thread, kind, operation, value, before }: Step<Ghost>): string {
    const who = `${String.fromCharCode(65 + thread)} (${this.#trees[thread]?.plan.name})`;
    if (operation === undefined)
      return `${who} ${kind === 'step' ? `sleeps in ${this.#nameOf(before, thread)}` : kind}`;
    const { a, b } = operation;
    const what = `${operation.kind} ${this.#machine.names[operation.slot]}`;
    return `${who} ${what} (${[a, b].join(', ')}) -> ${value}${kind === 'timeout' ? ' timed out' : ''}`;
  }
}

const NOTHING = { places: [], values: [] };

function notified<Ghost>(standing: Standing<Ghost>, slot: number): Standing<Ghost> {
  const { node, status, asyncWait } = standing;
  const sleepsHere = status === STATUS.asleep && node.next.kind === 'operation' && node.next.operation.slot === slot;
  if (sleepsHere) return { ...standing, status: STATUS.woken };
  if (asyncWait?.slot === slot && !asyncWait.isWoken) return { ...standing, asyncWait: { slot, isWoken: true } };
  return standing;
}

function askedSchedule(name: string): string | undefined {
  const asked = process.env.WAL_TEST_SCHEDULE;
  return asked?.startsWith(`${name}: `) ? asked.slice(name.length + 2) : undefined;
}

function describeError(error: unknown): string {
  const details = (error as { details?: unknown }).details;
  return `${(error as Error)?.stack ?? error} ${details === undefined ? '' : JSON.stringify(details)}`;
}
