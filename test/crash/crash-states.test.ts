// Goal: no crash loses a commit that was promised, or leaves a log that cannot go on. Method: small workloads on the
// simulated disk; a crash before each of their operations; every state that a power cut may leave there, and the death
// of the process. Here: up to one commit of every kind, and two in every arrangement, also with each sync under way while
// the next segment is written; the first 2 sectors of each write in every combination, and every prefix and suffix. More
// of all of it in test/deep.

import { afterAll, beforeAll, test, vi } from 'vitest';
import { CrashSearch } from '../support/crash-search.js';
import { KINDS, PAUSES, PLACES, scripts } from '../support/crash-workload.js';

// File and segment headers carry the time; with one time equal logs are equal bytes.
beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 }));
afterAll(() => void vi.useRealTimers());

const BOUNDS = { sectorsMax: 2 };
const ONE = [...scripts(0, [], []), ...scripts(1, KINDS, [])];
const TWO = scripts(2, ['a'], PAUSES);

// Different states that were found when this was written: fewer mean that the search has shrunk. Without any sync they
// double with each operation, so there one commit is enough.
test.each([
  { fsync: 'full', overlaps: false, spoils: false, all: [...ONE, ...TWO], distinctMin: 3064 },
  { fsync: 'full', overlaps: false, spoils: true, all: ['a', 'j', 'a+a'], distinctMin: 3758 },
  { fsync: 'normal', overlaps: false, spoils: false, all: [...ONE, ...TWO], distinctMin: 3150 },
  { fsync: 'full', overlaps: true, spoils: false, all: TWO, distinctMin: 1743 },
  { fsync: 'off', overlaps: false, spoils: false, all: ['', 'a'], distinctMin: 1937 },
] as const)(
  'R1, R9, M5: under $fsync (overlapped: $overlaps, spoiled: $spoils) no crash state breaks a promise (F01, F04, F05, F06, F28)',
  async ({ fsync, overlaps, spoils, all, distinctMin }) => {
    const search = new CrashSearch();
    for (const place of PLACES)
      for (const script of all) await search.run({ fsync, overlaps, spoils, ...place, script }, BOUNDS);
    console.log(`crash states under ${fsync}, overlapped ${overlaps}, spoiled ${spoils}: ${search.summary}`);
    search.expectAtLeast(distinctMin);
  },
);
