// Goal: the log never grows beyond its bound by more than one file, stalls there with the reason, and goes on as soon as
// there is room, with nothing lost (design/retention.md).
// Method: a flusher driven step by step over a simulated disk, which is measured in front of every operation.

import { describe, expect, test } from 'vitest';
import type { WalError } from '../../../src/base/errors.js';
import { seeded } from '../../../src/base/random.js';
import { STATE } from '../../../src/epoch/control.js';
import { parseLogFileName, parseSpareFileName } from '../../../src/log/names.js';
import { makeSpare } from '../../../src/log/preallocate.js';
import { openLog } from '../../../src/recovery/opening.js';
import { SimulatedDirectory } from '../../../src/storage/simulated-directory.js';
import { MemoryDirectory, openWalOn } from '../../../src/testing.js';
import { onePage, operation, Rig, type RigOptions } from '../../support/flusher-rig.js';
import { crashPointsOf, DISK_FULL, linesOf } from '../../support/simulated-disk.js';
import { announced } from '../cli/seeded.js';

const FILE_BYTES = 65_536;
const MAX_BYTES = 4 * FILE_BYTES;
const OPTIONS: RigOptions = { lanes: 1, laneBytes: 8192, logFileBytes: FILE_BYTES, maxLogBytes: MAX_BYTES };

/** Bytes of all log files and spares, those that are being made included. */
function bytesOf(disk: SimulatedDirectory): number {
  let sum = 0;
  for (const name of disk.list()) {
    const plain = name.replace(/\.new$/, '');
    if (parseLogFileName(plain) === undefined && parseSpareFileName(plain) === undefined) continue;
    const file = disk.open(name, 'read');
    sum += file.size();
    file.close();
  }
  return sum;
}

/** Measures the disk in front of every operation. */
function measured(disk: SimulatedDirectory): { bytesMax: number } {
  const seen = { bytesMax: 0 };
  let isLooking = false;
  disk.onOperation = () => {
    if (isLooking) return;
    isLooking = true;
    seen.bytesMax = Math.max(seen.bytesMax, bytesOf(disk));
    isLooking = false;
  };
  return seen;
}

/** Makes the spares that are wanted, as the preallocator does. */
function makeSpares(rig: Rig): void {
  for (let name = rig.spares.wanted(rig.log.roomBytes); name !== undefined; ) {
    const order = { name, bytes: FILE_BYTES, sync: true };
    rig.spares.filled(
      name,
      makeSpare(rig.directory, order, () => false),
    );
    name = rig.spares.wanted(rig.log.roomBytes);
  }
}

/** Appends and flushes until the log is full. */
function fill(rig: Rig): void {
  for (let value = 1; rig.control.state === STATE.running; value += 1) {
    rig.append(operation(6000, value));
    rig.settle(20);
  }
}

function whyStalled(rig: Rig): WalError {
  expect(rig.control.state).toBe(STATE.stalled);
  return rig.control.failure();
}

