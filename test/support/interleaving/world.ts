// One state of a scope: all words, all plain bytes, and where each thread stands.

import type { Operation } from './operations.js';
import type { Bytes } from './plain-memory.js';
import type { ThreadNode } from './thread-tree.js';

/** Whether a thread can go on. */
export const STATUS = { ready: 0, asleep: 1, woken: 2, dead: 3 } as const;
export type Status = (typeof STATUS)[keyof typeof STATUS];

/** How a thread ended. */
export const ENDED = { done: 1, dead: 2 } as const;

/** A waitAsync that is not over: the word it waits on, and whether it was notified. */
export interface AsyncWait {
  readonly slot: number;
  readonly isWoken: boolean;
}

export interface Standing<Ghost> {
  readonly node: ThreadNode<Ghost>;
  readonly status: Status;
  readonly asyncWait: AsyncWait | undefined;
}

/** A state. Never changed. */
export interface World<Ghost> {
  readonly words: readonly number[];
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly threads: readonly Standing<Ghost>[];
}

/** What a thread can do next. */
export interface Action {
  readonly thread: number;
  readonly kind: 'step' | 'timeout' | 'wake' | 'timer' | 'die';
}

/** One step, as the laws see it. */
export interface Step<Ghost> {
  readonly thread: number;
  readonly kind: Action['kind'];
  /** Undefined for events and deaths, and for falling asleep. */
  readonly operation: Operation | undefined;
  readonly value: number;
  readonly before: World<Ghost>;
  readonly after: World<Ghost>;
  /** Plain bytes read and written in the stretch behind the operation. */
  readonly reads: Bytes;
  readonly writes: Bytes;
}

/** What must be true after every step: says what is not. */
export type Law<Ghost> = (step: Step<Ghost>) => string | undefined;

const SUFFIX = { step: '', timeout: '~', wake: '*', timer: '%', die: '!' } as const;

/** A schedule as text: a letter for the thread, a mark for anything but its next operation. */
export function writeSchedule(actions: readonly Action[]): string {
  return actions.map(({ thread, kind }) => String.fromCharCode(65 + thread) + SUFFIX[kind]).join('');
}

export function parseSchedule(text: string): Action[] {
  return [...text.matchAll(/([A-Z])([~*%!]?)/g)].map(([, letter, mark]) => {
    const kind = (Object.keys(SUFFIX) as Action['kind'][]).find((each) => SUFFIX[each] === mark);
    return { thread: (letter as string).charCodeAt(0) - 65, kind: kind as Action['kind'] };
  });
}
