// Reaping: a writer is terminated before each atomic operation of an append, one after the other, and reaped. Whatever
// it left, the commit is whole or nothing, the lane is free, and the log goes on.

import { describe, expect, test } from 'vitest';
import type { LaneWriter } from '../../../src/lane/lane-writer.js';
import { checked, onePage, operation, Rig } from '../../support/flusher-rig.js';
import { isTerminated, SteppedAtomics } from '../../support/stepped-atomics.js';

const DEAD = 2;
const ALIVE = 3;

/** Runs `act` with a writer that is terminated before operation `at`; false once the append has fewer operations. */
async function terminatedAt(at: number, act: (rig: Rig, writer: LaneWriter) => void): Promise<Rig | undefined> {
  const rig = await Rig.open({ lanes: 2 });
  rig.append(onePage(1), 1);
  const stepped = new SteppedAtomics();
  const writer = rig.writer(0, DEAD, stepped.ops);
  stepped.terminateAt(at);
  return isTerminated(() => act(rig, writer)) ? rig : undefined;
}

/** Every place at which an append can be terminated. */
async function everyDeath(
  act: (rig: Rig, writer: LaneWriter) => void,
  check: (rig: Rig, at: number) => Promise<void>,
): Promise<number> {
  for (let at = 0; ; at += 1) {
    const rig = await terminatedAt(at, act);
    if (rig === undefined) return at;
    await check(rig, at);
  }
}

const appendPage = (rig: Rig, writer: LaneWriter): void => {
  writer.tryAppend(checked(onePage(2, 5, { dbSizePages: 5, txnId: 77 }), rig.control), 0);
};

const JUMBO_ID = 9;
const appendJumbo = (rig: Rig, writer: LaneWriter): void => {
  const { commit, frame } = rig.postJumbo(operation(20_000, 2), JUMBO_ID, DEAD);
  const lane = writer.lane;
  writer.tryAppendJumbo(commit, { jumboId: JUMBO_ID, frame }, 0, (bytes) => {
    if (!rig.control.jumboLock.tryAcquire(DEAD)) return false;
    lane.jumboClaimed.store(lane.jumboClaimed.load() + bytes);
    rig.control.jumboLock.release(DEAD);
    return true;
  });
};

describe('a writer terminated before any operation of an append', () => {
  test('I6: leaves a whole commit, an explained void, or nothing', async () => {
    const outcomes = new Set<string>();
    const deaths = await everyDeath(appendPage, async (rig, at) => {
      rig.flusherLanes.reap(DEAD, rig.lanes[0]!);
      const lane = rig.lanes[0]!;
      expect([lane.lock.isHeld(), lane.guard.load()], `death ${at}`).toEqual([false, 0]);
      const after = rig.writer(0, ALIVE).tryAppend(checked(onePage(3)), 0);
      const flushed = rig.flusher.flush();
      rig.settle();
      await flushed;
      const { voids, commits } = rig.control.counters();
      expect(after, `death ${at}`).toBe(rig.control.durableSeq.load());
      expect(commits + voids, `death ${at}`).toBe(after);
      const found = await rig.recovered();
      const dead = found.find(({ txnId }) => txnId === 77);
      if (dead !== undefined) expect(dead).toMatchObject({ seq: 2, value: 2, lane: 0 });
      expect(rig.control.sizePages(0), `death ${at}`).toBe(dead === undefined ? 0 : 5);
      expect(found).toHaveLength(dead === undefined ? 2 : 3);
      outcomes.add(dead !== undefined ? 'whole' : voids === 1 ? 'void' : 'nothing');
    });
    expect(deaths).toBeGreaterThan(10);
    expect([...outcomes].sort()).toEqual(['nothing', 'void', 'whole']);
  });

  test('holds back what it may have taken, and nothing below, until it is reaped', async () => {
    await everyDeath(appendPage, async (rig, at) => {
      const flushed = rig.flusher.flush();
      rig.settle();
      expect(rig.control.durableSeq.load(), `death ${at}`).toBeGreaterThanOrEqual(1);
      rig.flusherLanes.reap(DEAD, rig.lanes[0]!);
      rig.settle(20);
      await flushed;
      expect(rig.control.durableSeq.load(), `death ${at}`).toBe(rig.control.commitSeqNext.load() - 1);
    });
  });

  test('does not keep a close from ending once it is reaped', async () => {
    await everyDeath(appendPage, async (rig, at) => {
      const closed = rig.flusher.close();
      rig.settle();
      rig.flusherLanes.reap(DEAD, rig.lanes[0]!);
      expect(rig.settle(20), `death ${at}`).toEqual({ kind: 'ended' });
      await closed;
    });
  });

  test('frees the room its jumbo had claimed, and tells those who wait for it', async () => {
    const deaths = await everyDeath(appendJumbo, async (rig, at) => {
      const turn = rig.control.writtenTurn.load();
      rig.flusherLanes.reap(DEAD, rig.lanes[0]!);
      expect(rig.control.writtenTurn.load(), `death ${at}`).not.toBe(turn);
      expect(rig.control.jumboLock.isHeld(), `death ${at}`).toBe(false);
      const flushed = rig.flusher.flush();
      rig.settle();
      await flushed;
      expect(rig.lanes[0]!.jumboBytes(), `death ${at}`).toBe(0);
      const found = await rig.recovered();
      expect(found.length + rig.control.counters().voids, `death ${at}`).toBe(rig.control.durableSeq.load());
    });
    expect(deaths).toBeGreaterThan(10);
  });

  test('leaves a jumbo that it published before as it is', async () => {
    const rig = await Rig.open({ lanes: 2 });
    const { commit, frame } = rig.postJumbo(operation(20_000, 6), JUMBO_ID, DEAD);
    const writer = rig.writer(0, DEAD);
    const lane = rig.lanes[0]!;
    writer.tryAppendJumbo(commit, { jumboId: JUMBO_ID, frame }, 0, (bytes) => {
      lane.jumboClaimed.store(bytes);
      return true;
    });
    rig.postJumbo(operation(20_000, 7), JUMBO_ID + 1, DEAD);
    rig.flusherLanes.reap(DEAD, lane);
    expect(lane.jumboBytes()).toBe(frame.byteLength);
    rig.settle(10);
    expect(lane.jumboBytes()).toBe(0);
    expect((await rig.recovered()).map(({ value }) => value)).toEqual([6]);
  });

  test('that had left the lane before is not mistaken for the writer inside', async () => {
    const rig = await Rig.open({ lanes: 1 });
    const lane = rig.lanes[0]!;
    expect(lane.lock.tryAcquire(ALIVE)).toBe(true);
    lane.guard.store(1);
    rig.flusherLanes.reap(DEAD, lane);
    expect([lane.lock.isHeld(), lane.guard.load()]).toEqual([true, 1]);
    lane.lock.release(ALIVE);
  });
});