describe('a log at its bound', () => {
  test('stalls, says that no checkpoint let anything go, and goes on at once behind one', async () => {
    const disk = new SimulatedDirectory();
    const seen = measured(disk);
    const rig = await Rig.open({ ...OPTIONS, directory: disk });
    fill(rig);
    const why = whyStalled(rig);
    expect(why.code).toBe('ERR_WAL_LOG_FULL');
    expect(why.details).toMatchObject({ maxLogBytes: MAX_BYTES, keptBy: 'checkpoint', throughSeq: 0 });
    expect([rig.count('stalled ERR_WAL_LOG_FULL'), rig.count('resumed')]).toEqual([1, 0]);
    const lastSeq = rig.control.commitSeqNext.load() - 1;
    expect(rig.control.durableSeq.load()).toBe(lastSeq - 1);
    // No time passes: the release itself has it look again.
    rig.checkpoint(lastSeq - 1);
    rig.settle();
    expect([rig.control.state, rig.control.durableSeq.load(), rig.count('resumed')]).toEqual([
      STATE.running,
      lastSeq,
      1,
    ]);
    expect(seen.bytesMax).toBeLessThanOrEqual(MAX_BYTES + FILE_BYTES);
    expect((await rig.recovered()).at(-1)?.seq).toBe(lastSeq);
  });

  test('a checkpoint that does not reach the end of the oldest file frees nothing, and the reason says how far it got', async () => {
    const rig = await Rig.open({ ...OPTIONS, directory: new SimulatedDirectory() });
    fill(rig);
    const { endSeq } = rig.log.olderFiles[0]!;
    rig.checkpoint(endSeq - 2);
    rig.settle(2000);
    expect(whyStalled(rig).details).toMatchObject({ keptBy: 'checkpoint', throughSeq: endSeq - 2 });
    rig.checkpoint(endSeq - 1);
    rig.settle();
    expect(rig.control.state).toBe(STATE.running);
  });

  test.each(['reader', 'snapshot', 'backup'] as const)(
    'a pin of a %s is named, and freed it lets the log go on',
    async (kind) => {
      const rig = await Rig.open({ ...OPTIONS, directory: new SimulatedDirectory() });
      const pin = rig.control.pins.take(kind, 3, 2);
      fill(rig);
      rig.checkpoint(rig.control.durableSeq.load());
      rig.settle(2000);
      expect(whyStalled(rig).details).toMatchObject({ keptBy: kind, throughSeq: 3 });
      expect(rig.retention.files()[0]).toMatchObject({ keptBy: kind });
      // Behind everything in the oldest file: only that one is freed.
      rig.control.pins.move(pin, rig.log.olderFiles[0]!.endSeq - 1);
      rig.settle();
      expect(rig.control.state).toBe(STATE.running);
      fill(rig);
      rig.control.pins.release(pin);
      rig.settle();
      expect(rig.control.state).toBe(STATE.running);
      expect(rig.control.pins.releasedSeq).toBeGreaterThan(3);
    },
  );

  test('what a dead writer pinned is freed with it', async () => {
    const rig = await Rig.open({ ...OPTIONS, directory: new SimulatedDirectory() });
    rig.control.pins.take('reader', 0, 7);
    fill(rig);
    rig.checkpoint(rig.control.durableSeq.load());
    rig.settle(2000);
    expect(whyStalled(rig).details).toMatchObject({ keptBy: 'reader' });
    rig.flusherLanes.reap(7, rig.lanes[0]!);
    rig.settle();
    expect(rig.control.state).toBe(STATE.running);
  });

  test('files go strictly oldest first, whoever holds one of them', async () => {
    const held = new Set([2]);
    const hold = { name: 'archive', holds: ({ fileNumber }: { fileNumber: number }) => held.has(fileNumber) } as const;
    const rig = await Rig.open({ ...OPTIONS, directory: new SimulatedDirectory(), holds: [hold] });
    fill(rig);
    rig.checkpoint(rig.control.durableSeq.load());
    expect(rig.retention.files().map(({ fileNumber, keptBy }) => [fileNumber, keptBy])).toEqual([
      [2, 'archive'],
      [3, 'archive'],
      [4, 'current'],
    ]);
    held.clear();
    expect(rig.retention.release()).toBe(true);
    expect(rig.retention.files().map(({ keptBy }) => keptBy)).toEqual(['current']);
  });

  test('the record of a checkpoint says who held the log back', async () => {
    const { readCheckpointSlots } = await import('../../../src/log/checkpoint-record.js');
    const rig = await Rig.open({ ...OPTIONS, directory: new SimulatedDirectory() });
    rig.control.pins.take('backup', 2, 9);
    fill(rig);
    rig.checkpoint(rig.control.durableSeq.load(), { sizePages: 7, page1Crc: 8 });
    expect(readCheckpointSlots(rig.directory).newest).toMatchObject({
      held: { by: 'backup', throughSeq: 2 },
      store: { sizePages: 7, page1Crc: 8 },
    });
  });

  test('F11: a full disk and a full log together lose nothing, whichever is over first', async () => {
    for (const isDiskFirst of [true, false]) {
      const disk = new SimulatedDirectory();
      const rig = await Rig.open({ ...OPTIONS, directory: disk });
      fill(rig);
      const lastSeq = rig.control.commitSeqNext.load() - 1;
      disk.fail(DISK_FULL);
      rig.settle(2000);
      if (isDiskFirst) {
        disk.heal();
        rig.settle(2000);
        expect(whyStalled(rig).code).toBe('ERR_WAL_LOG_FULL');
        rig.checkpoint(lastSeq - 1);
      } else {
        expect(() => rig.checkpoint(lastSeq - 1)).toThrow(expect.objectContaining({ code: 'ERR_WAL_STORAGE_FULL' }));
        rig.settle(2000);
        expect(rig.control.state).toBe(STATE.stalled);
        disk.heal();
        rig.checkpoint(lastSeq - 1);
      }
      rig.settle(2000);
      expect([rig.control.state, rig.control.durableSeq.load()]).toEqual([STATE.running, lastSeq]);
      expect((await rig.recovered()).at(-1)?.seq).toBe(lastSeq);
    }
  });

  test('a close that nobody makes room for is refused with the reason, and the log is as open as before', async () => {
    const rig = await Rig.open({ ...OPTIONS, directory: new SimulatedDirectory() });
    fill(rig);
    const lastSeq = rig.control.commitSeqNext.load() - 1;
    const closing = rig.flusher.close().then(
      () => 'closed',
      (error: WalError) => error,
    );
    expect(rig.control.state).toBe(STATE.closing);
    for (let round = 0; round < 5; round += 1) rig.settle(1000);
    expect(await closing).toMatchObject({ code: 'ERR_WAL_LOG_FULL', details: { keptBy: 'checkpoint' } });
    expect(rig.control.state).toBe(STATE.stalled);
    rig.checkpoint(lastSeq - 1);
    rig.settle();
    expect(rig.control.state).toBe(STATE.running);
    const again = rig.flusher.close();
    rig.settle(20);
    await again;
    expect((await rig.recovered()).length).toBeGreaterThan(0);
  });

  test('a segment larger than the bound is let through once nothing else is left, and the log comes down again', async () => {
    const disk = new SimulatedDirectory();
    const seen = measured(disk);
    const rig = await Rig.open({ ...OPTIONS, laneBytes: 2 ** 20, directory: disk });
    const hugeBytes = 2 * MAX_BYTES;
    const append = (bytes: number): void => {
      rig.append(operation(bytes));
      rig.settle(20);
    };
    for (let count = 0; count < 12; count += 1) append(6000);
    append(hugeBytes);
    expect(whyStalled(rig).code).toBe('ERR_WAL_LOG_FULL');
    rig.checkpoint(rig.control.durableSeq.load());
    rig.settle();
    expect(rig.control.state).toBe(STATE.running);
    await rig.afterSync();
    append(6000);
    expect(rig.log.bytes).toBeGreaterThan(hugeBytes);
    rig.checkpoint(rig.control.durableSeq.load());
    expect(rig.log.bytes).toBe(FILE_BYTES);
    expect(seen.bytesMax).toBeLessThan(hugeBytes + 2 * MAX_BYTES);
  });

  test('leaving a file that holds nothing does nothing, and one that is full of a checkpoint frees it', async () => {
    const rig = await Rig.open({ ...OPTIONS, directory: new SimulatedDirectory() });
    rig.log.leaveFile();
    expect(rig.log.files()).toHaveLength(1);
    rig.append(onePage(1));
    rig.settle(20);
    rig.checkpoint(1);
    expect(rig.log.files()[0]?.fileNumber).toBe(1);
    rig.log.leaveFile();
    rig.retention.release();
    expect(rig.log.files().map(({ fileNumber }) => fileNumber)).toEqual([2]);
    rig.append(onePage(2));
    rig.settle(20);
    expect((await rig.recovered()).map(({ seq }) => seq)).toEqual([2]);
  });
});

