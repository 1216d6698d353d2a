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
    name: 'controller: what is worse is tried as often as ever',
    file: 'src/decide/learning.ts',
    find: `Math.min(GAP_MAX, Math.max(GAP_MIN, old.gap * 2))`,
    replace: `Math.min(GAP_MAX, GAP_MIN)`,
    killedBy: {
      file: DECIDE_TEST,
      title: 'are found by trying, and what is worse is in force ever less often',
    },
  },
  {
    name: 'controller: changes to what was better by chance',
    file: 'src/decide/learning.ts',
    find: `rival.ratio + doubtOf(rival) < BETTER`,
    replace: `rival.ratio < BETTER`,
    killedBy: { file: DECIDE_TEST, title: 'are not found by chance' },
  },
  {
    name: 'controller: forgets what it learned because of a pause',
    file: 'src/decide/learning.ts',
    find: `if (isOther && oddPeriods + 1 < OTHER_PERIODS)`,
    replace: `if (isOther && oddPeriods + 1 < 1)`,
    killedBy: { file: DECIDE_TEST, title: 'of a load that is over are forgotten with it' },
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
