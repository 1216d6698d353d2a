// Goal: the open loop charges a slow commit to all that had to wait for it, and the closed loop keeps to its window and,
// where it warms up, to its commits.
// Method: a log made up here, whose first commit blocks; what is asserted follows from that, however slow the machine is.

import { expect, test } from 'vitest';
import { LatencyHistogram } from '../../../bench/histogram.js';
import { type LogWriter, runRound } from '../../../bench/log-writer.js';

const sleeper = new Int32Array(new SharedArrayBuffer(4));

const FIXED = { kind: 'open-loop', seconds: 0.02, pages: 1, commitsPerSecond: 1000 } as const;

test('a commit of the open loop counts from when it was due, not from when its turn came', () => {
  let count = 0;
  const stallMs = 40;
  const log: LogWriter<number> = {
    append: () => {
      if (count === 0) Atomics.wait(sleeper, 0, 0, stallMs);
      return count++;
    },
    waitDurable: () => true,
  };
  const { commits, latencies, lateness } = runRound(log, FIXED, 0);
  expect(commits).toBe(20);
  // All of them were due within 20 ms, and none came before the stall of 40 ms was over.
  const all = LatencyHistogram.merged([latencies]);
  expect(all.count).toBe(20);
  expect(all.us(0)).toBeGreaterThan(19_000);
  expect(all.us(100)).toBeGreaterThan(39_000);
  expect(LatencyHistogram.merged([lateness]).us(100)).toBeGreaterThan(19_000);
});

test('the open loop appends what is due though nothing before it is durable, and waits for all in the end', () => {
  let appended = 0;
  let durable = 0;
  const log: LogWriter<number> = {
    append: () => appended++,
    waitDurable: (_, timeoutMs) => {
      if (appended < 20) Atomics.wait(sleeper, 0, 0, timeoutMs);
      else durable += 1;
      return appended === 20;
    },
  };
  const { commits, latencies } = runRound(log, FIXED, 0);
  expect([commits, appended, durable]).toEqual([20, 20, 20]);
  // The first was due 19 ms before the last, for which it waited.
  const all = LatencyHistogram.merged([latencies]);
  expect(all.count).toBe(20);
  expect(all.us(100)).toBeGreaterThan(18_900);
});

test('a window holds so many commits, each is waited for in order, and the last one in the end', () => {
  let next = 0;
  let durable = -1;
  let most = 0;
  const log: LogWriter<number> = {
    append: () => {
      most = Math.max(most, next - durable);
      return next++;
    },
    waitDurable: (commit) => {
      expect(commit).toBeGreaterThanOrEqual(durable);
      durable = commit;
      return true;
    },
  };
  const { commits } = runRound(log, { kind: 'window', seconds: 0.01, pages: 1, window: 10 }, 0);
  expect([commits, durable]).toEqual([next, next - 1]);
  expect(most).toBe(10);
});

test.each(['wait', 'window', 'free'] as const)('a round of %s ends behind so many commits, all durable', (kind) => {
  let next = 0;
  let durable = -1;
  const log: LogWriter<number> = {
    append: () => next++,
    waitDurable: (commit) => {
      durable = Math.max(durable, commit);
      return true;
    },
  };
  const { commits } = runRound(log, { kind, seconds: 60, commits: 123, pages: 1, window: 10 }, 0);
  expect([commits, next, durable]).toEqual([123, 123, 122]);
});