describe('at every operation', () => {
  test('the disk holds at most the bound and one file, whatever is appended, pinned and let go', async () => {
    const random = seeded(announced('the bound').seed);
    for (let round = 0; round < 6; round += 1) {
      // An opening at the bound adds a file of nothing but what it copies.
      const isReopened = round % 2 === 1;
      let openings = 0;
      const disk = new SimulatedDirectory();
      const seen = measured(disk);
      let rig = await Rig.open({ ...OPTIONS, directory: disk });
      for (let step = 0; step < 150; step += 1) {
        const choice = random();
        if (choice < 0.75) {
          if (rig.control.state === STATE.running) rig.append(operation(1 + Math.floor(random() * 7000)));
          rig.settle(20);
        } else if (choice < 0.85) rig.checkpoint(Math.floor(random() * (rig.control.durableSeq.load() + 1)));
        else if (choice < 0.9) makeSpares(rig);
        else if (choice < 0.93) rig.retention.release();
        else if (choice < 0.96) rig.control.pins.releaseAllOf(5);
        else if (choice < 0.98) {
          try {
            rig.control.pins.take('reader', rig.control.durableSeq.load(), 5);
          } catch {}
        } else if (isReopened) {
          rig = await Rig.open({ ...OPTIONS, directory: disk });
          openings += 1;
        }
      }
      expect(seen.bytesMax).toBeGreaterThan(3 * FILE_BYTES);
      expect(seen.bytesMax).toBeLessThanOrEqual(MAX_BYTES + FILE_BYTES + openings * 4 * 4096);
    }
  }, 60_000);

  test('a log that is opened again and again at its bound does not grow by that', async () => {
    const disk = new SimulatedDirectory();
    const first = await Rig.open({ ...OPTIONS, directory: disk });
    makeSpares(first);
    fill(first);
    const before = bytesOf(disk);
    expect(before).toBeGreaterThan(MAX_BYTES - FILE_BYTES);
    for (let round = 0; round < 6; round += 1) {
      const rig = await Rig.open({ ...OPTIONS, directory: disk });
      if (rig.control.state === STATE.running) fill(rig);
      expect(bytesOf(disk), `round ${round}`).toBeLessThanOrEqual(MAX_BYTES + FILE_BYTES + 2 * 4096);
    }
    const last = await Rig.open({ ...OPTIONS, directory: disk });
    last.checkpoint(last.control.durableSeq.load());
    last.append(onePage(1));
    last.settle(20);
    expect(last.control.state).toBe(STATE.running);
  });

  test('a smaller bound than before takes surplus spares away', async () => {
    const disk = new SimulatedDirectory();
    const large = await Rig.open({ ...OPTIONS, maxLogBytes: 100 * FILE_BYTES, directory: disk });
    for (let count = 0; count < 100; count += 1) {
      large.append(operation(6000));
      large.settle(20);
    }
    large.checkpoint(large.control.durableSeq.load());
    expect(large.spares.count).toBe(8);
    const small = await Rig.open({ ...OPTIONS, directory: disk });
    small.checkpoint(small.control.durableSeq.load());
    small.retention.release();
    expect(bytesOf(disk)).toBeLessThanOrEqual(MAX_BYTES + FILE_BYTES);
  });
});

