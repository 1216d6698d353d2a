// Goal: commits that enter a lane together are as safe as commits that enter one by one. Method: the thread is stopped, or
// others are let in, before each atomic operation of a run; what is left is looked at, reaped, flushed and recovered.

import { describe, expect, test } from 'vitest';
import { MODE } from '../../../src/epoch/mode.js';
import { Lane } from '../../../src/lane/lane.js';
import { LaneWriter, RUN_COMMITS_MAX } from '../../../src/lane/lane-writer.js';
import { type AtomicOps, atomics } from '../../../src/memory/atomics.js';
import { checked, onePage, operation, PAGE_BYTES, Rig } from '../../support/flusher-rig.js';
import { isTerminated, SteppedAtomics } from '../../support/stepped-atomics.js';

const DEAD = 2;
const ALIVE = 3;
const RUN = [5, 6, 7];

/** The run in lane 0: its commits are named by a transaction id, and each sets the size to it. */
const runOf = (rig: Rig) =>
  RUN.map((value) => checked(onePage(value, 1, { dbSizePages: value, txnId: value }), rig.control));

describe('a run', () => {
  test('I2 I3 I4: takes sequences and publishes commit by commit, behind one guard and one look at the state', () => {
    const order: string[] = [];
    const says = <T>(name: string, value: T) => {
      return (): T => {
        order.push(name);
        return value;
      };
    };
    const lane = Lane.create(0, 4096);
    const ops: AtomicOps = {
      ...atomics,
      store: (words, index, value) => {
        order.push('tail');
        atomics.store(words, index, value);
      },
      store64: (words, index, value) => {
        order.push(`guard ${value}`);
        atomics.store64(words, index, value);
      },
    };
    const sequences = {
      commitSeqNext: { load: says('counter', 7), increment: says('sequence', 8) },
      isOpen: says('state', true),
      modeCode: says('mode', MODE.auto),
      setSizePages: says('size', undefined),
    };
    const commits = [checked({ dbSizePages: 3 }), checked(operation(10))];
    new LaneWriter(new Lane(0, lane.buffer, ops), 2, sequences, 1, MODE.auto).tryAppendRun(commits, 0);
    const each = ['sequence', 'tail'];
    expect(order).toEqual(['counter', 'guard 7', 'state', 'mode', ...each, 'size', ...each, 'guard 0']);
  });

  test('enters as far as there is room, in order; without room for the first nothing is written', async () => {
    const rig = await Rig.open({ lanes: 1, laneBytes: 4096 });
    const writer = rig.writer();
    const commits = [1000, 1000, 3000, 10].map((bytes, index) => checked(operation(bytes, index + 1)));
    expect(writer.tryAppendRun(commits, 0)).toEqual([1, 2]);
    expect(writer.tryAppendRun(commits.slice(2), 0)).toBe('full');
    expect([rig.control.commitSeqNext.load(), rig.lanes[0]!.guard.load(), rig.lanes[0]!.lock.isHeld()]).toEqual([
      3,
      0,
      false,
    ]);
    rig.settle(10);
    expect(writer.tryAppendRun(commits.slice(2), 0)).toEqual([3, 4]);
    rig.settle(10);
    expect((await rig.recovered()).map(({ seq, value }) => [seq, value])).toEqual([1, 2, 3, 4].map((n) => [n, n]));
  });

  test('that cannot be encoded as a whole ends in front of what cannot', async () => {
    const rig = await Rig.open({ lanes: 1 });
    const spoiled = checked(onePage(2));
    Object.defineProperty(spoiled.pages[0], 'image', {
      get: () => {
        throw new Error('gone');
      },
    });
    const writer = rig.writer();
    expect(writer.tryAppendRun([checked(onePage(1)), spoiled, checked(onePage(3))], 0)).toEqual([1]);
    expect(() => writer.tryAppendRun([spoiled, checked(onePage(3))], 0)).toThrow('gone');
    expect([rig.lanes[0]!.guard.load(), rig.lanes[0]!.lock.isHeld()]).toEqual([0, false]);
    expect(writer.tryAppendRun([checked(onePage(3))], 0)).toEqual([2]);
    rig.settle(10);
    expect((await rig.recovered()).map(({ value }) => value)).toEqual([1, 3]);
  });

  test.each([0, RUN_COMMITS_MAX + 1])('of %s commits breaks a law', async (count) => {
    const rig = await Rig.open({ lanes: 1 });
    const commits = Array.from({ length: count }, () => checked(operation(1)));
    expect(() => rig.writer().tryAppendRun(commits, 0)).toThrow(expect.objectContaining({ code: 'ERR_WAL_INVARIANT' }));
  });

  test('I3 I5: a seal between any two operations of a run never misses a commit', async () => {
    for (let at = 0; ; at += 1) {
      const rig = await Rig.open({ lanes: 2, settings: { fsync: 'off' } });
      const stepped = new SteppedAtomics();
      let isReached = false;
      stepped.before = (count) => {
        if (count !== at) return;
        isReached = true;
        rig.append(onePage(9), 1);
        rig.control.demandThrough(Number.MAX_SAFE_INTEGER);
        rig.settle();
      };
      rig.writer(0, DEAD, stepped.ops).tryAppendRun(runOf(rig), 0);
      rig.settle(20);
      expect(rig.events, `at ${at}`).toEqual([]);
      expect(rig.control.durableSeq.load(), `at ${at}`).toBe(rig.control.commitSeqNext.load() - 1);
      const found = await rig.recovered();
      expect(
        found.filter(({ lane }) => lane === 0).map(({ value }) => value),
        `at ${at}`,
      ).toEqual(RUN);
      if (!isReached) break;
    }
  });

  test('I6: whose writer dies before any operation leaves its first commits, one void at most, and nothing else', async () => {
    const outcomes = new Set<string>();
    for (let at = 0; ; at += 1) {
      const rig = await Rig.open({ lanes: 2 });
      rig.append(onePage(1), 1);
      const stepped = new SteppedAtomics();
      stepped.before = (count) => {
        // Others take sequences in between.
        if (count === at - 1) rig.append(onePage(9), 1);
      };
      const writer = rig.writer(0, DEAD, stepped.ops);
      const { before } = stepped;
      stepped.terminateAt(at);
      const { before: terminate } = stepped;
      stepped.before = (count) => {
        before(count);
        terminate(count);
      };
      if (!isTerminated(() => void writer.tryAppendRun(runOf(rig), 0))) break;
      rig.flusherLanes.reap(DEAD, rig.lanes[0]!);
      expect([rig.lanes[0]!.lock.isHeld(), rig.lanes[0]!.guard.load()], `death ${at}`).toEqual([false, 0]);
      expect(rig.writer(0, ALIVE).tryAppend(checked(onePage(3)), 0)).toBeTypeOf('number');
      const flushed = rig.flusher.flush();
      rig.settle();
      await flushed;
      const { voids } = rig.control.counters();
      const found = (await rig.recovered()).filter(({ txnId }) => txnId !== 0);
      const kept = found.map(({ value }) => value);
      expect(kept, `death ${at}`).toEqual(RUN.slice(0, kept.length));
      expect(voids, `death ${at}`).toBeLessThanOrEqual(1);
      expect(rig.control.durableSeq.load(), `death ${at}`).toBe(rig.control.commitSeqNext.load() - 1);
      expect(rig.control.sizePages(0), `death ${at}`).toBe(kept.at(-1) ?? 0);
      outcomes.add(`${kept.length} kept, ${voids} void`);
    }
    const expected = ['0 kept, 0 void', '0 kept, 1 void', '1 kept, 0 void', '1 kept, 1 void', '2 kept, 0 void'];
    expect([...outcomes].sort()).toEqual([...expected, '2 kept, 1 void', '3 kept, 0 void']);
  });
});

test('pages of a run stand in the lane as they were given', async () => {
  const rig = await Rig.open({ lanes: 1, laneBytes: 2 ** 17 });
  const commits = Array.from({ length: RUN_COMMITS_MAX }, (_, index) => checked(onePage(index)));
  expect(rig.writer().tryAppendRun(commits, 0)).toEqual(commits.map((_, index) => index + 1));
  expect(rig.lanes[0]!.stagedBytes()).toBeGreaterThan(RUN_COMMITS_MAX * PAGE_BYTES);
  rig.settle(10);
  expect((await rig.recovered()).map(({ value }) => value)).toEqual(commits.map((_, index) => index));
});
