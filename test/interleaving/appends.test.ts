// Every interleaving of appends with each other and with seals, one atomic operation at a time. A failure prints the
// schedule that replays it.

import { test } from 'vitest';
import { exploreSealing } from '../support/interleaving/scopes.js';

test('I1, I2, I3: appends in one lane leave whole frames in the order of their sequences', async () => {
  await exploreSealing('two writers of one lane, two appends each', {
    laneBytes: 1024,
    writers: [
      { lane: 0, values: [1, 2] },
      { lane: 0, values: [3, 4] },
    ],
    seals: 0,
    statesMin: 8769,
  });
}, 300_000);

test('I2, I5: a seal at any moment of appends in two lanes takes every commit below its end', async () => {
  await exploreSealing('two lanes, two seals', {
    lanes: 2,
    writers: [
      { lane: 0, values: [1] },
      { lane: 1, values: [2] },
    ],
    seals: 2,
    statesMin: 12699,
  });
}, 300_000);

test('I2, I5: a seal at any moment of appends in a shared lane takes every commit below its end', async () => {
  await exploreSealing('two writers of one lane, one seal', {
    writers: [
      { lane: 0, values: [1] },
      { lane: 0, values: [2] },
    ],
    seals: 1,
    statesMin: 7371,
  });
}, 300_000);

test('I1: a full lane refuses; the space of its frames is taken again only when they are written', async () => {
  await exploreSealing('a lane of two frames, three appends', {
    laneBytes: 256,
    writers: [
      { lane: 0, values: [1, 2] },
      { lane: 0, values: [3] },
    ],
    seals: 1,
    statesMin: 23643,
  });
}, 300_000);
