// Goal: a crash while the log is opened or recovered after a crash costs nothing that the first one left. Method: a
// small workload on the simulated disk; two states that a crash left behind a write, and there again a crash at every
// operation with every state. Every crash point and more sectors in test/deep.

import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { DoubleCrashes, type FirstCrash } from '../support/double-crash.js';

beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 }));
afterAll(() => void vi.useRealTimers());

test('R1, R9, R11: a second crash, in opening or in recovery into a page file, loses nothing (F41)', async () => {
  const search = new DoubleCrashes();
  const workload = { fsync: 'full', start: 'empty', files: 'large', script: 's|b' } as const;
  // The last commit is written and not synced: the process dies there, or the power fails.
  const pick = (first: readonly FirstCrash[]) => {
    const isUnsure = ({ promised }: FirstCrash) => promised.written > promised.durable;
    return first.filter(isUnsure).slice(-2);
  };
  await search.run(workload, { pick, sectorsMax: 0 });
  console.log(`double crashes: ${JSON.stringify(search.tally)}`);
  expect(search.tally.openingStates).toBeGreaterThanOrEqual(433);
  expect(search.tally.recoveryStates).toBeGreaterThanOrEqual(24);
});
