// Appends against switches of the mode, in every interleaving. Nothing is sealed here: a seal does not know of modes,
// and appends.test.ts has it against appends.

import { test } from 'vitest';
import { exploreLog } from '../support/interleaving/explore-log.js';
import { modalWriterThread, orderedBehindSwitch, switcherThread } from '../support/interleaving/mode-threads.js';
import { SharedLog } from '../support/interleaving/shared-log.js';

test('M1 M2: appends against a switch to conservative are published once each, behind it in the one lane', async () => {
  const log = new SharedLog({ lanes: 2 });
  const writer = modalWriterThread(log, { id: 2, lane: 1, values: [1, 2] });
  await exploreLog({
    name: 'one writer, a switch to conservative',
    log,
    threads: [writer, switcherThread(log, ['conservative'])],
    statesMin: 1291,
    isModal: true,
    mayRest: true,
    onlySeals: false,
    atRest: orderedBehindSwitch,
  });
}, 300_000);
