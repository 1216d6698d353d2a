// What a logical thread can live through, as a tree: each node is a thread behind one more answer. A thread that has had
// the same answers, and read the same plain bytes between them, is at the same node, so it is run once for each node
// however many interleavings lead there. Where a thread says what is all it knows (Machine.checkpoint), lives that know
// the same are one node, too.

import type { Input, Machine, Next, Stretch } from './machine.js';
import { isSame, type Operation, onlyLooked } from './operations.js';
import { type Bytes, holds } from './plain-memory.js';

/** What a fold over a thread's life sees of each stretch. */
export interface Seen {
  /** Undefined for an event, and in the beginning. */
  readonly operation: Operation | undefined;
  readonly value: number;
  readonly notes: readonly unknown[];
}

/** A thread at one point of its life. `Ghost` is what the laws want to know of that life. */
export interface ThreadNode<Ghost> {
  readonly id: number;
  readonly parent: ThreadNode<Ghost> | undefined;
  readonly input: Input | undefined;
  readonly next: Next;
  readonly ghost: Ghost;
  readonly edges: Map<string, Edge<Ghost>[]>;
}

/** The stretch that leads from one node to the next: the plain bytes it depends on and leaves behind. */
export interface Edge<Ghost> {
  readonly reads: Bytes;
  readonly writes: Bytes;
  readonly to: ThreadNode<Ghost>;
}

/** One thread of a scope. */
export interface ThreadPlan<Ghost> {
  readonly name: string;
  /** From its beginning; every operation through the machine. */
  readonly body: () => unknown;
  /** May be terminated before any of its operations. */
  readonly isMortal?: boolean;
  /** Serves the others: it may rest for ever when they have ended. */
  readonly isServer?: boolean;
  readonly ghost: Ghost;
}

/** All lives of one thread. */
export class ThreadTree<Ghost> {
  readonly plan: ThreadPlan<Ghost>;
  readonly #machine: Machine;
  readonly #observe: (ghost: Ghost, seen: Seen) => Ghost;
  readonly #checkpoints = new Map<string, ThreadNode<Ghost>>();
  count = 0;

  constructor(machine: Machine, plan: ThreadPlan<Ghost>, observe: (ghost: Ghost, seen: Seen) => Ghost) {
    this.#machine = machine;
    this.plan = plan;
    this.#observe = observe;
  }

  /** The thread up to its first operation. */
  async root(plain: Uint8Array<ArrayBuffer>): Promise<ThreadNode<Ghost>> {
    const stretch = await this.#machine.run(this.plan.body, [], plain);
    if (stretch.writes.places.length > 0) throw new Error('a thread writes shared memory before its first operation');
    return this.#node(undefined, undefined, stretch);
  }

  /** Where one more input leads. */
  next(node: ThreadNode<Ghost>, input: Input): Edge<Ghost> | Promise<Edge<Ghost>> {
    const wanted = repeats(node, input) ? { ...input, isRepeated: true } : input;
    const key = `${wanted.kind}${wanted.isRepeated}${wanted.value}`;
    const edges = node.edges.get(key) ?? [];
    node.edges.set(key, edges);
    const known = edges.find(({ reads }) => holds(wanted.plain, reads));
    if (known !== undefined) return known;
    const stretch = this.#machine.run(this.plan.body, [...inputsOf(node), wanted], wanted.plain);
    const add = (ran: Stretch): Edge<Ghost> => {
      const edge = { reads: ran.reads, writes: ran.writes, to: this.#node(node, wanted, ran) };
      edges.push(edge);
      return edge;
    };
    return stretch instanceof Promise ? stretch.then(add) : add(stretch);
  }

  #node(parent: ThreadNode<Ghost> | undefined, input: Input | undefined, stretch: Stretch): ThreadNode<Ghost> {
    const { next, notes, checkpoint } = stretch;
    const seen = { operation: input?.operation, value: input?.value ?? 0, notes };
    const ghost = this.#observe(parent?.ghost ?? this.plan.ghost, seen);
    const label = next.kind === 'done' ? 'done' : checkpoint;
    const key = label === undefined ? undefined : JSON.stringify([label, next, ghost]);
    const same = key === undefined ? undefined : this.#checkpoints.get(key);
    if (same !== undefined) return same;
    this.count += 1;
    const node = { id: this.count, parent, input, next, ghost, edges: new Map() };
    if (key !== undefined) this.#checkpoints.set(key, node);
    return node;
  }
}

function inputsOf<Ghost>(last: ThreadNode<Ghost>): Input[] {
  const inputs: Input[] = [];
  for (let node: ThreadNode<Ghost> | undefined = last; node?.input !== undefined; node = node.parent) {
    inputs.push(node.input);
  }
  return inputs.reverse();
}

/**
 * Whether a thread is spinning: a compare-exchange that fails, or the third load in a row that sees the same. It changes
 * nothing but the number of looks that are left, so all of these are one step: a thread that is to see something else
 * just has not looked yet.
 */
function repeats<Ghost>(node: ThreadNode<Ghost>, { operation, value, kind }: Input): boolean {
  if (operation === undefined || kind !== 'result' || !onlyLooked(operation, value)) return false;
  if (operation.kind === 'compareExchange') return true;
  const before = [node.input, node.parent?.input];
  return before.every(
    (each) => each !== undefined && isSame(each.operation, operation) && Object.is(each.value, value),
  );
}
