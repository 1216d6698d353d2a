// The laws of recovery with every bit and many seeds. A failure names its seed.

import { expect, test } from 'vitest';
import { checkCrashesOfOpening } from '../support/opening-crash.js';
import { checkFlips } from '../support/recovery-corpus.js';

const SEED = Number(process.env.WAL_TEST_SEED ?? Date.now() % 2 ** 31);
const ROUNDS = 100;

test('R2: every single flipped bit of a small log is reported, or changes nothing', async () => {
  expect(await checkFlips((byte, offset, bit) => byte !== 0 || (offset % 16 === 0 && bit === 0))).toBeGreaterThan(5000);
});

test.each([
  [SEED, false],
  [SEED, true],
])('R9: crashes of an opening lose nothing, seed=%i and on, with a spare: %s', async (seed, withSpare) => {
  for (let round = 0; round < ROUNDS; round += 1) await checkCrashesOfOpening(withSpare, seed + round * 10_007);
});
