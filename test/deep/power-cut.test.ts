// Goal: a power cut loses nothing that was acknowledged, wherever it strikes, and a second one while the log is being
// opened or recovered does not either. Method: the log is open in this process, on a real ext4 or XFS in memory behind
// a loop device; threads append to it and note their acknowledgements; the file system is stopped at a random moment,
// mounted again, recovered and compared (test/support/cut-log.ts). A log lives for a few cuts, then the disk is made
// anew. Each life has a seed: WAL_TEST_SEED runs that one first, the next is one more.
//
// WAL_TEST_CYCLES: cuts on each file system; otherwise 20 seconds of each. `-t ext4` runs one of them alone.

import { rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { seeded } from '../../src/base/random.js';
import { CutLog, type CutTally, newTally } from '../support/cut-log.js';
import { CutWriters } from '../support/cut-writers.js';
import { type CutFileSystem, LOOP_PROGRAMS, LoopDisk } from '../support/loop-disk.js';
import { whyNoMounts } from '../support/mounts.js';
import { scratchFolder } from '../support/program.js';
import { announceSkip, testSeed } from '../support/workload-check.js';

const reason = whyNoMounts(...LOOP_PROGRAMS);
announceSkip('power cuts', reason);

const CYCLES = process.env.WAL_TEST_CYCLES === undefined ? undefined : Number(process.env.WAL_TEST_CYCLES);
const SECONDS = 20;
/** Far more than a cut takes on a busy machine. */
const CUT_MS_MAX = 3000;
const WRITERS = 3;
const CUTS_OF_A_LOG = 12;
const POLICIES = ['full', 'full', 'full', 'normal', 'normal', 'normal', 'normal', 'off'] as const;

function cutsOf({ cuts }: CutTally): number {
  return Object.values(cuts).reduce((sum, count) => sum + count, 0);
}

/** One log from its first commit on; ends early when there were enough cuts. */
async function cutOneLog(disk: LoopDisk, writers: CutWriters, seed: number, tally: CutTally): Promise<void> {
  const random = seeded(seed);
  const policy = POLICIES[Math.floor(random() * POLICIES.length)] ?? 'full';
  await disk.format();
  const log = new CutLog(disk, policy, writers, random, tally);
  const story: string[] = [policy];
  for (let left = 1 + Math.floor(random() * CUTS_OF_A_LOG); left > 0; left -= 1) {
    const { moment, faults } = await log.cut();
    story.push(moment);
    const found = { seed, story: `${story}`, faults, lost: log.check.lost };
    expect(found).toEqual({ seed, story: `${story}`, faults: [], lost: [] });
  }
  await disk.unmount();
}

function report(fileSystem: CutFileSystem, tally: CutTally, cpuMs: number): void {
  const {
    cuts,
    opened,
    acknowledged,
    lost,
    overtaken,
    writtenBack,
    torn,
    droppedBytes,
    damaged,
    rotations,
    checkpoints,
  } = tally;
  const count = cutsOf(tally);
  const where = Object.entries(cuts).map(([moment, each]) => `${each} ${moment}`);
  console.log(`power cuts on ${fileSystem}: ${count} (${where.join(', ')}; ${opened} right after an opening)`);
  console.log(
    `power cuts on ${fileSystem}: ${acknowledged} acknowledged, ${lost} lost, ${overtaken} overtaken and gone`,
  );
  console.log(
    `power cuts on ${fileSystem}: ${writtenBack} with sectors written back, ${torn} torn tails, ${droppedBytes} bytes dropped, ${damaged} damaged (off)`,
  );
  console.log(`power cuts on ${fileSystem}: ${rotations} rotations, ${checkpoints} checkpoints`);
  console.log(`power cuts on ${fileSystem}: ${(cpuMs / count).toFixed(0)} ms of CPU each`);
  if (lost > 0 || count === 0) return;
  console.log(`power cuts on ${fileSystem}: with no failure, fewer than ${(300 / count).toFixed(3)}% fail (95%)`);
}

describe.skipIf(reason !== undefined)('power cuts', () => {
  test.each(['ext4', 'xfs'] as const)(
    'F28 on %s lose no acknowledged commit and invent none, at any moment, under any policy',
    async (fileSystem) => {
      const folder = scratchFolder('cut');
      const disk = new LoopDisk(folder, fileSystem);
      const writers = new CutWriters(WRITERS);
      const tally = newTally();
      const untilMs = performance.now() + SECONDS * 1000;
      const cpu = process.cpuUsage();
      try {
        const isEnough = (): boolean => (CYCLES === undefined ? performance.now() > untilMs : cutsOf(tally) >= CYCLES);
        for (let seed = testSeed(`power cuts on ${fileSystem}`); !isEnough(); seed += 1) {
          await cutOneLog(disk, writers, seed, tally);
        }
      } finally {
        const { user, system } = process.cpuUsage(cpu);
        report(fileSystem, tally, (user + system) / 1000);
        await writers.end();
        disk.end();
        rmSync(folder, { recursive: true, force: true });
      }
      expect(tally.acknowledged).toBeGreaterThan(0);
      expect(tally.rotations).toBeGreaterThan(0);
    },
    CYCLES === undefined ? undefined : (CYCLES + CUTS_OF_A_LOG) * CUT_MS_MAX,
  );
});
