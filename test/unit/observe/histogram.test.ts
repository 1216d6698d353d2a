// Goal: a histogram loses no value and tells each to a quarter. Method: values over its whole range, and threads that add
// at the same time.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { unordered } from '../../../src/memory/atomics.js';
import { BUCKET_BOUNDS_MS, BUCKET_COUNT } from '../../../src/observe/histogram.js';
import { Telemetry } from '../../../src/observe/telemetry.js';

const UNIT_MS = 1 / 16_000;

/** The one bucket that a value went to. */
function bucketOf(ms: number): number {
  const { append } = new Telemetry();
  append.add(ms);
  const { counts, count, sumMs } = append.read();
  expect([count, counts.length]).toEqual([1, BUCKET_COUNT]);
  expect(Math.abs(sumMs - ms)).toBeLessThanOrEqual(UNIT_MS);
  return counts.indexOf(1);
}

test('bounds ascend, and no bucket is wider than a quarter of where it begins', () => {
  expect(BUCKET_BOUNDS_MS).toHaveLength(BUCKET_COUNT - 1);
  for (const [index, bound] of BUCKET_BOUNDS_MS.entries()) {
    const start = BUCKET_BOUNDS_MS[index - 1] ?? 0;
    expect(bound).toBeGreaterThan(start);
    if (index >= 4) expect((bound - start) / start).toBeLessThanOrEqual(0.25);
  }
});

test('a value lies in the bucket whose bounds enclose it, at the bounds, too', () => {
  for (const [index, bound] of BUCKET_BOUNDS_MS.entries()) {
    expect(bucketOf(bound)).toBe(index + 1);
    expect(bucketOf(bound - UNIT_MS)).toBe(index);
  }
  expect(bucketOf(0)).toBe(0);
});

test('what is beyond the last bound, or before 0, counts as the last or first', () => {
  for (const [ms, bucket] of [
    [1e9, BUCKET_COUNT - 1],
    [Number.POSITIVE_INFINITY, BUCKET_COUNT - 1],
    [-1, 0],
  ] as const) {
    const { sync } = new Telemetry();
    sync.add(ms);
    expect(sync.read().counts[bucket]).toBe(1);
  }
});

test('histograms of one block do not touch each other', () => {
  const telemetry = new Telemetry();
  telemetry.append.add(1e9);
  telemetry.sealToWrite.add(0);
  telemetry.commit.add(1);
  telemetry.isTraced = true;
  const { append, sealToWrite, sync, commit } = new Telemetry(telemetry.buffer).histograms();
  expect([append, sealToWrite, sync, commit].map(({ count }) => count)).toEqual([1, 1, 0, 1]);
  expect(sealToWrite.counts[0]).toBe(1);
  expect(sync.sumMs).toBe(0);
});

test('a time that is added in the middle of another addition is not lost', () => {
  const { commit } = new Telemetry();
  const real = { ...unordered };
  let others = 0;
  let isInside = false;
  const interrupted = (name: keyof typeof unordered, ...rest: [BigInt64Array, number, number]): number => {
    if (!isInside) {
      isInside = true;
      commit.add(1);
      others += 1;
      isInside = false;
    }
    return real[name](...rest) ?? 0;
  };
  const names = Object.keys(real) as (keyof typeof unordered)[];
  Object.assign(unordered, Object.fromEntries(names.map((name) => [name, interrupted.bind(undefined, name)])));
  try {
    commit.add(1);
  } finally {
    Object.assign(unordered, real);
  }
  expect(others).toBeGreaterThan(1);
  expect(commit.read()).toMatchObject({ count: 1 + others, sumMs: 1 + others });
});

test('several threads that add at once lose nothing', async () => {
  const { buffer } = new Telemetry();
  const url = new URL('../../../src/observe/telemetry.js', import.meta.url).href;
  const code = `const { workerData } = require('node:worker_threads');
    import('${url}').then(({ Telemetry }) => {
      const { commit } = new Telemetry(workerData);
      for (let i = 0; i < 20000; i += 1) commit.add(1);
    });`;
  const workers = [1, 2].map(() => new Worker(code, { eval: true, workerData: buffer }));
  await Promise.all(workers.map((worker) => once(worker, 'exit')));
  expect(new Telemetry(buffer).commit.read()).toMatchObject({ count: 40_000, sumMs: 40_000 });
});
