// Checkpoints one after the other, within the same file: none of them may forget what an earlier one covered.

import { expect, test } from 'vitest';
import { readCheckpointSlots, writeCheckpointRecord } from '../../../src/log/checkpoint-record.js';
import { CHECKPOINT_NAMES, logFileName } from '../../../src/log/names.js';
import { openLog } from '../../../src/recovery/opening.js';
import { scanLog } from '../../../src/recovery/scan.js';
import { MemoryDirectory } from '../../../src/storage/memory-directory.js';
import type { CrashPoint } from '../../../src/storage/simulated-crash.js';
import { SimulatedDirectory } from '../../../src/storage/simulated-directory.js';
import { openWalOn } from '../../../src/testing.js';
import { operation, Rig } from '../../support/flusher-rig.js';
import { LogBuilder, pages } from '../../support/log-builder.js';
import { crashPointsOf, RECOVERY_BYTES } from '../../support/simulated-disk.js';

const FILE_BYTES = 65_536;
const options = { pageSize: 512, logFileBytes: FILE_BYTES, ticker: false } as const;

test('R4: a checkpoint within a file does not forget the files that an earlier one let go', async () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  const wal = await openWalOn(directory, options);
  const writer = wal.connect();
  const append = async (): Promise<number> => {
    const { seq } = writer.append({ operations: [{ code: 1, bytes: new Uint8Array(20_000) }] });
    await wal.flush();
    return seq;
  };
  for (let index = 0; index < 4; index += 1) await append();
  await wal.checkpoint({ throughSeq: wal.marks().durableSeq });
  expect((await wal.files()).length).toBe(1);
  const throughSeq = await append();
  await append();
  await wal.checkpoint({ throughSeq });
  const { checkpoint, damage, verdict } = await scanLog(directory);
  expect([verdict, damage]).toEqual(['clean', []]);
  expect(checkpoint).toMatchObject({ throughSeq: 5, throughEpoch: 4 });
  await wal.close();
  const again = await openWalOn(directory, options);
  expect(again.recovery.lastSeq).toBe(6);
  await again.close();
});

test('R9: a log taken up again behind its checkpoint is found, although its end was at a later epoch than the record', async () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  const settings = { logFileBytes: FILE_BYTES, sync: true } as const;
  // As under policy off: the record became durable, and the commits that it covers, but for the first three, did not.
  new LogBuilder(directory, { fileBytes: FILE_BYTES })
    .start()
    .epoch(pages(1, 1))
    .epoch(pages(1, 2))
    .epoch(pages(1, 3))
    .checkpoint(9, 1);
  const opened = await openLog(directory, settings);
  expect(opened.position).toMatchObject({ epoch: 3, nextSeq: 10 });
  LogBuilder.resume(directory, opened, { fileBytes: FILE_BYTES }).epoch(pages(1, 10)).sync().mark();
  const { verdict, damage, position } = await scanLog(directory);
  expect([verdict, damage]).toEqual(['clean', []]);
  expect(position).toMatchObject({ epoch: 4, nextSeq: 11 });
  expect((await openLog(directory, settings)).report.lastSeq).toBe(10);
});

test('R4: files that hold nothing above the checkpoint may go, whatever epoch its record names', async () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  const builder = new LogBuilder(directory, { fileBytes: FILE_BYTES })
    .start()
    .epoch(pages(1, 1))
    .epoch(pages(1, 2))
    .sync();
  // Written while epoch 2 was in the newest file: then the last one covered for certain was epoch 1.
  builder.checkpoint(2, 1).rotate().epoch(pages(1, 3)).sync().mark();
  directory.remove(logFileName(1));
  const { verdict, damage, position } = await scanLog(directory);
  expect([verdict, damage]).toEqual(['clean', []]);
  expect(position).toMatchObject({ epoch: 3, nextSeq: 4 });
  const { report } = await openLog(directory, { logFileBytes: FILE_BYTES, sync: true });
  expect(report).toMatchObject({ lastSeq: 3, checkpointUsed: 2 });
});

