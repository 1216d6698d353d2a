// The search of test/crash, further. Workloads: every sequence of up to three commits of the alphabet of
// crash-workload.ts, with every pause between two commits (of three commits: the pauses `+` and `|`; of three under
// `off`, where nothing is ever synced and the states double with each operation: in an empty directory only). A crash
// before each of their operations and at the end. Exhaustive there:
//   - the death of the process; every subset of whole unsynced changes of bytes and of names, in every order that gives
//     other bytes (simulated-image.ts says which cannot);
//   - of each unsynced write alone, all others kept and all others lost: each prefix and suffix of its sectors, each
//     subset of its first 2, with what is missing old, zero or garbage;
//   - under `full` and `normal`, right behind a write: each subset of the first 10 sectors, old, zero or garbage.
// Not exhaustive: sectors of two writes torn at once, and of one write missing in different ways (the random states of
// crash-lives.test.ts have both). A failure prints WAL_TEST_STATE, which looks at that state alone.

import { afterAll, beforeAll, test, vi } from 'vitest';
import { CrashSearch, type SectorBounds } from '../support/crash-search.js';
import { KINDS, PAUSES, PLACES, scripts } from '../support/crash-workload.js';

beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 }));
afterAll(() => void vi.useRealTimers());

const [EMPTY, RECYCLED] = PLACES;
const UP_TO_TWO = [0, 1, 2].flatMap((count) => scripts(count, KINDS, PAUSES));
const THREE = scripts(3, KINDS, ['+', '|']);
const PAGES = scripts(3, ['a'], PAUSES);
const TEN: SectorBounds = { sectorsMax: 2, newWriteSectorsMax: 10 };
const TWO: SectorBounds = { sectorsMax: 2 };
const SYNCING = ['full', 'normal'] as const;
/** With every sync under way until the next segment is written. */
const OVERLAPPED = ['full, overlapped'] as const;
/** Every commit has a proof, and every segment is spoiled when it is written first. */
const SPOILED = ['full, spoiled'] as const;

// `distinctMin` is what a whole run printed.
// Minutes to an hour and a half on one core; a busy machine takes several times as long.
const TIMEOUT_MS = 3 * 3_600_000;

test.each([
  { commits: 'up to two', place: EMPTY, all: UP_TO_TWO, bounds: TEN, policies: SYNCING, distinctMin: 182_658 },
  { commits: 'up to two', place: RECYCLED, all: UP_TO_TWO, bounds: TEN, policies: SYNCING, distinctMin: 170_844 },
  { commits: 'three', place: EMPTY, all: THREE, bounds: TEN, policies: SYNCING, distinctMin: 1_281_980 },
  { commits: 'three', place: RECYCLED, all: THREE, bounds: TEN, policies: SYNCING, distinctMin: 1_081_034 },
  { commits: 'three of a page', place: EMPTY, all: PAGES, bounds: TEN, policies: SYNCING, distinctMin: 34_613 },
  { commits: 'three of a page', place: RECYCLED, all: PAGES, bounds: TEN, policies: SYNCING, distinctMin: 38_124 },
  { commits: 'up to two', place: EMPTY, all: UP_TO_TWO, bounds: TEN, policies: OVERLAPPED, distinctMin: 144_540 },
  { commits: 'up to two', place: RECYCLED, all: UP_TO_TWO, bounds: TEN, policies: OVERLAPPED, distinctMin: 145_344 },
  { commits: 'up to two', place: EMPTY, all: UP_TO_TWO, bounds: TWO, policies: SPOILED, distinctMin: 33_572 },
  { commits: 'up to two', place: RECYCLED, all: UP_TO_TWO, bounds: TWO, policies: SPOILED, distinctMin: 36_976 },
  { commits: 'up to two', place: EMPTY, all: UP_TO_TWO, bounds: TWO, policies: ['off'], distinctMin: 23_669 },
  { commits: 'up to two', place: RECYCLED, all: UP_TO_TWO, bounds: TWO, policies: ['off'], distinctMin: 108_540 },
  { commits: 'three', place: EMPTY, all: THREE, bounds: TWO, policies: ['off'], distinctMin: 208_821 },
] as const)(
  'R1, R9, M5: under $policies, $commits commits, $place.start: no crash state breaks a promise (F28)',
  async ({ commits, place, all, bounds, policies, distinctMin }) => {
    const search = new CrashSearch();
    for (const policy of policies) {
      const overlaps = policy === OVERLAPPED[0];
      const spoils = policy === SPOILED[0];
      const fsync = overlaps || spoils ? 'full' : policy;
      for (const script of all) await search.run({ fsync, overlaps, spoils, ...place!, script }, bounds);
    }
    console.log(`crash states under ${policies}, ${commits} commits, ${place!.start}: ${search.summary}`);
    search.expectAtLeast(distinctMin);
  },
  TIMEOUT_MS,
);
