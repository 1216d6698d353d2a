// Larger scopes of the interleavings of a page cache: three sessions, deaths of who loads, waits that run out of time.

import { test } from 'vitest';
import { exploreCache } from '../support/interleaving/explore-cache.js';

test('K2, K4: two readers and a writer of one page wait for each other and are woken', async () => {
  await exploreCache({
    name: 'two readers and a writer',
    frames: 1,
    cached: [1],
    sessions: [{ acts: [['read', 1]] }, { acts: [['read', 1]] }, { acts: [['overwrite', 1]] }],
    statesMin: 574721,
  });
});

test('K2, K4: two that upgrade one page find each other, whoever else claims it', async () => {
  await exploreCache({
    name: 'two upgraders and a writer',
    frames: 1,
    cached: [1],
    sessions: [{ acts: [['upgrade', 1]] }, { acts: [['upgrade', 1]] }, { acts: [['overwrite', 1]] }],
    statesMin: 7_509_027,
  });
});

test('K1, K5, K6: a page whose loader dies is loaded by who waits for it', async () => {
  await exploreCache({
    name: 'the death of a loader',
    frames: 1,
    sessions: [{ acts: [['read', 1]], isMortal: true }, { acts: [['read', 1]] }],
    statesMin: 517360,
  });
});

test('K4: a wait that runs out of time leaves no claim and no sleeper', async () => {
  await exploreCache({
    name: 'an upgrade against an upgrade, with timeouts',
    frames: 1,
    cached: [1],
    sessions: [{ acts: [['upgrade', 1]] }, { acts: [['upgrade', 1]] }],
    hasTimeouts: true,
    statesMin: 6358,
  });
});
