// The decisions of a controller as other threads see them: how many of each action, and the last one. Words in shared
// memory that nothing goes by (design/shared-memory.md, "Decisions").

import { assert } from '../base/assert.js';
import { ACTIONS, type Action, type Decision } from '../decide/decide.js';
import { unordered } from '../memory/atomics.js';

/** What is kept of the last decision; `action` and `counterfactual` as their places in the list of actions. */
const LAST = [
  'number',
  'action',
  'confidenceBp',
  'expectedLossUs',
  'counterfactual',
  'regretUs',
  'gatherUs',
  'lanes',
  'flushes',
] as const;
const VERSION = 0;
const COUNTS = 1;
const LAST_AT = COUNTS + ACTIONS.length;
const WORDS = LAST_AT + LAST.length;
/** Looks at a decision that is being written before a reader gives up: its writer needs microseconds, or is dead. */
const LOOKS_MAX = 1000;

/** Decisions as plain data. */
export interface DecisionMetrics {
  /** How many decisions of each action were made. */
  readonly made: Readonly<Record<Action, number>>;
  /** The last one; undefined before the first. */
  readonly last?: LastDecision;
}

/** A decision without its evidence, which is in the trace. */
export interface LastDecision {
  readonly number: number;
  readonly action: Action;
  readonly confidenceBp: number;
  readonly expectedLossUs: number;
  readonly counterfactual: Action;
  readonly regretUs: number;
  /** What is in force since: see {@link Tuning}. */
  readonly gatherUs: number | null;
  readonly lanes: number;
  readonly flushes: number;
}

/** The shared words of one controller. */
export class DecisionBoard {
  readonly buffer: SharedArrayBuffer;
  readonly #words: BigInt64Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(WORDS * 8)) {
    assert(buffer.byteLength === WORDS * 8, 'the words of decisions have their one size');
    this.buffer = buffer;
    this.#words = new BigInt64Array(buffer);
  }

  /** The controller's thread only. */
  note({ record, tuning }: Decision): void {
    const action = ACTIONS.indexOf(record.action);
    const values = {
      ...record,
      ...tuning,
      action,
      counterfactual: ACTIONS.indexOf(record.counterfactual),
      gatherUs: tuning.gatherUs ?? -1,
    };
    // Odd while the words change: whoever reads meanwhile looks again.
    unordered.add64(this.#words, VERSION, 1);
    unordered.add64(this.#words, COUNTS + action, 1);
    for (const [index, name] of LAST.entries()) unordered.store64(this.#words, LAST_AT + index, values[name]);
    unordered.add64(this.#words, VERSION, 1);
  }

  /** Any thread. */
  read(): DecisionMetrics {
    const load = (index: number): number => unordered.load64(this.#words, index);
    for (let look = 0; ; look += 1) {
      const version = load(VERSION);
      const made = Object.fromEntries(ACTIONS.map((action, index) => [action, load(COUNTS + index)] as const));
      const last = Object.fromEntries(LAST.map((name, index) => [name, load(LAST_AT + index)] as const));
      const isWhole = version % 2 === 0 && load(VERSION) === version;
      if (!isWhole && look < LOOKS_MAX) continue;
      const counts = { made: made as Record<Action, number> };
      return isWhole && version > 0
        ? { ...counts, last: named(last as Record<(typeof LAST)[number], number>) }
        : counts;
    }
  }
}

function named({ action, counterfactual, gatherUs, ...rest }: Record<(typeof LAST)[number], number>): LastDecision {
  return {
    ...rest,
    action: ACTIONS[action] as Action,
    counterfactual: ACTIONS[counterfactual] as Action,
    gatherUs: gatherUs < 0 ? null : gatherUs,
  };
}