/** A log of several files of which a checkpoint let some go, on a disk that is cut behind each operation. */
async function released(): Promise<{ disk: SimulatedDirectory; points: CrashPoint[]; lastSeq: number }> {
  const disk = new SimulatedDirectory();
  const rig = await Rig.open({ directory: disk, lanes: 1, logFileBytes: FILE_BYTES });
  const append = (count: number): void => {
    for (let index = 0; index < count; index += 1) {
      rig.append(operation(6000, index));
      rig.settle(20);
    }
  };
  append(5);
  rig.checkpoint(4);
  append(30);
  const points = await crashPointsOf(disk, async () => {
    rig.checkpoint(20);
    append(1);
    rig.checkpoint(rig.control.durableSeq.load());
    rig.checkpoint(rig.control.durableSeq.load());
  });
  return { disk, points, lastSeq: rig.control.durableSeq.load() };
}

test('C2: either checkpoint record may be damaged, at any step of a checkpoint and of what it lets go', async () => {
  const { points, lastSeq } = await released();
  expect(points.length).toBeGreaterThan(12);
  let shortened = 0;
  for (const point of points) {
    for (const [damagedName, isLost] of CHECKPOINT_NAMES.flatMap((name) => [
      [name, true] as const,
      [name, false] as const,
    ])) {
      const disk = (isLost ? point.lost() : point.kept()).disk();
      if (!disk.list().includes(damagedName)) continue;
      const slot = disk.open(damagedName, 'write');
      slot.write([new Uint8Array(96).fill(0xff)], 0);
      slot.close();
      const scan = await scanLog(disk, { recoveryMemoryBytes: RECOVERY_BYTES });
      expect([scan.verdict, scan.damage], damagedName).toEqual(['clean', []]);
      if ((scan.chain.files[0]?.file.fileNumber ?? 0) > 2) shortened += 1;
      const opened = await openLog(disk, { logFileBytes: FILE_BYTES, sync: true });
      expect(opened.position.nextSeq).toBeGreaterThanOrEqual(lastSeq);
    }
  }
  // Not only while all files are still there.
  expect(shortened).toBeGreaterThan(2);
}, 60_000);

test('C2: a log that lost a record writes both again before it lets the next file go', async () => {
  const { disk } = await released();
  disk.remove(CHECKPOINT_NAMES[0]);
  for (let round = 0; round < 3; round += 1) {
    const rig = await Rig.open({ directory: disk, lanes: 1, logFileBytes: FILE_BYTES });
    for (let index = 0; index < 15; index += 1) {
      rig.append(operation(6000, index));
      rig.settle(20);
    }
    const filesBefore = rig.log.olderFiles.length;
    rig.checkpoint(rig.control.durableSeq.load());
    expect(rig.log.olderFiles.length).toBeLessThan(filesBefore);
    const [newest, other] = readCheckpointSlots(disk).valid;
    expect(other?.throughSeq).toBe(newest?.throughSeq);
    disk.remove(CHECKPOINT_NAMES[round % 2] as string);
  }
});

test('C2: what an opening lets go is covered by both records, too', async () => {
  const disk = new SimulatedDirectory();
  const options = { directory: disk, lanes: 1, logFileBytes: FILE_BYTES } as const;
  const before = await Rig.open(options);
  const pin = before.control.pins.take('reader', 0, 2);
  for (let index = 0; index < 30; index += 1) {
    before.append(operation(6000, index));
    before.settle(20);
  }
  before.checkpoint(before.control.durableSeq.load());
  expect([pin.kind, readCheckpointSlots(disk).valid.length]).toEqual(['reader', 1]);
  // Pins do not outlive the log.
  const rig = await Rig.open(options);
  expect(rig.retention.release()).toBe(true);
  const [newest, other] = readCheckpointSlots(disk).valid;
  expect([newest?.throughSeq, other?.throughSeq]).toEqual([30, 30]);
});

test('files that are missing in front of both records are a gap, however many records are there', async () => {
  const { disk } = await released();
  const first = (await scanLog(disk)).chain.files[0]!.file.name;
  const slots = readCheckpointSlots(disk);
  const [newest] = slots.valid;
  // As if both records were older than what was let go: nothing proves that the store has it.
  for (const generation of [newest!.generation + 1, newest!.generation + 2])
    writeCheckpointRecord(disk, { ...newest!, generation, throughSeq: 1, throughEpoch: 1 }, { sync: true });
  expect((await scanLog(disk)).verdict).toBe('gap');
  expect(disk.list()).toContain(first);
});
