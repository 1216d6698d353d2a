// Goal: as test/system/sigkill.test.ts, often, and on a real disk, whose syncs take time. WAL_TEST_CYCLES: how many
// cycles; otherwise one minute of them. A failure names its seed; WAL_TEST_SEED runs it first.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { seeded } from '../support/crash-directory.js';
import { runKillCycle } from '../support/kill-cycles.js';
import { testSeed } from '../support/workload-check.js';

const CYCLES = process.env.WAL_TEST_CYCLES === undefined ? undefined : Number(process.env.WAL_TEST_CYCLES);
const SECONDS = 60;

test.skipIf(process.platform === 'win32')(
  'no kill, of a replay or of what follows, loses an acknowledged transaction',
  async () => {
    const seed = testSeed('sigkill');
    const folder = mkdtempSync(join(tmpdir(), 'lanewal-sigkill-'));
    const untilMs = performance.now() + SECONDS * 1000;
    const total = { cycles: 0, kills: 0, acknowledged: 0, lost: 0 };
    try {
      while (CYCLES === undefined ? performance.now() < untilMs : total.cycles < CYCLES) {
        const cycleSeed = seed + total.cycles;
        const { story, faults, kills, acknowledged, lost } = await runKillCycle(folder, seeded(cycleSeed));
        total.cycles += 1;
        total.kills += kills;
        total.acknowledged += acknowledged;
        total.lost += lost;
        expect({ seed: cycleSeed, story, faults }).toEqual({ seed: cycleSeed, story, faults: [] });
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
      const { cycles, kills, acknowledged, lost } = total;
      console.log(`sigkill: ${cycles} cycles, ${kills} kills, ${acknowledged} acknowledged, ${lost} lost`);
      console.log(`sigkill: with ${kills} kills and no failure, fewer than ${(300 / kills).toFixed(2)}% fail (95%)`);
    }
    expect(total.cycles).toBeGreaterThan(0);
  },
);
