// The search of test/crash for second crashes with nothing left out: every crash point of one workload, every state
// there in which no write is torn, and behind each of them a crash at every operation of an opening and of a recovery.

import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { DoubleCrashes } from '../support/double-crash.js';

beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 }));
afterAll(() => void vi.useRealTimers());

test(
  'R1, R9, R11: whatever the first crash left, a second one loses nothing of it (F41)',
  async () => {
    const search = new DoubleCrashes();
    await search.run({ fsync: 'full', start: 'empty', files: 'large', script: 's|b' }, { sectorsMax: 2 });
    console.log(`double crashes: ${JSON.stringify(search.tally)}`);
    expect(search.tally.openingStates).toBeGreaterThanOrEqual(30_024);
    expect(search.tally.recoveryStates).toBeGreaterThanOrEqual(6467);
  },
  30 * 60_000,
);
