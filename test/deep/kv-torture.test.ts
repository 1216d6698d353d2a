// Goal: as test/examples/kv/crash.test.ts, by the hundred. WAL_TEST_CYCLES: how many kills; otherwise one minute of
// them. A failure names its seed; WAL_TEST_SEED runs it first.

import { expect, test } from 'vitest';
import { mixed, seeded } from '../../src/base/random.js';
import { runKvKills } from '../support/kv-kills.js';
import { testSeed } from '../support/workload-check.js';

const CYCLES = process.env.WAL_TEST_CYCLES === undefined ? undefined : Number(process.env.WAL_TEST_CYCLES);
const SECONDS = 60;
const KILLS_EACH = 8;
const TIMEOUT_MS = CYCLES === undefined ? 600_000 : 60_000 + CYCLES * 10_000;

test.skipIf(process.platform === 'win32')(
  'F27: no kill of a key-value store loses an acknowledged transaction, or keeps half of one',
  async () => {
    const first = testSeed('kv torture');
    const untilMs = performance.now() + SECONDS * 1000;
    const total = { stores: 0, kills: 0, acknowledged: 0 };
    while (CYCLES === undefined ? performance.now() < untilMs : total.kills < CYCLES) {
      const seed = first + total.stores;
      const { kills, acknowledged, faults, story } = await runKvKills(seed, KILLS_EACH, seeded(mixed(seed, 1)));
      total.stores += 1;
      total.kills += kills;
      total.acknowledged += acknowledged;
      expect({ seed, story, faults }).toEqual({ seed, story, faults: [] });
    }
    console.log(
      `kv torture: ${total.kills} kills of ${total.stores} stores, ${total.acknowledged} acknowledged, 0 lost`,
    );
    expect(total.acknowledged).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);
