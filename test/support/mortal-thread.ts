// Threads of the package that die at a chosen moment. The side of the thread: it parks at its moment, in Atomics.wait on
// a word of the test's own, and dies there as the test then says. The test's side is mortality.ts. Calls of the file
// system and atomic operations are replaced within the thread, whose modules are its own.

import fs from 'node:fs';
import { getEnvironmentData } from 'node:worker_threads';
import { type AtomicOps, atomics } from '../../src/memory/atomics.js';

/** Threads that can be told to die. */
export type MortalName = 'flusher' | 'preallocator' | 'verifier';

/** Calls of the file system at which a thread may die. */
export type FileCall =
  | 'openSync'
  | 'closeSync'
  | 'readSync'
  | 'writeSync'
  | 'writevSync'
  | 'fdatasyncSync'
  | 'fsyncSync'
  | 'renameSync';

/** In front of, or behind, a call once armed; the `nth`, from 0. */
interface CallMoment {
  readonly call: FileCall;
  readonly when: 'before' | 'after';
  readonly nth?: number;
}

/** When a thread parks. */
export type Moment =
  | CallMoment
  /** In front of the `nth` atomic operation, from 0, that changes anything. */
  | { readonly change: number };

/** What a thread is told. */
export const FATES = ['goes on', 'throw', 'exit', 'rejection', 'out of memory'] as const;
export type Fate = (typeof FATES)[number];

/** Words that the test and the thread share. */
export const MORTAL_WORD = { armed: 0, parked: 1, fate: 2, changes: 3 } as const;

/** What a thread finds under {@link MORTALITY} in its environment data. */
export interface Mortality {
  readonly name: MortalName;
  readonly moment: Moment | undefined;
  readonly words: SharedArrayBuffer;
}
export const MORTALITY = 'lanewal-test-mortality';

const CHANGES: readonly (keyof AtomicOps)[] = [
  'store',
  'add',
  'compareExchange',
  'store64',
  'increment64',
  'compareExchange64',
  'notify',
];

type Call = (...rest: unknown[]) => unknown;

/** Ends this thread. */
export function die(fate: Fate): void {
  if (fate === 'throw') throw new Error('told to');
  if (fate === 'exit') process.exit(3);
  if (fate === 'rejection') void Promise.reject(new Error('told to'));
  if (fate === 'out of memory') for (const hog: object[] = []; ; ) hog.push(new Array(10_000).fill({}));
}

/** Has this thread park at its moment, if it is the one. */
export function makeMortal(name: MortalName): void {
  const mortality = getEnvironmentData(MORTALITY) as Mortality | undefined;
  if (mortality?.name !== name || mortality.moment === undefined) return;
  const words = new Int32Array(mortality.words);
  const { moment } = mortality;
  if ('call' in moment) parkAtCall(moment, words);
  else parkAtChange(moment.change, words);
}

function parkAtCall({ call, when, nth = 0 }: CallMoment, words: Int32Array): void {
  const calls = fs as unknown as Record<FileCall, Call>;
  const real = calls[call];
  let count = 0;
  calls[call] = (...rest) => {
    const isTheOne = Atomics.load(words, MORTAL_WORD.armed) === 1 && count++ === nth;
    if (isTheOne && when === 'before') park(words);
    const result = real(...rest);
    if (isTheOne && when === 'after') park(words);
    return result;
  };
}

function parkAtChange(change: number, words: Int32Array): void {
  for (const name of CHANGES) {
    const real = atomics[name] as Call;
    const parked = (...rest: unknown[]): unknown => {
      const isArmed = Atomics.load(words, MORTAL_WORD.armed) === 1;
      if (isArmed && Atomics.add(words, MORTAL_WORD.changes, 1) === change) park(words);
      return real(...rest);
    };
    Object.assign(atomics, { [name]: parked });
  }
}

function park(words: Int32Array): void {
  Atomics.store(words, MORTAL_WORD.parked, 1);
  Atomics.notify(words, MORTAL_WORD.parked);
  while (Atomics.load(words, MORTAL_WORD.fate) === 0) Atomics.wait(words, MORTAL_WORD.fate, 0);
  die(FATES[Atomics.load(words, MORTAL_WORD.fate) - 1] as Fate);
}