describe('what a dead writer explains', () => {
  test('I6: a dead guard explains one void in its life, not one in each epoch', async () => {
    const rig = await Rig.open({ lanes: 2 });
    // Dead in lane 0 with sequence 1 taken, reaped when the counter has gone far.
    rig.lanes[0]!.lock.tryAcquire(DEAD);
    rig.lanes[0]!.guard.store(1);
    rig.control.commitSeqNext.increment();
    for (let seq = 2; seq <= 6; seq += 1) rig.append(onePage(seq), 1);
    rig.flusherLanes.reap(DEAD, rig.lanes[0]!);
    // The first epoch ends below the dead guard's upper bound.
    rig.lanes[0]!.guard.store(3);
    rig.control.demandThrough(2);
    rig.settle();
    expect(rig.control.counters()).toMatchObject({ epochs: 1, voids: 1 });
    // A second void within the same bounds is a lost commit: the log fails closed.
    rig.lanes[0]!.guard.store(0);
    rig.lanes[1]!.head.store(rig.lanes[1]!.head.load() + frameBytesAt(rig));
    rig.control.demandThrough(6);
    rig.settle();
    expect(rig.events.at(-1)).toBe('failed ERR_WAL_INVARIANT');
  });

  test('I6: a missing commit that no dead writer explains fails the log closed', async () => {
    const rig = await Rig.open();
    rig.append(onePage(1));
    rig.control.commitSeqNext.increment();
    rig.settle(10);
    expect(rig.events).toEqual(['failed ERR_WAL_INVARIANT']);
    expect(rig.control.durableSeq.load()).toBe(0);
    expect(await rig.recovered()).toEqual([]);
  });

  test('I6: an epoch may hold nothing but a void', async () => {
    const rig = await Rig.open();
    rig.lanes[0]!.lock.tryAcquire(DEAD);
    rig.lanes[0]!.guard.store(1);
    rig.control.commitSeqNext.increment();
    rig.flusherLanes.reap(DEAD, rig.lanes[0]!);
    rig.settle(10);
    expect(rig.control.durableSeq.load()).toBe(1);
    expect(rig.append(onePage(2))).toBe(2);
    rig.settle(10);
    expect((await rig.recovered()).map(({ seq }) => seq)).toEqual([2]);
  });
});

/** Length of the frame at the head of lane 1. */
function frameBytesAt(rig: Rig): number {
  return rig.lanes[1]!.ring.u32(rig.lanes[1]!.head.load());
}
