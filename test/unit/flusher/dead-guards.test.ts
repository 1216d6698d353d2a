// What a dead writer leaves behind it, beyond the death at each operation (reaping.test.ts): how far its guard reaches and
// how long it lasts, and what it must not take with it.

import { expect, test } from 'vitest';
import { SimulatedDirectory } from '../../../src/storage/simulated-directory.js';
import { onePage, operation, Rig } from '../../support/flusher-rig.js';
import { DISK_FULL } from '../../support/simulated-disk.js';

const DEAD = 2;
const ALIVE = 3;

/** A writer in lane 0 that has set its guard. */
function enter(rig: Rig): void {
  expect(rig.lanes[0]!.lock.tryAcquire(DEAD)).toBe(true);
  rig.lanes[0]!.guard.store(rig.control.commitSeqNext.load());
}

test('I6: a dead guard reaches up to the counter, because others take sequences behind it', async () => {
  const rig = await Rig.open({ lanes: 2 });
  enter(rig);
  rig.append(onePage(1), 1);
  expect(rig.control.commitSeqNext.increment()).toBe(2);
  rig.append(onePage(3), 1);
  rig.flusherLanes.reap(DEAD, rig.lanes[0]!);
  rig.settle(10);
  expect(rig.control.counters()).toMatchObject({ commits: 2, voids: 1 });
  expect((await rig.recovered()).map(({ seq }) => seq)).toEqual([1, 3]);
});

test('I6: a dead guard lasts until everything below its upper bound is written', async () => {
  const rig = await Rig.open({ lanes: 2 });
  enter(rig);
  for (const value of [1, 2, 3]) rig.append(onePage(value), 1);
  expect(rig.control.commitSeqNext.increment()).toBe(4);
  rig.append(onePage(5), 1);
  rig.flusherLanes.reap(DEAD, rig.lanes[0]!);
  // Another writer's guard ends the first epoch within the bounds of the dead one, in front of the void.
  rig.lanes[0]!.guard.store(3);
  rig.control.demandThrough(2);
  rig.settle();
  expect(rig.control.counters()).toMatchObject({ epochs: 1, voids: 0 });
  rig.lanes[0]!.guard.store(0);
  rig.control.demandThrough(5);
  rig.settle();
  expect(rig.control.counters()).toMatchObject({ epochs: 2, voids: 1 });
  expect((await rig.recovered()).map(({ seq }) => seq)).toEqual([1, 2, 3, 5]);
});

test('I6: an epoch that waits for space is written as it was sealed, with the void that it explains', async () => {
  const directory = new SimulatedDirectory();
  const rig = await Rig.open({ lanes: 2, directory });
  enter(rig);
  expect(rig.control.commitSeqNext.increment()).toBe(1);
  rig.flusherLanes.reap(DEAD, rig.lanes[0]!);
  rig.append(onePage(2), 1);
  directory.fail(DISK_FULL);
  rig.settle(10);
  expect(rig.count('stalled')).toBe(1);
  rig.append(onePage(3), 1);
  rig.control.demandThrough(3);
  rig.settle(20);
  directory.heal();
  rig.settle(1000);
  expect(rig.control.counters()).toMatchObject({ epochs: 2, commits: 2, voids: 1, framesPerEpochMax: 1 });
  expect((await rig.recovered()).map(({ seq }) => seq)).toEqual([2, 3]);
});

test('sizes that were set before the dead writer set its guard stay as they are', async () => {
  const rig = await Rig.open({ lanes: 2 });
  rig.append(onePage(1, 1, { dbSizePages: 5 }), 0);
  rig.append(onePage(2, 1, { dbSizePages: 9 }), 1);
  enter(rig);
  rig.flusherLanes.reap(DEAD, rig.lanes[0]!);
  expect(rig.control.sizePages(0)).toBe(9);
});

test('a jumbo that somebody else is about to publish outlives the dead writer', async () => {
  const rig = await Rig.open({ lanes: 2 });
  const { commit, frame } = rig.postJumbo(operation(20_000, 6), 7, ALIVE);
  rig.postJumbo(operation(20_000, 8), 8, DEAD);
  rig.flusherLanes.reap(DEAD, rig.lanes[0]!);
  expect(rig.writer(1, ALIVE).tryAppendJumbo(commit, { jumboId: 7, frame }, 0, () => true)).toBe(1);
  rig.settle(10);
  expect(rig.events).not.toContain('failed ERR_WAL_INVARIANT');
  expect((await rig.recovered()).map(({ value }) => value)).toEqual([6]);
});
