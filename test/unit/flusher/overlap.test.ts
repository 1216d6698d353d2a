// Goal: epochs are written while one is synced, and nothing is called durable before the sync that covers it has ended,
// well or badly. Method: a flusher over a simulated disk that holds syncs until the test ends them, one step at a time.

import { describe, expect, test } from 'vitest';
import { STATE } from '../../../src/epoch/control.js';
import { SimulatedDirectory } from '../../../src/storage/simulated-directory.js';
import { openWalOn } from '../../../src/testing.js';
import { operation, Rig, type RigOptions } from '../../support/flusher-rig.js';

/** With this little to sync at most, a sync of 256 bytes is overlapped. */
const SYNC_BYTES = 4096;
const BYTES = 1000;

async function rigOn(disk: SimulatedDirectory, options: RigOptions = {}): Promise<Rig> {
  return Rig.open({ directory: disk, ...options, settings: { syncBytes: SYNC_BYTES, ...options.settings } });
}

function held(): SimulatedDirectory {
  return new SimulatedDirectory({ holdsSyncs: true });
}

/** Appends a commit that is sealed at the next step. */
function append(rig: Rig, bytes = BYTES): void {
  rig.control.demandThrough(rig.append(operation(bytes)));
}

async function endSync(rig: Rig, disk: SimulatedDirectory): Promise<void> {
  expect(disk.syncsHeld).toBe(1);
  disk.endSyncs();
  await rig.afterSync();
}

const marks = ({ control }: Rig) => [control.writtenSeq.load(), control.durableSeq.load()];

describe('a sync under way', () => {
  test('A1: epochs are written while one is synced, and the mark moves to what the sync began behind', async () => {
    const disk = held();
    const rig = await rigOn(disk);
    append(rig);
    rig.settle();
    append(rig);
    rig.settle();
    expect(marks(rig)).toEqual([2, 0]);
    expect(disk.syncsHeld).toBe(1);
    await endSync(rig, disk);
    expect(marks(rig)).toEqual([2, 1]);
    expect(rig.control.durableEpoch.load()).toBe(1);
    expect(rig.log.syncedThrough).toBe(1);
    await endSync(rig, disk);
    expect(marks(rig)).toEqual([2, 2]);
    expect(rig.log.isSynced).toBe(true);
  });

  test('little is not written while a sync is under way: it goes with the next epoch', async () => {
    const disk = held();
    const rig = await rigOn(disk, { settings: { syncBytes: 8 * SYNC_BYTES } });
    append(rig, 3 * BYTES);
    rig.settle();
    append(rig, 64);
    rig.settle();
    append(rig, 64);
    rig.settle();
    expect(marks(rig)).toEqual([1, 0]);
    await endSync(rig, disk);
    expect(marks(rig)).toEqual([3, 1]);
    await endSync(rig, disk);
    expect(marks(rig)).toEqual([3, 3]);
    expect(rig.control.sealedEpoch.load()).toBe(2);
  });

  test('no more than syncBytes are written while a sync is under way', async () => {
    const disk = held();
    const rig = await rigOn(disk);
    for (let count = 0; count < 5; count += 1) {
      append(rig);
      rig.settle();
    }
    // The first is being synced; each segment takes 4 KiB.
    expect(marks(rig)).toEqual([2, 0]);
    await endSync(rig, disk);
    expect(rig.control.writtenSeq.load()).toBe(5);
  });

  test('what was written while a sync was under way is synced before more is written', async () => {
    const disk = held();
    const rig = await rigOn(disk);
    append(rig);
    rig.settle();
    append(rig);
    rig.settle();
    append(rig);
    await endSync(rig, disk);
    expect(marks(rig)).toEqual([3, 1]);
    await endSync(rig, disk);
    // The second sync began in front of the third write.
    expect(marks(rig)).toEqual([3, 2]);
  });

  test('A5: the log does not leave a file that is being synced', async () => {
    const disk = held();
    const rig = await rigOn(disk, { logFileBytes: 8192 });
    append(rig);
    rig.settle();
    append(rig);
    rig.settle();
    expect(marks(rig)).toEqual([1, 0]);
    expect(rig.control.sealedEpoch.load()).toBe(2);
    await endSync(rig, disk);
    expect(marks(rig)).toEqual([2, 1]);
    expect(rig.count('rotated')).toBe(1);
  });

  test('helperLaneBudget: with one flush at a time every sync is waited for', async () => {
    const disk = held();
    const rig = await rigOn(disk, { settings: { helperLaneBudget: 1 } });
    append(rig);
    rig.settle();
    expect(marks(rig)).toEqual([1, 1]);
    expect(disk.syncsHeld).toBe(0);
  });
});

