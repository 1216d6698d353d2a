// Goal: whatever instant a crash hits, the store that opens behind it is one of its states, not older than what was
// acknowledged, and its page file together with the log above the last checkpoint is all there is to it (C1 to S2).
// Method: a workload with checkpoints, cuts and growth on a simulated disk; every operation is a crash point, each with
// several outcomes of a power cut; opened, read, written, checkpointed, and cut again.

import { expect, test } from 'vitest';
import { seeded } from '../../../src/base/random.js';
import type { SimulatedDirectory } from '../../../src/storage/simulated-directory.js';
import { SimulatedDirectory as Disk } from '../../../src/storage/simulated-directory.js';
import { outcomes } from '../../support/opening-crash.js';
import { apply, openOn, type Picture, pictureNow, pictures, type Step } from '../../support/store-workload.js';

const SEED = Number(process.env.WAL_TEST_SEED ?? 20_261_121);

const STEPS: readonly Step[] = [
  { sizePages: 4, fill: { 1: 1, 2: 2, 3: 3, 4: 4 } },
  { fill: { 1: 5, 4: 6 } },
  { sizePages: 2 },
  { sizePages: 5, fill: { 2: 7, 5: 8 } },
  { fill: { 1: 9, 3: 10 } },
  { sizePages: 3, fill: { 1: 11 } },
];
/** Checkpoints behind these steps. */
const CHECKPOINTS = [2, 4];

const ALL = pictures(STEPS);

interface Point {
  readonly acknowledged: number;
  readonly begun: number;
  readonly point: ReturnType<SimulatedDirectory['crashPoint']>;
}

async function crashPoints(disk: SimulatedDirectory): Promise<Point[]> {
  const points: Point[] = [];
  let acknowledged = 0;
  let begun = 0;
  disk.onOperation = () => points.push({ acknowledged, begun, point: disk.crashPoint() });
  const store = await openOn(disk);
  for (const [index, step] of STEPS.entries()) {
    begun = index + 1;
    await store.transaction((transaction) => apply(transaction, step));
    acknowledged = index + 1;
    if (CHECKPOINTS.includes(acknowledged)) await store.checkpoint({ mode: 'full' });
  }
  await store.close();
  disk.onOperation = () => undefined;
  return [...points, { acknowledged, begun, point: disk.crashPoint() }];
}

function stateOf(picture: Picture, { acknowledged, begun }: Point, label: string): number {
  const at = ALL.findIndex((each, index) => index >= acknowledged && String(each) === String(picture));
  expect(at, `${label}: ${picture} is none of states ${acknowledged} to ${begun}`).toBeGreaterThanOrEqual(0);
  expect(at, label).toBeLessThanOrEqual(begun);
  return at;
}

test('C1 S1 S2: a crash at any operation leaves a store that opens with every acknowledged commit', async () => {
  const points = await crashPoints(new Disk());
  expect(points.length).toBeGreaterThan(40);
  for (const [round, each] of points.entries()) {
    for (const { name, disk } of outcomes(each.point, round, SEED)) {
      const label = `operation ${round + 1} of ${points.length}, ${name}`;
      const store = await openOn(disk);
      stateOf(await pictureNow(store), each, label);
      await store.close();
    }
  }
}, 60_000);

test('S1 S2: a second crash, in the reopened store and its checkpoint, changes nothing', async () => {
  const points = await crashPoints(new Disk());
  const random = seeded(SEED);
  for (const [round, each] of points.entries()) {
    if (round % 4 !== 0) continue;
    const first = outcomes(each.point, round, SEED)[Math.floor(random() * 6)] as { name: string; disk: Disk };
    const label = `operation ${round + 1}, ${first.name}`;
    const seconds: { point: Point['point']; state: number | undefined }[] = [];
    let state: number | undefined;
    first.disk.onOperation = () => seconds.push({ point: first.disk.crashPoint(), state });
    const store = await openOn(first.disk);
    state = stateOf(await pictureNow(store), each, label);
    await store.checkpoint({ mode: 'truncate' });
    await store.close();
    first.disk.onOperation = () => undefined;
    for (const [index, second] of seconds.entries()) {
      if (index % 3 !== 0) continue;
      for (const disk of [second.point.lost().disk(), second.point.kept().disk()]) {
        const reopened = await openOn(disk);
        const picture = await pictureNow(reopened);
        await reopened.close();
        const where = `${label}, then operation ${index + 1}`;
        if (second.state === undefined) stateOf(picture, each, where);
        else expect(picture, where).toEqual(ALL[second.state]);
      }
    }
  }
}, 60_000);
