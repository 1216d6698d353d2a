// When the flusher syncs, under each policy, and when it leaves a mark: one step at a time.

import { describe, expect, test } from 'vitest';
import { MemoryDirectory } from '../../../src/storage/memory-directory.js';
import { onePage, operation, Rig } from '../../support/flusher-rig.js';

describe('when segments are synced', () => {
  test('full syncs every epoch before its mark moves', async () => {
    const rig = await Rig.open();
    for (let round = 1; round <= 3; round += 1) {
      rig.append(onePage(round));
      rig.settle(10);
      expect(rig.control.durableSeq.load()).toBe(round);
    }
    expect(rig.count('synced')).toBe(3);
  });

  test('normal syncs epochs together at the tick', async () => {
    const rig = await Rig.open({ settings: { fsync: 'normal' } });
    for (let round = 1; round <= 5; round += 1) {
      rig.append(onePage(round));
      rig.control.demandThrough(round);
      rig.settle(1);
    }
    expect(rig.control.writtenSeq.load()).toBe(5);
    expect(rig.control.durableSeq.load()).toBe(0);
    rig.settle(6);
    expect(rig.control.durableSeq.load()).toBe(5);
    expect(rig.count('synced')).toBe(1);
    expect(rig.control.counters().epochs).toBe(5);
  });

  test('normal syncs as soon as syncBytes wait', async () => {
    const rig = await Rig.open({
      settings: { fsync: 'normal', syncBytes: 16_384, helperLaneBudget: 1 },
      isTicking: false,
    });
    for (let round = 1; round <= 3; round += 1) {
      // More than half a lane: sealed at once, and nobody waits for it.
      rig.append(operation(5000));
      rig.settle();
      expect(rig.control.durableSeq.load()).toBe(round < 2 ? 0 : 2);
    }
  });

  test('normal without a ticker syncs for whoever waits', async () => {
    const rig = await Rig.open({ settings: { fsync: 'normal' }, isTicking: false });
    rig.append(onePage(1));
    rig.control.demandThrough(1);
    rig.settle();
    expect(rig.control.durableSeq.load()).toBe(1);
  });

  test('normal syncs for a flush and for a close', async () => {
    const rig = await Rig.open({ settings: { fsync: 'normal' }, isTicking: false });
    rig.append(onePage(1));
    const flushed = rig.flusher.flush();
    rig.settle();
    expect(await flushed).toEqual({ durableSeq: 1, durableEpoch: 1 });
    rig.append(onePage(2));
    const closed = rig.flusher.close();
    expect(rig.settle()).toEqual({ kind: 'ended' });
    await closed;
    expect(rig.control.durableSeq.load()).toBe(2);
  });

  test('off never syncs, and durable is what written is', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    const rig = await Rig.open({ directory, settings: { fsync: 'off' }, logFileBytes: 65_536 });
    for (let round = 1; round <= 40; round += 1) {
      rig.append(operation(3000));
      rig.settle(10);
      expect(rig.control.durableSeq.load()).toBe(round);
    }
    const closed = rig.flusher.close();
    rig.settle();
    await closed;
    expect(rig.count('rotated')).toBeGreaterThan(0);
    expect(directory.syncCount).toBe(0);
  });

  test('an idle interval after a sync a mark is written, once', async () => {
    const rig = await Rig.open();
    rig.append(onePage(1));
    rig.settle(10);
    expect(rig.settle(1)).toMatchObject({ kind: 'sleep', untilMs: 20 });
    rig.settle(9);
    expect(rig.control.counters().marksWritten).toBe(1);
    expect(rig.settle(1000)).toMatchObject({ kind: 'sleep', untilMs: Number.POSITIVE_INFINITY });
    expect(rig.control.counters().marksWritten).toBe(1);
  });

  test('no mark is written between epochs', async () => {
    const rig = await Rig.open();
    for (let round = 1; round <= 5; round += 1) {
      rig.append(onePage(round));
      rig.settle(10);
    }
    expect(rig.control.counters().marksWritten).toBe(0);
  });
});
