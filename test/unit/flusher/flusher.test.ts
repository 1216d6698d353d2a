// The flusher as a step machine: each test says what is appended and when the next step comes, and looks at what that
// step did. No threads, no waiting: time is a number.

import { describe, expect, test } from 'vitest';
import type { WalError } from '../../../src/base/errors.js';
import { STATE } from '../../../src/epoch/control.js';
import { SimulatedDirectory } from '../../../src/storage/simulated-directory.js';
import { checked, onePage, operation, Rig } from '../../support/flusher-rig.js';
import { DISK_FULL } from '../../support/simulated-disk.js';

/** The code that a promise rejects with; settled promises only, so the test does not wait. */
async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'resolved',
    (error: WalError) => error.code,
  );
}

describe('when an epoch is sealed', () => {
  test('a commit that nobody waits for is sealed at the tick, not before', async () => {
    const rig = await Rig.open();
    rig.append(onePage(1));
    expect(rig.settle()).toMatchObject({ kind: 'sleep', untilMs: 10 });
    rig.settle(9);
    expect(rig.control.writtenSeq.load()).toBe(0);
    rig.settle(1);
    expect(rig.control.durableSeq.load()).toBe(1);
  });

  test('a demand seals at once, and only as long as what was demanded is unsealed', async () => {
    const rig = await Rig.open();
    rig.append(onePage(1));
    rig.control.demandThrough(1);
    rig.settle();
    expect(rig.control.durableSeq.load()).toBe(1);
    rig.append(onePage(2));
    rig.settle();
    expect(rig.control.durableSeq.load()).toBe(1);
  });

  test('a demand waits for maxFlushDelayMs to gather a larger epoch', async () => {
    const rig = await Rig.open({ settings: { maxFlushDelayMs: 3 } });
    rig.append(onePage(1));
    rig.control.demandThrough(1);
    expect(rig.settle()).toMatchObject({ kind: 'sleep', untilMs: 3 });
    rig.append(onePage(2), 1);
    rig.settle(3);
    expect(rig.control.durableSeq.load()).toBe(2);
    expect(rig.control.counters()).toMatchObject({ epochs: 1, framesPerEpochMax: 2, lanesPerEpochMax: 2 });
  });

  test('a lane more than half full is sealed at once', async () => {
    const rig = await Rig.open({ settings: { maxParallelCommitBytes: 2 ** 20 } });
    rig.append(operation(4000));
    rig.settle();
    expect(rig.control.writtenSeq.load()).toBe(0);
    rig.append(operation(100));
    rig.settle();
    expect(rig.control.writtenSeq.load()).toBe(2);
  });

  test('staged bytes of all lanes at the cap are sealed at once', async () => {
    const rig = await Rig.open({ lanes: 4, settings: { maxParallelCommitBytes: 4096 } });
    for (let lane = 0; lane < 3; lane += 1) rig.append(operation(900), lane);
    rig.settle();
    expect(rig.control.writtenSeq.load()).toBe(0);
    rig.append(operation(900), 3);
    rig.settle();
    expect(rig.control.writtenSeq.load()).toBe(4);
  });

  test('without the ticker time seals nothing, and a flush does', async () => {
    const rig = await Rig.open({ isTicking: false });
    rig.append(onePage(1));
    expect(rig.settle(1000)).toMatchObject({ kind: 'sleep', untilMs: Number.POSITIVE_INFINITY });
    expect(rig.control.writtenSeq.load()).toBe(0);
    const flushed = rig.flusher.flush();
    rig.settle();
    expect(await flushed).toEqual({ durableSeq: 1, durableEpoch: 1 });
  });

  test('a flush of nothing is answered without an epoch', async () => {
    const rig = await Rig.open();
    const flushed = rig.flusher.flush();
    rig.settle();
    expect(await flushed).toEqual({ durableSeq: 0, durableEpoch: 0 });
    expect(rig.control.sealedEpoch.load()).toBe(0);
  });

  test('an idle flusher sleeps without end', async () => {
    const rig = await Rig.open();
    expect(rig.settle()).toMatchObject({ kind: 'sleep', untilMs: Number.POSITIVE_INFINITY });
  });
});

