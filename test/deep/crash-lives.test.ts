// Lives of logs by chance, as in test/crash, for longer: WAL_TEST_CYCLES lives, or as many as a minute has room for.

import { expect, test } from 'vitest';
import { CrashLife, type LifeTally } from '../support/crash-lives.js';
import { testSeed } from '../support/workload-check.js';

const CYCLES = Number(process.env.WAL_TEST_CYCLES ?? Number.POSITIVE_INFINITY);
const BUDGET_MS = Number.isFinite(CYCLES) ? Number.POSITIVE_INFINITY : 60_000;

test(
  'R1, R9, R11: many lives of logs, each of many crashes, keep every promise (F28, F41)',
  async () => {
    const seed = testSeed('many lives of logs');
    const tally: LifeTally = { crashes: 0, openingCrashes: 0, commits: 0, deaths: 0, checkpoints: 0 };
    const started = performance.now();
    let lives = 0;
    for (; lives === 0 || (lives < CYCLES && performance.now() - started < BUDGET_MS); lives += 1) {
      const life = new CrashLife(seed + lives);
      try {
        await life.run(300);
      } catch (error) {
        throw new Error(`WAL_TEST_SEED=${seed + lives}, the first life: ${String(error)}`, { cause: error });
      }
      for (const key of Object.keys(tally) as (keyof LifeTally)[]) tally[key] += life.tally[key];
    }
    console.log(`${lives} lives: ${JSON.stringify(tally)}`);
    expect(tally.commits).toBeGreaterThanOrEqual(300 * lives);
    expect(tally.crashes).toBeGreaterThan(lives);
  },
  30 * 60_000,
);