describe('a failure', () => {
  test.each([undefined, 'EIO'])('A5: a sync is under way until it is told how it ended: %s', async (errno) => {
    const disk = held();
    const rig = await rigOn(disk);
    append(rig);
    rig.settle();
    if (errno !== undefined) disk.fail({ on: 'sync', errno });
    disk.endSyncs();
    let seen = 0;
    for (let microtask = 0; microtask < 20; microtask += 1) {
      await Promise.resolve();
      if (rig.log.isSyncing) continue;
      seen += 1;
      expect([rig.control.durableSeq.load(), rig.control.state]).toEqual(
        errno === undefined ? [1, STATE.running] : [0, STATE.failed],
      );
    }
    expect(seen).toBeGreaterThan(0);
  });

  test('A5: a sync that fails under way fails the log, and nothing of it is durable', async () => {
    const disk = held();
    const rig = await rigOn(disk);
    append(rig);
    rig.settle();
    append(rig);
    rig.settle();
    disk.fail({ on: 'sync', errno: 'EIO' });
    await endSync(rig, disk);
    expect(rig.control.state).toBe(STATE.failed);
    expect(marks(rig)).toEqual([2, 0]);
    expect(rig.count('failed ERR_WAL_IO')).toBe(1);
    expect(rig.step()).toEqual({ kind: 'ended' });
  });

  test('a log that fails while a sync is under way moves no mark by it, and closes its file behind it', async () => {
    const disk = held();
    const rig = await rigOn(disk);
    append(rig);
    rig.settle();
    disk.fail({ on: 'write', errno: 'EIO' });
    append(rig);
    rig.settle();
    expect(rig.control.state).toBe(STATE.failed);
    disk.heal();
    await endSync(rig, disk);
    expect(marks(rig)).toEqual([1, 0]);
    expect(disk.done.slice(-2).map((each) => each.split(' ')[0])).toEqual(['sync', 'close']);
  });
});

test('a close waits for the sync that is under way', async () => {
  const disk = held();
  const rig = await rigOn(disk);
  append(rig);
  rig.settle();
  const closed = rig.flusher.close();
  expect(rig.settle().kind).toBe('sleep');
  disk.endSyncs();
  expect(await rig.afterSync()).toEqual({ kind: 'ended' });
  await closed;
  expect(marks(rig)).toEqual([1, 1]);
});

/** Lets the event loop turn, and acts, until something is so. */
async function turnUntil(isSo: () => boolean, act = (): void => undefined): Promise<void> {
  while (!isSo()) {
    await new Promise(setImmediate);
    act();
  }
}

test('what waits for a sync to end goes on when it does: the next epoch, a flush, and a close', async () => {
  const disk = held();
  const log = { lanes: 1, laneBytes: 8192, pageSize: 512, logFileBytes: 65_536 };
  const wal = await openWalOn(disk, { ...log, ticker: false, syncBytes: SYNC_BYTES, helperLaneBudget: 2 });
  const told: string[] = [];
  const append = (): void => {
    const commit = wal.connect().append({ operations: [{ code: 1, bytes: new Uint8Array(BYTES) }] });
    void commit.durable().then(() => told.push(`commit ${commit.seq}`));
  };
  append();
  await turnUntil(() => disk.syncsHeld === 1);
  append();
  await turnUntil(() => wal.marks().writtenSeq === 2);
  // What woke the flusher up to here has done so.
  let turns = 0;
  await turnUntil(
    () => turns === 20,
    () => {
      turns += 1;
    },
  );
  disk.endSyncs();
  // Nobody asks for the second sync: the end of the first one brings it.
  await turnUntil(() => disk.syncsHeld === 1);
  void wal.flush().then(() => told.push('flush'));
  await turnUntil(
    () => told.length === 3,
    () => disk.endSyncs(),
  );
  expect(told).toEqual(['commit 1', 'commit 2', 'flush']);
  append();
  void wal.close().then(() => told.push('close'));
  await turnUntil(
    () => told.includes('close'),
    () => disk.endSyncs(),
  );
  expect(told.slice(3)).toEqual(['commit 3', 'close']);
});
