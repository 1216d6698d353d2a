// Goal: a process that dies hard loses nothing that it acknowledged. Method: a few cycles of support/kill-cycles.ts;
// the deep suite has many.

import { rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { seeded } from '../../src/base/random.js';
import { runKillCycle } from '../support/kill-cycles.js';
import { scratchFolder } from '../support/program.js';
import { testSeed } from '../support/workload-check.js';

const CYCLES = 3;

test.skipIf(process.platform === 'win32')(
  'a killed replay loses no acknowledged transaction, and keeps no part of any (F27)',
  async () => {
    const seed = testSeed('sigkill');
    const folder = scratchFolder('sigkill');
    try {
      for (let cycle = 0; cycle < CYCLES; cycle += 1) {
        const { faults, story } = await runKillCycle(folder, seeded(seed + cycle));
        expect({ cycle, story, faults }).toEqual({ cycle, story, faults: [] });
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
