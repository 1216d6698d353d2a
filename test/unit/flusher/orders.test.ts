// The orders that the flusher keeps between write, sync, marks, guards and sleep: each test looks from where the order
// can be seen, and would not see the result of a wrong one otherwise.

import { afterEach, describe, expect, test, vi } from 'vitest';
import { Control, SLEEP } from '../../../src/epoch/control.js';
import { MODE } from '../../../src/epoch/mode.js';
import { LaneWriter } from '../../../src/lane/lane-writer.js';
import { readCheckpointSlots } from '../../../src/log/checkpoint-record.js';
import { atomics } from '../../../src/memory/atomics.js';
import { openLog } from '../../../src/recovery/opening.js';
import { SimulatedDirectory } from '../../../src/storage/simulated-directory.js';
import { MemoryDirectory, openWalOn } from '../../../src/testing.js';
import { checked, onePage, operation, Rig } from '../../support/flusher-rig.js';
import { DISK_FULL } from '../../support/simulated-disk.js';

const OPTIONS = { lanes: 1, laneBytes: 8192, pageSize: 512, logFileBytes: 65_536, ticker: false } as const;
const bytes = (length: number) => ({ operations: [{ code: 1, bytes: new Uint8Array(length) }] });

afterEach(() => void vi.restoreAllMocks());

describe('write, sync and marks', () => {
  test.each(['full', 'normal'] as const)(
    'A1: a mark moves only behind a sync that began behind the write: %s',
    async (fsync) => {
      const directory = new SimulatedDirectory();
      const rig = await Rig.open({ directory, settings: { fsync } });
      const turn = rig.control.durableTurn;
      const announced = vi.spyOn(turn, 'announce').mockImplementation(() => {
        const { done } = directory;
        const last = (operation: string): number => done.findLastIndex((each) => each.startsWith(`${operation} `));
        expect(last('sync')).toBeGreaterThan(last('write'));
        return 0;
      });
      for (let round = 1; round <= 3; round += 1) {
        rig.append(onePage(round));
        rig.settle(10);
        rig.settle(10);
      }
      expect(rig.control.durableSeq.load()).toBe(3);
      expect(announced).toHaveBeenCalledTimes(3);
      expect(rig.events).not.toContain('failed ERR_WAL_INVARIANT');
    },
  );

  test('I1: a write that failed has moved no mark and given no space back', async () => {
    const directory = new SimulatedDirectory();
    const rig = await Rig.open({ directory });
    directory.fail(DISK_FULL);
    rig.append(operation(3000));
    const staged = rig.lanes[0]!.stagedBytes();
    rig.settle(10);
    const { writtenSeq, durableSeq, durableEpoch } = rig.control;
    expect(rig.count('stalled')).toBe(1);
    expect([writtenSeq.load(), durableSeq.load(), durableEpoch.load()]).toEqual([0, 0, 0]);
    expect(rig.lanes[0]!.stagedBytes()).toBe(staged);
    expect(rig.lanes[0]!.head.load()).toBe(0);
  });
});

test('a log that failed changes nothing on disk any more', async () => {
  const directory = new SimulatedDirectory();
  const rig = await Rig.open({ directory });
  // The sync of the name of the next file fails: what is left to write still wants a new file.
  directory.fail({ on: 'syncDirectory', errno: 'EIO' });
  while (rig.count('failed') === 0) {
    rig.append(operation(5000));
    rig.settle(10);
  }
  directory.heal();
  const { length } = directory.done;
  expect(rig.step(1000)).toEqual({ kind: 'ended' });
  expect(directory.done.slice(length)).toEqual([]);
});