describe('a full disk', () => {
  test('stalls the log, and when space is back nothing was lost', async () => {
    const directory = new SimulatedDirectory();
    const rig = await Rig.open({ directory });
    directory.fail(DISK_FULL);
    rig.append(onePage(7));
    expect(rig.settle(10)).toMatchObject({ kind: 'sleep', untilMs: 30 });
    expect(rig.control.state).toBe(STATE.stalled);
    expect(rig.control.failure().code).toBe('ERR_WAL_STORAGE_FULL');
    expect(rig.append(onePage(8))).toBe(2);
    directory.heal();
    rig.settle(20);
    rig.settle(10);
    expect(rig.control.state).toBe(STATE.running);
    expect(rig.control.durableSeq.load()).toBe(2);
    expect(rig.events).toEqual(['stalled ERR_WAL_STORAGE_FULL', 'synced', 'resumed', 'synced']);
    expect((await rig.recovered()).map(({ seq, value }) => [seq, value])).toEqual([
      [1, 7],
      [2, 8],
    ]);
  });

  test('is looked at again after 20 ms, then twice as long each time, up to a second', async () => {
    const directory = new SimulatedDirectory();
    const rig = await Rig.open({ directory });
    directory.fail(DISK_FULL);
    rig.append(onePage(1));
    const delays: number[] = [];
    rig.settle(10);
    for (let round = 0; round < 8; round += 1) {
      const next = rig.step();
      if (next.kind !== 'sleep') throw new Error('the log is stalled');
      delays.push(next.untilMs - rig.nowMs);
      rig.step(next.untilMs - rig.nowMs);
    }
    expect(delays).toEqual([20, 40, 80, 160, 320, 640, 1000, 1000]);
    expect(rig.control.counters().stalls).toBe(1);
    expect(rig.count('stalled')).toBe(1);
  });

  test('does not keep epochs that were written before from being synced', async () => {
    const directory = new SimulatedDirectory();
    const rig = await Rig.open({ directory, settings: { fsync: 'normal' } });
    rig.append(onePage(1));
    rig.control.demandThrough(1);
    rig.settle();
    directory.fail(DISK_FULL);
    rig.append(onePage(2));
    rig.control.demandThrough(2);
    rig.settle();
    expect(rig.control.state).toBe(STATE.stalled);
    rig.settle(20);
    expect(rig.control.state).toBe(STATE.stalled);
    expect(rig.control.durableSeq.load()).toBe(1);
  });

  test('during a rotation stalls the log, and the rotation starts over', async () => {
    const directory = new SimulatedDirectory();
    const rig = await Rig.open({ directory });
    let last = 0;
    while (rig.count('stalled') === 0) {
      // The header of the next file cannot be written; its unfinished file is left behind.
      directory.fail({ on: 'write', name: /\.new$/, errno: 'ENOSPC' });
      last = rig.append(operation(5000, 1));
      rig.settle(10);
    }
    expect(rig.control.durableSeq.load()).toBe(last - 1);
    directory.heal();
    rig.settle(20);
    expect(rig.control.state).toBe(STATE.running);
    expect(rig.control.durableSeq.load()).toBe(last);
    expect(rig.count('rotated')).toBe(1);
    expect((await rig.recovered()).map(({ seq }) => seq)).toEqual(
      Array.from({ length: last }, (_, index) => index + 1),
    );
  });

  test('does not keep a close from ending when all is written, nor is a mark worth a stall', async () => {
    const directory = new SimulatedDirectory();
    const rig = await Rig.open({ directory });
    rig.append(onePage(1));
    rig.settle(10);
    directory.fail(DISK_FULL);
    rig.settle(20);
    expect(rig.count('stalled')).toBe(0);
    const closed = rig.flusher.close();
    expect(rig.settle()).toEqual({ kind: 'ended' });
    await closed;
    directory.heal();
    expect(await rig.recovered()).toHaveLength(1);
  });

  test('holds up a close that has something to write, and the close goes on when space is back', async () => {
    const directory = new SimulatedDirectory();
    const rig = await Rig.open({ directory });
    directory.fail(DISK_FULL);
    rig.append(onePage(1));
    rig.settle(10);
    const closed = rig.flusher.close();
    rig.settle(2000);
    expect(rig.control.state).toBe(STATE.closing);
    expect(() => rig.append(onePage(2))).toThrow('closed');
    directory.heal();
    expect(rig.settle(2000)).toEqual({ kind: 'ended' });
    await closed;
    expect(rig.control.state).toBe(STATE.closed);
    expect(await rig.recovered()).toHaveLength(1);
  });
});

