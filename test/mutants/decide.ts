// Mutants of decisions and of the controller that puts them into force.

import type { Mutant } from '../support/mutation.js';

const DECIDE_TEST = 'test/unit/decide/decide.test.ts';
const CONTROLLER_TEST = 'test/unit/flusher/controller.test.ts';

export const DECIDE_MUTANTS: readonly Mutant[] = [
  {
    name: 'controller: a writer that is alone waits for others',
    file: 'src/decide/decide.ts',
    find: `if (rates.waiters < LONE_WAITERS && rates.commitsPerEpoch < LONE_COMMITS) {`,
    replace: `if (rates.waiters < 0 && rates.commitsPerEpoch < LONE_COMMITS) {`,
    killedBy: { file: DECIDE_TEST, title: 'a writer that is alone is never kept waiting' },
  },
  {
    name: 'controller: something else is tried every other period',
    file: 'src/decide/decide.ts',
    find: `const KNOWN_EVERY = 16;`,
    replace: `const KNOWN_EVERY = 2;`,
    killedBy: {
      file: DECIDE_TEST,
      title: 'are found by trying, and what is worse is in force for one period in sixteen',
    },
  },
  {
    name: 'controller: more flushes are in flight than the setting allows',
    file: 'src/decide/decide.ts',
    find: `for (let count = 1; count <= flushes; count += 1) {`,
    replace: `for (let count = 1; count <= flushes + 1; count += 1) {`,
    killedBy: { file: DECIDE_TEST, title: 'with large syncs come with as many flushes in flight as make them short' },
  },
  {
    name: 'controller: goes by a counter that fell',
    file: 'src/decide/observation.ts',
    find: `    if (is < was) return`,
    replace: `    if (is < 0) return`,
    killedBy: { file: CONTROLLER_TEST, title: 'that loses its evidence says so, decides no more' },
  },
  {
    name: 'controller: decides on although its evidence was lost',
    file: 'src/flusher/controller.ts',
    find: `    this.#isOver = decision.record.action === 'force_conservative';
`,
    replace: ``,
    killedBy: { file: CONTROLLER_TEST, title: 'that loses its evidence says so, decides no more' },
  },
  {
    name: 'controller: what it sets is given up by the flusher itself',
    file: 'src/flusher/gathering.ts',
    find: `    if (this.#steering.gatherMs !== undefined) this.#before = undefined;
`,
    replace: ``,
    killedBy: { file: CONTROLLER_TEST, title: 'is how long a seal is put off for those who were woken' },
  },
];
