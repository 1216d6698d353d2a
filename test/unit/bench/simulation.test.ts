// Goal: what the simulation says of 64 cores rests on something: on two cores it says what was measured there. Method:
// the rows of a run that is kept in bench/results, each beside its simulation; and what is so whatever the figures.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Results } from '../../../bench/result.js';
import { type Scenario, simulate } from '../../../bench/simulation/log-model.js';
import { Disk, Line, Machine, Signal, type Thread } from '../../../bench/simulation/machine.js';
import { TWO_CORES } from '../../../bench/simulation/scenarios.js';
import { PACKAGE_ROOT } from '../../support/package-root.js';

/** What design/scaling.md promises of each row. */
const TOLERANCE = 0.25;
const SIMULATED_US = 60_000;

const results = JSON.parse(
  readFileSync(new URL('bench/results/2026-11-21-scaling.json', PACKAGE_ROOT), 'utf8'),
) as Results;
const lanes = results.benchmarks.lanes?.figures as Readonly<Record<string, readonly number[]>>;

function measured(row: string): number {
  const rounds = [...(lanes[row] ?? [])].sort((one, other) => one - other);
  return rounds[Math.floor(rounds.length / 2)] ?? Number.NaN;
}

function simulated(change: Pick<Scenario, 'writers' | 'window' | 'pages'> & Partial<Scenario>) {
  return simulate({ ...TWO_CORES, ...change }, SIMULATED_US);
}

test.each([1, 2, 4, 8])('on two cores %i writer(s) with 100 commits in flight do what was measured', (writers) => {
  const one = simulated({ writers, window: 100, pages: 1 }).commitsPerSecond / measured(`window, 1 page, ${writers}`);
  const eight = simulated({ writers, window: 100, pages: 8 }).bytesPerSecond / 1e6;
  for (const ratio of [one, eight / measured(`window, 8 pages, ${writers}`)]) {
    expect(ratio).toBeGreaterThan(1 - TOLERANCE);
    expect(ratio).toBeLessThan(1 + TOLERANCE);
  }
});

test.each([2, 4, 8, 16])('on two cores %i writers that wait for each commit do what was measured', (writers) => {
  const ratio = simulated({ writers, window: 1, pages: 1 }).commitsPerSecond / measured(`wait, 1 page, ${writers}`);
  expect(ratio).toBeGreaterThan(1 - TOLERANCE);
  expect(ratio).toBeLessThan(1 + TOLERANCE);
});

test('a lone commit that is waited for takes as long as was measured', () => {
  const lone = results.benchmarks.sync?.comparisons.find(({ id }) => id === 'lone-blocking');
  const us = 1e6 / simulated({ writers: 1, window: 1, pages: 1 }).commitsPerSecond;
  const ratio = us / (lone?.value.median ?? Number.NaN);
  expect(ratio).toBeGreaterThan(1 - TOLERANCE);
  expect(ratio).toBeLessThan(1 + TOLERANCE);
});

test('the same scenario gives the same figures', () => {
  const load = { writers: 4, window: 100, pages: 1 };
  expect(simulated(load)).toEqual(simulated(load));
});

test('no more is durable than writers, disk and flusher can do', () => {
  const { costs } = TWO_CORES;
  const outcome = simulated({ cores: 16, writers: 16, lanes: 16, window: 1000, pages: 8 });
  expect(outcome.bytesPerSecond / 1e6).toBeLessThan(costs.diskBytesPerUs);
  expect(outcome.flusherShare).toBeLessThanOrEqual(1);
  expect(outcome.commitsPerSecond).toBeLessThan(16e6 / (costs.appendUs + 8 * costs.pageUs));
});

test('threads take turns on too few cores, and who is woken goes first', () => {
  const machine = new Machine(1, 10);
  const signal = new Signal();
  const order: string[] = [];
  function* busy(name: string): Thread {
    for (let turn = 0; turn < 4; turn += 1) {
      yield { run: 5 };
      order.push(`${name}${machine.nowUs}`);
    }
  }
  function* sleeper(): Thread {
    yield { sleepOn: signal };
    order.push(`woken${machine.nowUs}`);
  }
  for (const thread of [sleeper(), busy('a'), busy('b')]) machine.start(thread);
  machine.at(12, () => machine.wake(signal));
  machine.runUntil(100);
  // Who loses its core does nothing until it has one again: `a10` and `b15` come late.
  expect(order).toEqual(['a5', 'woken15', 'a15', 'a20', 'b25', 'b30', 'a35', 'b35', 'b40']);
});

test('a line has one owner at a time, and a disk writes one transfer after the other', () => {
  const line = new Line(0.1);
  const [one, other] = [{}, {}];
  expect([line.access(one, 0), line.access(one, 5)]).toEqual([0.1, 0]);
  expect(line.access(other, 10)).toBeCloseTo(0.1);
  expect(line.access(one, 10)).toBeCloseTo(0.2);
  const disk = new Disk(100, 1000);
  expect([disk.sync(0, 50_000), disk.sync(0, 50_000)]).toEqual([150, 200]);
});
