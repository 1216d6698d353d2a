// As test/bytes/fuzz.test.ts, for LANEWAL_TEST_FUZZ_SECONDS, five minutes by default.

import { expect, test } from 'vitest';
import { runFuzz } from '../support/fuzz-run.js';
import { testSeed } from '../support/workload-check.js';

const SECONDS = Number(process.env.LANEWAL_TEST_FUZZ_SECONDS ?? 300);

test(
  'R12: hostile logs with right checksums end in a documented error or a log, within bounds (F31)',
  async () => {
    const { runs } = await runFuzz(testSeed('hostile logs'), 10_000_000, SECONDS * 1000);
    expect(runs).toBeGreaterThan(SECONDS);
  },
  (SECONDS + 120) * 1000,
);
