// Larger scopes of the interleavings: more threads, more commits, more seals, more deaths.

import { test } from 'vitest';
import { exploreLoop, exploreSealing } from '../support/interleaving/scopes.js';

test('I1, I3: three writers of one lane wait for its lock and all come through', async () => {
  await exploreSealing('three writers of one lane', {
    writers: [2, 3, 4].map((value) => ({ lane: 0, values: [value] })),
    seals: 0,
    statesMin: 85_185,
  });
});

test('I2, I5: two seals at any moment of three appends in two lanes take every commit below their end', async () => {
  await exploreSealing('two lanes, three appends, two seals', {
    lanes: 2,
    writers: [
      { lane: 0, values: [1, 2] },
      { lane: 1, values: [3] },
    ],
    seals: 2,
    statesMin: 92_901,
  });
});

test('I6: two deaths explain two voids, each its own, with a seal between them', async () => {
  await exploreSealing('two deaths, two lanes, one seal', {
    lanes: 2,
    writers: [
      { lane: 0, values: [1], isMortal: true },
      { lane: 1, values: [2], isMortal: true },
    ],
    seals: 1,
    deathsMax: 2,
    statesMin: 164_090,
  });
});

test('I3, I6: a death in a shared lane, between two seals, holds nobody up', async () => {
  await exploreSealing('a death in a shared lane, two appends each, one seal', {
    laneBytes: 1024,
    writers: [
      { lane: 0, values: [1, 2], isMortal: true },
      { lane: 0, values: [3, 4] },
    ],
    seals: 1,
    statesMin: 1_092_856,
  });
});

test('I7: a commit that is waited for as durable is synced, however the flusher is about to sleep', async () => {
  await exploreLoop('one application that waits for a sync', {
    writers: [{ lane: 0, values: [1], waits: 'durable' }],
    fsync: 'full',
    statesMin: 16_240,
  });
});
