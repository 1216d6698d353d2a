// Every interleaving of a run, commits that enter a lane together, with seals, with others and with its writer's death. A
// failure prints the schedule that replays it.

import { test } from 'vitest';
import { exploreSealing } from '../support/interleaving/scopes.js';

test('I2, I3, I5: a seal at any moment of a run takes every commit below its end', async () => {
  await exploreSealing('a run and an append in two lanes, one seal', {
    lanes: 2,
    writers: [
      { lane: 0, values: [1, 2], isRun: true },
      { lane: 1, values: [3] },
    ],
    seals: 1,
    statesMin: 13_348,
  });
}, 300_000);

test('I3, I6: the death of a writer leaves the first commits of its run, and one void at most', async () => {
  await exploreSealing('a run whose writer may die, one seal', {
    writers: [{ lane: 0, values: [1, 2, 3], isRun: true, isMortal: true }],
    seals: 1,
    laneBytes: 1024,
    statesMin: 1279,
  });
}, 300_000);
