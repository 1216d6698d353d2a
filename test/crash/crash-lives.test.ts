// Goal: what the exhaustive search cannot reach, long logs and many crashes in a row, by chance. Method: a model beside
// a log that lives and dies again and again on the simulated disk.

import { expect, test } from 'vitest';
import { CrashLife } from '../support/crash-lives.js';
import { testSeed } from '../support/workload-check.js';

test('R1, R9, R11: whatever crashes interrupt it, a log keeps its promises over hundreds of commits (F28, F41)', async () => {
  const seed = testSeed('lives of a log');
  for (let life = 0; life < 4; life += 1) {
    const one = new CrashLife(seed + life);
    try {
      await one.run(150);
    } catch (error) {
      throw new Error(`WAL_TEST_SEED=${seed + life}, the first life: ${String(error)}`, { cause: error });
    }
    console.log(`life ${seed + life}: ${JSON.stringify(one.tally)}`);
    expect(one.tally.crashes).toBeGreaterThan(5);
  }
});
