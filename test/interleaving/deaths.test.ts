// Writers that die before any of their operations, in every interleaving with others, with seals and with their reaping.

import { expect, test } from 'vitest';
import { exploreLog } from '../support/interleaving/explore-log.js';
import type { Ghost } from '../support/interleaving/ghost.js';
import { flusherThread, jumboThread, planJumbo, writerThread } from '../support/interleaving/log-threads.js';
import { exploreSealing } from '../support/interleaving/scopes.js';
import { SharedLog } from '../support/interleaving/shared-log.js';
import type { World } from '../support/interleaving/world.js';

test('I3, I6: a death in one lane leaves a void where a sequence was taken, and the other lane whole', async () => {
  await exploreSealing('a death in one of two lanes, one seal', {
    lanes: 2,
    writers: [
      { lane: 0, values: [1], isMortal: true },
      { lane: 1, values: [2] },
    ],
    seals: 1,
    statesMin: 32776,
  });
}, 300_000);

test('I3, I6: the lock of a dead holder passes to whoever waits for it', async () => {
  await exploreSealing('a death in a shared lane, no seal before', {
    writers: [
      { lane: 0, values: [1], isMortal: true },
      { lane: 0, values: [2] },
    ],
    seals: 0,
    statesMin: 18811,
  });
}, 300_000);

test('I6: a writer reaped while a sealed epoch waits to be written is counted once', async () => {
  await exploreSealing('a death while an epoch waits, two lanes', {
    lanes: 2,
    writers: [
      { lane: 0, values: [1], isMortal: true },
      { lane: 1, values: [2] },
    ],
    seals: 1,
    reapsUnwritten: true,
    statesMin: 38966,
  });
}, 300_000);

test('I6: two deaths explain two voids, each its own', async () => {
  const explored = await exploreSealing('two deaths, two lanes', {
    lanes: 2,
    writers: [
      { lane: 0, values: [1], isMortal: true },
      { lane: 1, values: [2], isMortal: true },
    ],
    seals: 0,
    deathsMax: 2,
    statesMin: 60255,
  });
  // None, one or two voids, and all that was published beside them.
  expect(explored.ends).toBeGreaterThan(10);
}, 300_000);

test('I6: the size that a published commit sets is in force although its writer died', async () => {
  const log = new SharedLog();
  const size = log.machine.slot('size of space 0', () => log.control.sizePages(0));
  await exploreLog({
    name: 'the death of a writer that sets a size',
    log,
    threads: [
      writerThread(log, { id: 2, lane: 0, values: [7], withSize: true, isMortal: true }),
      flusherThread(log, { writers: [{ thread: 0, id: 2, lane: 0 }], rounds: 1 }),
    ],
    statesMin: 763,
    atRest: (world: World<Ghost>) => {
      const isPublished = world.threads[0]?.node.ghost.taken.some((each) => each.isPublished);
      const pages = world.words[size];
      return pages === (isPublished ? 7 : 0) ? undefined : `the size is ${pages}`;
    },
  });
}, 300_000);

test('I1, I6: a jumbo is whole or void, and the room it claimed is free again', async () => {
  const log = new SharedLog();
  const jumbo = planJumbo(log, 2, 9, 600);
  const room = log.machine.slot('claimed', () => log.lanes[0]?.jumboClaimed.load());
  const released = log.machine.slot('released', () => log.lanes[0]?.jumboReleased.load());
  const jumboLock = log.machine.slot('jumbo lock', () => log.control.jumboLock.isHeld());
  await exploreLog({
    name: 'a jumbo whose writer may die, one seal',
    log,
    threads: [
      jumboThread(log, { jumbo, lane: 0, isMortal: true }),
      writerThread(log, { id: 3, lane: 0, values: [2] }),
      flusherThread(log, {
        writers: [
          { thread: 0, id: 2, lane: 0 },
          { thread: 1, id: 3, lane: 0 },
        ],
        rounds: 1,
        jumbos: [jumbo],
      }),
    ],
    onlySeals: false,
    statesMin: 84212,
    atRest: ({ words }) => {
      if (words[jumboLock] !== 0) return 'the lock for room is held for ever';
      return words[room] === words[released] ? undefined : `${words[room]} claimed, ${words[released]} released`;
    },
  });
}, 300_000);

test('M4: what a dead writer had proven is no proof of what another puts to its place', async () => {
  await exploreSealing('a death with proofs in a shared lane', {
    writers: [
      { lane: 0, values: [1], isMortal: true, isProven: true },
      { lane: 0, values: [2] },
    ],
    seals: 0,
    statesMin: 18811,
  });
}, 300_000);
