// Mutants of the modes: the way of an append, and changing it (M1, M2).

import type { Mutant } from '../support/mutation.js';

const ENCODER = 'src/control/ordered-encoder.ts';
const SWITCH = 'src/control/mode-switch.ts';
const MODES_TEST = 'test/unit/control/modes.test.ts';
const FALLBACK_TEST = 'test/unit/control/fallback.test.ts';
const INTERLEAVING = 'test/interleaving/modes.test.ts';

const OTHER_WAY = { file: MODES_TEST, title: 'M1: an append on the way of another mode' };
const EVERY_SWITCH = { file: INTERLEAVING, title: 'M1 M2: appends against a switch to conservative' };

export const CONTROL_MUTANTS: readonly Mutant[] = [
  {
    name: 'M1: the parallel path does not look at the mode',
    file: 'src/lane/lane-writer.ts',
    find: `if (sequences.modeCode() !== this.#modeCode) {`,
    replace: `if (seen < 0) {`,
    killedBy: OTHER_WAY,
  },
  {
    name: 'M1: the ordered path does not look at the mode',
    file: ENCODER,
    find: `if (this.#sequences.modeCode() !== MODE.conservative) return 'switched';`,
    replace: ``,
    killedBy: OTHER_WAY,
  },
  {
    name: 'I3: the ordered path takes its sequence without a guard',
    file: ENCODER,
    find: `      guard.store(seen);`,
    replace: ``,
    killedBy: EVERY_SWITCH,
  },
  {
    name: 'M2: loads the guards before the mode is stored',
    file: SWITCH,
    find: `  control.mode = mode;
  // M2: behind the store of the mode.
  const seen = lanes.map((lane) => ({ lane, guard: lane.guard.load() }));`,
    replace: `  const seen = lanes.map((lane) => ({ lane, guard: lane.guard.load() }));
  control.mode = mode;`,
    killedBy: EVERY_SWITCH,
  },
  {
    name: 'M2: says that a switch is complete while guards stand',
    file: SWITCH,
    find: `lane.guard.load() === guard);`,
    replace: `lane.guard.load() < guard);`,
    killedBy: EVERY_SWITCH,
  },
  {
    name: 'I6: a dead writer is looked for in its own lane only',
    file: 'src/flusher/lanes.ts',
    find: `new Set([lane, this.#lanes[ORDERED_LANE] as Lane]);`,
    replace: `new Set([lane]);`,
    killedBy: { file: MODES_TEST, title: 'I6: a writer of another lane that died inside the first one' },
  },
  {
    name: 'M3: a latch counts for less than the mode that is asked for',
    file: 'src/control/mode-control.ts',
    find: `  if (latched !== 'none') return { mode: 'conservative', fallback: latched };
`,
    replace: ``,
    killedBy: { file: FALLBACK_TEST, title: 'the first reason stands, and a mode that is asked for does not undo it' },
  },
  {
    name: 'a latch is not looked for when a log is opened',
    file: 'src/start.ts',
    find: `  return latch?.reason ?? 'none';`,
    replace: `  return 'none';`,
    killedBy: { file: FALLBACK_TEST, title: 'M3: operator_forced, by setMode, is latched' },
  },
  {
    name: 'appends that run out of time now and then count as an overflow',
    file: 'src/control/mode-control.ts',
    find: `overflows === this.#overflows ? 0 :`,
    replace: `overflows === this.#overflows ? this.#overflowingEpochs :`,
    killedBy: { file: FALLBACK_TEST, title: 'lane_overflow: appends that run out of time in three epochs in a row' },
  },
];