describe('a failure', () => {
  test.each(['sync', 'write'] as const)(
    'of a %s is final: the log fails and nothing is tried again',
    async (failing) => {
      const directory = new SimulatedDirectory();
      const rig = await Rig.open({ directory });
      rig.append(onePage(1));
      const flushed = codeOf(rig.flusher.flush());
      const doneBefore = directory.done.length;
      directory.fail({ on: failing, errno: 'EIO', times: 1 });
      expect(rig.settle()).toEqual({ kind: 'ended' });
      expect(await flushed).toBe('ERR_WAL_POISONED');
      expect(rig.control.state).toBe(STATE.failed);
      expect(rig.control.durableSeq.load()).toBe(0);
      expect(rig.events.at(-1)).toBe('failed ERR_WAL_IO');
      expect(rig.step(1000)).toEqual({ kind: 'ended' });
      expect(directory.done.slice(doneBefore).filter((each) => each.startsWith('sync'))).toEqual([]);
      expect(await codeOf(rig.flusher.flush())).toBe('ERR_WAL_POISONED');
      expect(await codeOf(rig.flusher.close())).toBe('ERR_WAL_POISONED');
    },
  );

  test('of a sync because the disk is full is as final as any other (F09)', async () => {
    const directory = new SimulatedDirectory();
    const rig = await Rig.open({ directory });
    rig.append(onePage(1));
    directory.fail({ on: 'sync', errno: 'ENOSPC', times: 1 });
    rig.settle(10);
    expect(rig.control.state).toBe(STATE.failed);
  });

  test('of the last close of the file does not keep anybody from being told', async () => {
    const directory = new SimulatedDirectory();
    const rig = await Rig.open({ directory });
    rig.append(onePage(1));
    directory.fail({ on: ['sync', 'close'], errno: 'EIO' });
    rig.settle(10);
    expect(rig.events).toEqual(['failed ERR_WAL_IO']);
    expect(rig.control.state).toBe(STATE.failed);
  });

  test('while closing rejects the close', async () => {
    const directory = new SimulatedDirectory();
    const rig = await Rig.open({ directory });
    rig.append(onePage(1));
    const closed = codeOf(rig.flusher.close());
    directory.fail({ on: 'sync', errno: 'EIO', times: 1 });
    rig.settle();
    expect(await closed).toBe('ERR_WAL_POISONED');
  });
});

describe('closing', () => {
  test('drains all lanes, leaves a clean mark, and takes nothing more', async () => {
    const rig = await Rig.open();
    rig.append(onePage(1));
    rig.append(onePage(2), 1);
    const closed = rig.flusher.close();
    expect(rig.writer().tryAppend(checked(onePage(3)), 0)).toBe('closed');
    expect(rig.settle()).toEqual({ kind: 'ended' });
    await closed;
    expect(rig.control.counters()).toMatchObject({ commits: 2, marksWritten: 1 });
    expect((await rig.recovered()).map(({ value }) => value)).toEqual([1, 2]);
  });

  test('waits for a guard, and looks again soon', async () => {
    const rig = await Rig.open();
    rig.lanes[1]!.guard.store(1);
    const closed = rig.flusher.close();
    expect(rig.settle()).toMatchObject({ kind: 'sleep', untilMs: 20 });
    expect(rig.control.state).toBe(STATE.closing);
    rig.lanes[1]!.guard.store(0);
    expect(rig.settle(20)).toEqual({ kind: 'ended' });
    await closed;
  });

  test('answers a flush that was asked for before', async () => {
    const rig = await Rig.open();
    rig.append(onePage(1));
    const flushed = rig.flusher.flush();
    const closed = rig.flusher.close();
    rig.settle();
    await closed;
    expect((await flushed).durableSeq).toBe(1);
    expect(await codeOf(rig.flusher.flush())).toBe('ERR_WAL_CLOSED');
  });
});

test('I3: a guard holds back its own sequence and what is above it, and nothing below', async () => {
  const rig = await Rig.open({ lanes: 3 });
  rig.append(onePage(1), 0);
  rig.lanes[2]!.guard.store(2);
  rig.append(onePage(2), 1);
  const flushed = rig.flusher.flush();
  expect(rig.settle()).toMatchObject({ kind: 'sleep', untilMs: 20 });
  expect(rig.control.durableSeq.load()).toBe(1);
  rig.lanes[2]!.guard.store(0);
  rig.settle(20);
  expect(await flushed).toEqual({ durableSeq: 2, durableEpoch: 2 });
});
