// The search of test/crash with nothing left out: all workloads of up to two commits with the first 10 sectors of each
// write in every combination, and all of three commits with the first 2. A failure prints WAL_TEST_STATE, which looks
// at that state alone.

import { afterAll, beforeAll, test, vi } from 'vitest';
import { CrashSearch } from '../support/crash-search.js';
import { KINDS, PAUSES, PLACES, scripts } from '../support/crash-workload.js';

beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 }));
afterAll(() => void vi.useRealTimers());

const UP_TO_TWO = [0, 1, 2].flatMap((count) => scripts(count, KINDS, PAUSES));
const THREE = scripts(3, KINDS, ['+', '|']);
// Without any sync the states double with each operation.
const OFF = [...scripts(0, [], []), ...scripts(1, KINDS, [])];

const PLANS = [
  { fsync: 'full', commits: 'up to two', all: UP_TO_TWO, sectors: 10, distinctMin: 2834 },
  { fsync: 'normal', commits: 'up to two', all: UP_TO_TWO, sectors: 10, distinctMin: 2920 },
  { fsync: 'full', commits: 'three', all: THREE, sectors: 2, distinctMin: 2834 },
  { fsync: 'normal', commits: 'three', all: THREE, sectors: 2, distinctMin: 2920 },
  { fsync: 'off', commits: 'up to one', all: OFF, sectors: 2, distinctMin: 6533 },
] as const;

test.each(PLANS.flatMap((plan) => PLACES.map((place) => ({ ...plan, ...place }))))(
  'R1, R9: under $fsync, $commits commits, $start and $files, no crash state breaks a promise',
  async (plan) => {
    const { fsync, start, files, commits, all, sectors, distinctMin } = plan;
    const search = new CrashSearch(sectors);
    for (const script of all) await search.run({ fsync, start, files, script });
    console.log(`crash states under ${fsync}, ${commits} commits, ${start}, ${files}: ${search.summary}`);
    search.expectAtLeast(distinctMin);
  },
);
