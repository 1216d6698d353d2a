// A workload of many threads on one key-value store, and what the store has to hold after it: each thread has keys of
// its own, whose contents follow from how many of its transactions took effect, and all add to one number. So any
// moment can be checked without knowing how the threads took turns.

import type { TreeReader } from '../../examples/kv/tree-reader.js';
import type { TreeWriter } from '../../examples/kv/tree-writer.js';
import { between, mixed, pick, seeded } from '../../src/base/random.js';
import { KvModel, listed } from './kv-model.js';

/** One change of a transaction: a value, or none to delete. */
interface Change {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

/** What a thread of the workload is told. */
export interface KvThread {
  readonly seed: number;
  readonly thread: number;
}

const SLOTS = 150;
/** Each such transaction adds one to the number that all threads share. */
const TOTAL_EVERY = 4;
/** Each such one reads it first and then writes it, so that two of them cannot both go on. */
const TOTAL_APART_EVERY = 12;
/** Each such transaction takes its keys in any order, so that it meets others in a circle. */
const UNORDERED_EVERY = 16;

const TOTAL = Buffer.from('a-total');
const countKey = (thread: number): Uint8Array => Buffer.from(`b-count-${thread}`);
const prefixOf = (thread: number): string => `thread-${thread}:`;

/** What transaction `number` of a thread does to the keys of that thread, each once. */
function changesOf({ seed, thread }: KvThread, number: number): Change[] {
  const random = seeded(mixed(seed, thread, number));
  const changes = new Map<number, Uint8Array | undefined>();
  for (let count = between(random, 1, 6); count > 0; count -= 1) {
    const bytes = pick(random, [0, 10, 50, 100, 100, 400, 3000]);
    const value = random() < 0.35 ? undefined : new Uint8Array(bytes).fill(number);
    changes.set(between(random, 0, SLOTS - 1), value);
  }
  return [...changes]
    .sort(([one], [other]) => (number % UNORDERED_EVERY === 0 ? 0 : one - other))
    .map(([slot, value]) => ({ key: Buffer.from(prefixOf(thread) + String(slot).padStart(3, '0')), value }));
}

/** Does transaction `number` of a thread. */
export function applyTransaction(tree: TreeWriter, own: KvThread, number: number): void {
  if (number % TOTAL_APART_EVERY === 0) tree.put(TOTAL, numeral(numberIn(tree.get(TOTAL)) + 1));
  else if (number % TOTAL_EVERY === 0) tree.update(TOTAL, (value) => numeral(numberIn(value) + 1));
  tree.put(countKey(own.thread), numeral(number));
  for (const { key, value } of changesOf(own, number)) {
    if (value === undefined) tree.delete(key);
    else tree.put(key, value);
  }
}

/** How many transactions of a thread are in the store. */
export function countOf(tree: TreeReader, thread: number): number {
  return numberIn(tree.get(countKey(thread)));
}

/**
 * Checks that a store holds a prefix of each thread's transactions, whole ones, and nothing else.
 *
 * @param acknowledged - by thread, how many it has to hold at least
 * @returns what is wrong; empty when all is well
 */
export function checkWorkload(tree: TreeReader, seed: number, acknowledged: readonly number[]): string[] {
  const faults: string[] = [];
  const counts = acknowledged.map((_, thread) => countOf(tree, thread));
  for (const [thread, count] of counts.entries()) {
    const least = acknowledged[thread] ?? 0;
    if (count < least) faults.push(`thread ${thread}: ${least} transactions are acknowledged, ${count} are there`);
    const model = new KvModel();
    for (let number = 1; number <= count; number += 1) {
      for (const { key, value } of changesOf({ seed, thread }, number)) model.set(key, value);
    }
    const bounds = { from: Buffer.from(prefixOf(thread)), to: Buffer.from(`thread-${thread};`) };
    if (listed(tree.range(bounds)).join('\n') !== model.range().join('\n')) {
      faults.push(`thread ${thread}: the keys are not what its first ${count} transactions make of them`);
    }
  }
  const total = counts.reduce((sum, count) => sum + Math.floor(count / TOTAL_EVERY), 0);
  const found = numberIn(tree.get(TOTAL));
  if (found !== total) faults.push(`the shared number is ${found} and not ${total}`);
  return faults;
}

function numeral(number: number): Uint8Array {
  return Buffer.from(String(number));
}

function numberIn(value: Uint8Array | undefined): number {
  return value === undefined ? 0 : Number(Buffer.from(value).toString());
}
