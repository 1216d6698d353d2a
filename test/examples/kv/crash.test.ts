// Goal: a key-value store whose process is killed loses no acknowledged transaction and keeps no half of any. Method:
// threads work on it in a process of their own, which is killed at random moments, and go on in the next one; the deep
// suite has many.

import { expect, test } from 'vitest';
import { mixed, seeded } from '../../../src/base/random.js';
import { runKvKills } from '../../support/kv-kills.js';
import { testSeed } from '../../support/workload-check.js';

test.skipIf(process.platform === 'win32')(
  'F27: a killed store has every acknowledged transaction and no half of any, and its tree is whole',
  async () => {
    const seed = testSeed('kv kills');
    const { faults, story } = await runKvKills(seed, 3, seeded(mixed(seed, 1)));
    expect({ story, faults }).toEqual({ story, faults: [] });
  },
);
