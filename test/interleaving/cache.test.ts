// Goal: no order of operations on a page cache breaks a law of design/page-cache.md, and no death at any of them leaves
// anything behind. Method: every interleaving of few sessions over few frames, one atomic operation at a time. A failure
// prints the schedule that replays it.

import { expect, test } from 'vitest';
import { type CacheScope, exploreCache } from '../support/interleaving/explore-cache.js';
import type { SessionPlan } from '../support/interleaving/shared-cache.js';

const BOUND_MS = 300_000;

/** States that were seen when the scopes were written down; fewer mean that something is no longer explored. */
const STATES_MIN: Readonly<Record<string, number>> = {
  'two loaders of one page': 20718,
  'a reader against a writer': 29545,
  'a loader that gives up': 9628,
  'a latch against an eviction': 45833,
  'a search against an eviction': 42226,
  'an upgrade against an upgrade': 84330,
  'two of the size': 155,
  'the death of a reader': 66718,
  'the death of a writer': 51031,
  'the death of an upgrader': 69528,
  'the death of one that evicts': 538392,
  'a death with the size': 2596,
};

const explore = (name: string, frames: number, sessions: SessionPlan[], more: Partial<CacheScope> = {}) =>
  exploreCache({ name, frames, sessions, statesMin: STATES_MIN[name]!, ...more });

test(
  'K1, K6: of two loaders of one page one loads it, and the other waits for that',
  async () => {
    await explore('two loaders of one page', 2, [{ acts: [['read', 1]] }, { acts: [['read', 1]] }]);
  },
  BOUND_MS,
);

test(
  'K2, K4, K6: a reader and a writer of one page wait for each other and are woken',
  async () => {
    await explore('a reader against a writer', 1, [{ acts: [['read', 1]] }, { acts: [['write', 1]] }]);
  },
  BOUND_MS,
);

test(
  'K2, K4, K6: a page that its latcher gives up is loaded by whoever waited for it',
  async () => {
    await explore('a loader that gives up', 1, [{ acts: [['give up', 1]] }, { acts: [['read', 1]] }]);
  },
  BOUND_MS,
);

test(
  'K3, K7: a frame that is latched keeps its page, and a changed one its image, until the log has it',
  async () => {
    const sessions: SessionPlan[] = [{ acts: [['overwrite', 1]] }, { acts: [['read', 2]] }];
    await explore('a latch against an eviction', 1, sessions, { cached: [1] });
  },
  BOUND_MS,
);

test(
  "K3: a frame that becomes another page's while it is looked for is not taken for the first",
  async () => {
    const sessions: SessionPlan[] = [{ acts: [['read', 1]] }, { acts: [['read', 2]] }];
    await explore('a search against an eviction', 1, sessions, { cached: [1] });
  },
  BOUND_MS,
);

test(
  'K2, K4: of two that upgrade one page one is refused, at once, and the other goes on',
  async () => {
    await explore('an upgrade against an upgrade', 1, [{ acts: [['upgrade', 1]] }, { acts: [['upgrade', 1]] }]);
  },
  BOUND_MS,
);

test(
  'K4: who waits for the size is woken',
  async () => {
    await explore('two of the size', 1, [{ acts: [['size', 0]] }, { acts: [['size', 0]] }]);
  },
  BOUND_MS,
);

test.each<[string, number, SessionPlan['acts'], SessionPlan['acts']]>([
  ['a reader', 1, [['read', 1]], [['write', 1]]],
  ['a writer', 1, [['overwrite', 1]], [['read', 1]]],
  ['an upgrader', 1, [['upgrade', 1]], [['read', 1]]],
  ['one that evicts', 2, [['read', 1]], [['read', 1]]],
])(
  'K5: %s that dies at any operation leaves nothing, and nobody waits for it',
  async (name, cached, dying, living) => {
    await explore(`the death of ${name}`, 1, [{ acts: dying, isMortal: true }, { acts: living }], { cached: [cached] });
  },
  BOUND_MS,
);

test(
  'K5: one that dies with the size latched leaves it free',
  async () => {
    const sessions: SessionPlan[] = [{ acts: [['size', 0]], isMortal: true }, { acts: [['size', 0]] }];
    const { ends } = await explore('a death with the size', 1, sessions);
    expect(ends).toBeGreaterThan(1);
  },
  BOUND_MS,
);