test('R9: a crash at any step of leaving files, letting them go and removing the surplus loses nothing that is needed', async () => {
  const disk = new SimulatedDirectory();
  const rig = await Rig.open({ ...OPTIONS, directory: disk });
  makeSpares(rig);
  let neededSeq = 0;
  const needed: number[] = [];
  const points = await crashPointsOf(disk, async () => {
    const note = disk.onOperation;
    disk.onOperation = (...rest) => {
      needed.push(neededSeq);
      note(...rest);
    };
    for (let count = 0; count < 3; count += 1) {
      fill(rig);
      rig.checkpoint(rig.control.durableSeq.load() - 1);
      rig.settle();
      rig.log.leaveFile();
      rig.retention.release();
      neededSeq = rig.control.durableSeq.load();
    }
  });
  expect(points.length).toBeGreaterThan(100);
  for (const [index, point] of points.entries()) {
    if (index % 3 !== 0 && index < points.length - 30) continue;
    for (const state of [point.lost(), point.kept()]) {
      const left = state.disk();
      const opened = await openLog(left, { logFileBytes: FILE_BYTES, maxLogBytes: MAX_BYTES, sync: true });
      expect(opened.position.nextSeq, state.label).toBeGreaterThan(needed[index] ?? neededSeq);
      const lines = await linesOf(left);
      expect(lines.length).toBeGreaterThanOrEqual(0);
    }
  }
}, 60_000);

test.each(['full', 'off'] as const)(
  'a log on the thread of its owner says under %s that it is at its bound',
  async (fsync) => {
    const log = { lanes: 1, laneBytes: 65_536, logFileBytes: 65_536, maxLogBytes: 2 ** 18 };
    const wal = await openWalOn(new MemoryDirectory({ pretendSync: true }), { ...log, fsync });
    let stalled: WalError | undefined;
    wal.once('stalled', (error) => {
      stalled = error;
    });
    while (stalled === undefined) {
      const writer = wal.connect();
      if (wal.marks().appendedSeq === wal.marks().writtenSeq) writer.append(operation(4000));
      await new Promise(setImmediate);
    }
    expect(stalled).toMatchObject({ code: 'ERR_WAL_LOG_FULL', details: { keptBy: 'checkpoint' } });
    await wal.checkpoint({ throughSeq: wal.marks().durableSeq });
    await wal.close();
  },
);
