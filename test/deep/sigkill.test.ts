// Goal: F27 by the thousand. Method: `lanewal torture`, and as test/system/sigkill.test.ts replays of real workloads that
// are killed; on a real disk, whose syncs take time. WAL_TEST_CYCLES: how many kills, and of replays a tenth of that;
// otherwise one minute of each. A failure names its seed; WAL_TEST_SEED runs it first.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { seeded } from '../../src/base/random.js';
import type { TortureTally } from '../../src/cli/torture/torture-run.js';
import { runKillCycle } from '../support/kill-cycles.js';
import { Program } from '../support/program.js';
import { testSeed } from '../support/workload-check.js';

const CYCLES = process.env.WAL_TEST_CYCLES === undefined ? undefined : Number(process.env.WAL_TEST_CYCLES);
const SECONDS = 60;
/** A kill takes about a second where nobody shares the machine; it may well be shared. */
const TIMEOUT_MS = CYCLES === undefined ? 600_000 : 60_000 + CYCLES * 10_000;

function announce(what: string, { kills, acknowledged, lost }: { kills: number; acknowledged: number; lost: number }) {
  console.log(`sigkill: ${what}: ${kills} kills, ${acknowledged} acknowledged, ${lost} lost`);
  console.log(`sigkill: ${what}: if none failed, fewer than ${(300 / kills).toFixed(2)}% of kills do (95%)`);
}

test.skipIf(process.platform === 'win32')(
  'F27: no kill of a writing process, of an opening or of a recovery loses an acknowledged commit',
  async () => {
    const seed = testSeed('torture');
    const length = CYCLES === undefined ? ['--seconds', `${SECONDS}`] : ['--cycles', `${CYCLES}`];
    const args = ['torture', ...length, '--jobs', '2', '--seed', `${seed}`, '--json'];
    const { status, stdout, stderr } = await Program.cli(args).ended;
    expect([status, stderr], stdout).toEqual([0, '']);
    const tally = JSON.parse(stdout) as TortureTally;
    announce(`torture, ${JSON.stringify({ ...tally.killed, ...tally.byPolicy })}`, tally);
    expect(tally).toMatchObject({ lost: 0, failures: [] });
    expect(tally.acknowledged).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

test.skipIf(process.platform === 'win32')(
  'F27: no kill of a replay, or of what follows it, loses an acknowledged transaction',
  async () => {
    const seed = testSeed('sigkill');
    const folder = mkdtempSync(join(tmpdir(), 'lanewal-sigkill-'));
    const untilMs = performance.now() + SECONDS * 1000;
    const total = { cycles: 0, kills: 0, acknowledged: 0, lost: 0 };
    try {
      while (CYCLES === undefined ? performance.now() < untilMs : total.cycles < CYCLES / 10) {
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
      announce('replays', total);
    }
    expect(total.cycles).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);