describe('a close', () => {
  test('I4: a close loads the guards before the counter', async () => {
    const rig = await Rig.open();
    // A writer that looked at the state before it closed: it finishes while the flusher asks whether all is drained.
    const sequences = {
      commitSeqNext: rig.control.commitSeqNext,
      isOpen: () => true,
      modeCode: () => MODE.auto,
      setSizePages: () => undefined,
    };
    const writer = new LaneWriter(rig.lanes[1]!, 3, sequences, 1, MODE.auto);
    const isGuarded = rig.flusherLanes.isGuarded.bind(rig.flusherLanes);
    vi.spyOn(rig.flusherLanes, 'isGuarded').mockImplementationOnce(() => {
      expect(writer.tryAppend(checked(onePage(1)), 0)).toBe(1);
      return isGuarded();
    });
    const closed = rig.flusher.close();
    expect(rig.settle(20)).toEqual({ kind: 'ended' });
    await closed;
    expect(rig.control.counters().commits).toBe(1);
    expect(rig.control.durableSeq.load()).toBe(1);
  });

  test('a close that meets a full disk takes no commits again', async () => {
    const directory = new SimulatedDirectory();
    const rig = await Rig.open({ directory });
    rig.append(onePage(1));
    directory.fail(DISK_FULL);
    const closed = rig.flusher.close();
    rig.settle();
    expect(rig.count('stalled')).toBe(1);
    expect(rig.writer().tryAppend(checked(onePage(2)), 0)).toBe('closed');
    directory.heal();
    expect(rig.settle(20)).toEqual({ kind: 'ended' });
    await closed;
  });

  test('a close syncs the clean mark before it closes the file', async () => {
    const directory = new SimulatedDirectory();
    const rig = await Rig.open({ directory });
    rig.append(onePage(1));
    const closed = rig.flusher.close();
    rig.settle();
    await closed;
    expect(directory.done.slice(-3).map((each) => each.split(' ')[0])).toEqual(['write', 'sync', 'close']);
    const { report } = await openLog(directory, { logFileBytes: 65_536, sync: true });
    expect(report).toMatchObject({ cleanlyClosed: true, lastSeq: 1 });
  });
});

test('I8: a commit between the last look and the sleep is not slept through', async () => {
  const wal = await openWalOn(new MemoryDirectory({ pretendSync: true }), OPTIONS);
  const control = new Control(wal.handle.control);
  const sleepIndex = indexOf(() => control.flusherSleep.store(SLEEP.awake));
  const writer = wal.connect();
  const { store } = atomics;
  let commit: ReturnType<typeof writer.append> | undefined;
  let durable: Promise<void> | undefined;
  vi.spyOn(atomics, 'store').mockImplementation((words, index, value) => {
    const isSleep = words.buffer === control.buffer && index === sleepIndex && value !== SLEEP.awake;
    if (isSleep && commit === undefined) {
      // The flusher has looked and found nothing, and does not say yet that it sleeps: nobody wakes it.
      commit = writer.append(bytes(10));
      durable = commit.durable({ timeoutMs: 2000 });
    }
    store(words, index, value);
  });
  await wal.flush();
  await vi.waitFor(() => expect(commit).toBeDefined());
  await durable;
  expect(wal.marks().durableSeq).toBe(1);
  await wal.close();
});

/** Index of the 32-bit word that `act` stores. */
function indexOf(act: () => void): number {
  let found = -1;
  const { store } = atomics;
  const spy = vi.spyOn(atomics, 'store').mockImplementation((words, index, value) => {
    found = index;
    store(words, index, value);
  });
  act();
  spy.mockRestore();
  return found;
}

describe('a checkpoint', () => {
  test('a checkpoint record is synced before the first file below it is recycled (F40)', async () => {
    const directory = new SimulatedDirectory();
    const wal = await openWalOn(directory, OPTIONS);
    const writer = wal.connect();
    for (let round = 0; round < 20; round += 1) await (await writer.appendAsync(bytes(7000))).durable();
    directory.done.length = 0;
    await wal.checkpoint({ throughSeq: wal.marks().durableSeq });
    const synced = directory.done.findIndex((each) => /^sync checkpoint/.test(each));
    const recycled = directory.done.findIndex((each) => /^(rename|remove) [0-9a-f]{16}\.wal/.test(each));
    expect(synced).toBeGreaterThanOrEqual(0);
    expect(recycled).toBeGreaterThan(synced);
    await wal.close();
  });

  test('a checkpoint record calls nothing synced that is not', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    const wal = await openWalOn(directory, { ...OPTIONS, ticker: true, epochIntervalMs: 10_000, fsync: 'normal' });
    const writer = wal.connect();
    writer.append(bytes(10));
    await wal.flush();
    await writer.append(bytes(10)).written();
    expect(wal.marks()).toMatchObject({ writtenSeq: 2, durableSeq: 1, durableEpoch: 1 });
    await wal.checkpoint({ throughSeq: 1 });
    expect(readCheckpointSlots(directory).newest).toMatchObject({ throughSeq: 1, syncedThrough: 1 });
    await wal.close();
  });
});
