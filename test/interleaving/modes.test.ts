// Appends against switches of the mode, in every interleaving.

import { test } from 'vitest';
import { exploreLog } from '../support/interleaving/explore-log.js';
import { flusherThread } from '../support/interleaving/log-threads.js';
import { modalWriterThread, orderedBehindSwitch, switcherThread } from '../support/interleaving/mode-threads.js';
import { SharedLog } from '../support/interleaving/shared-log.js';

test('M1 M2: an append against a switch to conservative is written once, behind it in the one lane', async () => {
  const log = new SharedLog({ lanes: 2 });
  const plans = [{ id: 2, lane: 1, values: [1], thread: 0 }];
  await exploreLog({
    name: 'one writer, a switch to conservative',
    log,
    threads: [
      ...plans.map((plan) => modalWriterThread(log, plan)),
      switcherThread(log, ['conservative']),
      flusherThread(log, { writers: plans, rounds: 0 }),
    ],
    statesMin: 1000,
    isModal: true,
    onlySeals: false,
    atRest: orderedBehindSwitch,
  });
}, 300_000);

test('M1 M2: a writer that dies at any moment of a switch does not hold it up, and leaves what it may leave', async () => {
  const log = new SharedLog({ lanes: 2 });
  const plans = [{ id: 2, lane: 1, values: [1], thread: 0, isMortal: true }];
  await exploreLog({
    name: 'a death, a switch to conservative',
    log,
    threads: [
      ...plans.map((plan) => modalWriterThread(log, plan)),
      switcherThread(log, ['conservative']),
      flusherThread(log, { writers: plans, rounds: 0 }),
    ],
    statesMin: 1000,
    isModal: true,
    onlySeals: false,
    atRest: orderedBehindSwitch,
  });
}, 300_000);
