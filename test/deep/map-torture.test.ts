// Goal: as `lanewal torture --workload map`, by the hundred. WAL_TEST_CYCLES: how many kills; otherwise 100. A failure
// names its seed; WAL_TEST_SEED runs it first.

import { rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { tortureMaps } from '../../src/cli/torture/map-run.js';
import { scratchFolder } from '../support/program.js';
import { testSeed } from '../support/workload-check.js';

const KILLS = Number(process.env.WAL_TEST_CYCLES ?? 100);

test.skipIf(process.platform === 'win32')(
  'F27: no kill of threads that change one map loses a change it acknowledged, makes one twice, or keeps half of one',
  async () => {
    const seed = testSeed('map torture');
    const folder = scratchFolder('map-torture');
    try {
      const options = { seed, kills: KILLS, seconds: Number.POSITIVE_INFINITY, jobs: 1, folder };
      const tally = await tortureMaps({ ...options, onProgress: () => undefined });
      expect({ seed, failures: tally.failures, lost: tally.lost }).toEqual({ seed, failures: [], lost: 0 });
      expect(tally.acknowledged).toBeGreaterThan(tally.kills);
      console.log(
        `map torture: ${tally.kills} kills of ${tally.maps} maps, ${tally.acknowledged} acknowledged, 0 lost`,
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  60_000 + KILLS * 20_000,
);
