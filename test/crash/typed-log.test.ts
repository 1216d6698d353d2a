// Goal: a power cut or a kill at any operation loses no entry that was acknowledged, brings back none that is truncated
// for good, keeps ids, and leaves a saved state or the one before. Method: appends, saved states and truncations on a
// simulated disk; at every operation the states that a crash may leave, opened and compared with what was promised then.

import { expect, test } from 'vitest';
import { seeded } from '../../src/base/random.js';
import type { TypedLog } from '../../src/index.js';
import { type CrashPoint, openTypedLogOn, SimulatedDirectory } from '../../src/testing.js';
import { testSeed } from '../support/workload-check.js';

const SETTINGS = { lanes: 1, laneBytes: 16_384, logFileBytes: 65_536, maxLogBytes: 262_144, ticker: false } as const;

interface Promised {
  readonly point: CrashPoint;
  /** The last entry that is durable, the first one that is there, at least; the last one that was ever appended. */
  readonly durable: number;
  readonly firstId: number;
  readonly appended: number;
  readonly saved: number;
}

const encode = (value: number): Uint8Array => new TextEncoder().encode(String(value));

async function checkState(disk: SimulatedDirectory, { durable, firstId, appended, saved }: Promised): Promise<void> {
  const log = await openTypedLogOn<number>(disk, SETTINGS);
  expect(log.lastId).toBeGreaterThanOrEqual(durable);
  expect(log.lastId).toBeLessThanOrEqual(appended);
  expect(log.firstId).toBeGreaterThanOrEqual(firstId);
  for (const { id, entry } of await log.collect()) expect(entry).toBe(id);
  let last = 0;
  const report = await log.recover({
    load: (state, { lastId }) => {
      last = Number(new TextDecoder().decode(state));
      expect(last).toBe(lastId);
    },
    apply: (entry) => {
      last += 1;
      expect(entry).toBe(last);
    },
  });
  expect([last, report.success]).toEqual([log.lastId, true]);
  expect(report.stateUsed ?? 0).toBeGreaterThanOrEqual(saved);
  expect(await log.appendDurable(last + 1)).toBe(last + 1);
  await log.close();
}

test('R1: entries, ids and saved states survive a crash at any operation', async () => {
  const seed = testSeed('crashes of a log of entries');
  const random = seeded(seed);
  const disk = new SimulatedDirectory();
  const log: TypedLog<number> = await openTypedLogOn<number>(disk, SETTINGS);
  const promises: Promised[] = [];
  let promised = { durable: 0, firstId: 1, appended: 0, saved: 0 };
  disk.onOperation = () => void promises.push({ ...promised, point: disk.crashPoint() });
  for (let round = 0; round < 9; round += 1) {
    for (let count = 0; count < 3 + round; count += 1) {
      promised = { ...promised, appended: promised.appended + 1 };
      log.append(promised.appended);
    }
    await log.flush();
    promised = { ...promised, durable: log.lastId };
    if (round % 3 === 1) {
      await log.saveState({ state: encode(log.lastId - 1), lastId: log.lastId - 1 });
      promised = { ...promised, saved: log.lastId - 1, firstId: log.firstId };
    } else if (round % 4 === 3) {
      await log.truncateBefore(Math.min(log.firstId + 2, promised.saved + 1));
      promised = { ...promised, firstId: log.firstId };
    }
  }
  disk.onOperation = () => undefined;
  await log.close();
  expect(promises.length).toBeGreaterThan(30);
  for (const each of promises) {
    await checkState(each.point.lost().disk(), each);
    await checkState(each.point.random(random).disk(), each);
    await checkState(each.point.killed(), each);
  }
});
