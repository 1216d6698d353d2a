// Checkpoints over the life of a log: whatever was let go by an earlier one, the newest record covers it.

import { describe, expect, test } from 'vitest';
import { readCheckpointSlots, writeCheckpointRecord } from '../../../src/log/checkpoint-record.js';
import { decodeFileHeader, encodeFileHeader, type FileHeader } from '../../../src/log/codec.js';
import { logFileName } from '../../../src/log/names.js';
import type { Directory } from '../../../src/storage/directory.js';
import { SimulatedDirectory } from '../../../src/storage/simulated-directory.js';
import { MemoryDirectory, openWalOn } from '../../../src/testing.js';
import type { Wal } from '../../../src/wal.js';
import { readFile } from '../../support/log-builder.js';
import { outcomes } from '../../support/opening-crash.js';
import { crashPointsOf } from '../../support/simulated-disk.js';

const OPTIONS = { lanes: 1, laneBytes: 8192, pageSize: 512, logFileBytes: 65_536, ticker: false } as const;
const SEED = Number(process.env.WAL_TEST_SEED ?? 20_261_120);
const COMMIT = { operations: [{ code: 1, bytes: new Uint8Array(7000) }] };

/** Appends commits, each an epoch of its own. */
async function append(wal: Wal, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await (await wal.connect().appendAsync(COMMIT)).durable();
}

function newest(directory: Directory) {
  return readCheckpointSlots(directory).newest;
}

/** Spoils the newest checkpoint record, if there is one. */
function damageNewest(directory: Directory): void {
  const record = newest(directory);
  if (record === undefined) return;
  const file = directory.open(`checkpoint-${record.generation % 2}`, 'write');
  file.write([new Uint8Array(64).fill(0xd1)], 0);
  file.sync();
  file.close();
}

/** Opens a log with several files, and takes a checkpoint that lets go all but the newest. */
async function trimmed(): Promise<{ directory: MemoryDirectory; wal: Wal; releasedSeq: number }> {
  const directory = new MemoryDirectory({ pretendSync: true });
  const wal = await openWalOn(directory, OPTIONS);
  await append(wal, 30);
  const files = await wal.files();
  expect(files.length).toBeGreaterThan(3);
  const releasedSeq = files.at(-2)!.endSeq - 1;
  await wal.checkpoint({ throughSeq: releasedSeq });
  expect(await wal.files()).toHaveLength(1);
  return { directory, wal, releasedSeq };
}

test('a checkpoint within the newest file covers what earlier ones let go, and the log opens', async () => {
  const { directory, wal, releasedSeq } = await trimmed();
  await wal.checkpoint({ throughSeq: releasedSeq + 1 });
  expect(newest(directory)).toMatchObject({ throughSeq: releasedSeq + 1, throughEpoch: releasedSeq });
  await wal.close();
  const again = await openWalOn(directory, OPTIONS);
  expect(again.recovery).toMatchObject({ tail: 'clean', checkpointUsed: releasedSeq + 1, lastSeq: 30 });
  await again.close();
});

test('a checkpoint behind an opening covers what earlier ones let go, and counts on from them', async () => {
  const { directory, wal, releasedSeq } = await trimmed();
  await wal.checkpoint({ throughSeq: releasedSeq + 1 });
  await wal.close();
  let { generation } = newest(directory)!;
  for (let round = 1; round <= 3; round += 1) {
    const again = await openWalOn(directory, OPTIONS);
    const throughSeq = releasedSeq + 1 + round;
    await append(again, 2);
    await again.checkpoint({ throughSeq });
    expect(newest(directory)).toMatchObject({ throughSeq });
    expect(newest(directory)!.generation).toBeGreaterThan(generation);
    generation = newest(directory)!.generation;
    expect(newest(directory)!.throughEpoch).toBeGreaterThanOrEqual(releasedSeq);
    await again.close();
  }
});

test('a file below the checkpoint that came back and is let go again takes nothing from what is covered', async () => {
  const { directory, wal, releasedSeq } = await trimmed();
  const { name, fileNumber } = (await wal.files()).at(-1)!;
  await wal.close();
  // The removal of a file in front came undone: only its name is back, which is all that an opening looks at here.
  const header = readFile(directory, name);
  const before = logFileName(fileNumber - 2);
  const back = directory.open(before, 'create');
  const old = encodeFileHeader({
    ...(decodeFileHeader(header) as FileHeader),
    fileNumber: fileNumber - 2,
    start: { epoch: 1, nextSeq: 2, headerCrc: 1, certificateCrc: 1 },
    syncedThrough: 1,
  });
  back.write([old], 0);
  back.close();
  const again = await openWalOn(directory, OPTIONS);
  await append(again, 2);
  expect((await again.files()).map((file) => file.name)).not.toContain(before);
  await again.checkpoint({ throughSeq: releasedSeq + 1 });
  expect(newest(directory)).toMatchObject({ throughSeq: releasedSeq + 1, throughEpoch: releasedSeq });
  await again.close();
  await (await openWalOn(directory, OPTIONS)).close();
});

describe('a checkpoint record that is not on disk', () => {
  const THROUGH = 20;

  async function written(directory: SimulatedDirectory): Promise<Wal> {
    const wal = await openWalOn(directory, OPTIONS);
    wal.on('failed', () => undefined);
    await append(wal, 24);
    return wal;
  }

  test('F10: a crash at every operation of a checkpoint, and a power cut behind the next opening, keep the log', async () => {
    const whole = new SimulatedDirectory();
    const wal = await written(whole);
    const points = await crashPointsOf(whole, () => wal.checkpoint({ throughSeq: THROUGH }));
    expect(points.length).toBeGreaterThan(4);
    for (const [round, point] of points.entries()) {
      for (const { name, disk } of outcomes(point, round, SEED)) {
        // Goes by the record that it reads, which need not be on disk, and lets files go.
        await (await openWalOn(disk, OPTIONS)).flush();
        for (const { name: next, disk: last } of outcomes(disk.crashPoint(), round + 100, SEED)) {
          const label = `operation ${round + 1} of ${points.length}, ${name}, ${next}`;
          const { recovery } = await openWalOn(last, OPTIONS);
          expect(recovery.lastSeq, label).toBe(24);
          expect(recovery.firstSeq, label).toBeLessThanOrEqual((recovery.checkpointUsed ?? 0) + 1);
        }
        // C2: the other record is enough, because files went behind both.
        const damaged = disk.crashPoint().lost().disk();
        damageNewest(damaged);
        expect((await openWalOn(damaged, OPTIONS)).recovery.lastSeq, `${name}, damaged`).toBe(24);
      }
    }
  });

  test('C2: the one record that is left is not lost by a crash while it is made durable', async () => {
    const directory = new SimulatedDirectory();
    const wal = await written(directory);
    await wal.checkpoint({ throughSeq: THROUGH });
    await wal.close();
    damageNewest(directory);
    const { throughSeq } = newest(directory)!;
    const left = directory.crashPoint().kept().disk();
    const points = await crashPointsOf(left, () => openWalOn(left, OPTIONS));
    for (const [round, point] of points.slice(0, 6).entries()) {
      for (const state of point.states({ sectorsMax: 2 })) {
        const { recovery } = await openWalOn(state.disk(), OPTIONS);
        const label = `operation ${round + 1} of an opening, ${state.label}`;
        expect(recovery, label).toMatchObject({ lastSeq: 24, checkpointUsed: throughSeq });
      }
    }
  });

  test('A4: the name of a slot is on disk although the first write into it found a full disk', () => {
    const directory = new SimulatedDirectory();
    directory.create({ sync: false });
    directory.done.length = 0;
    const record = { logId: 1, generation: 1, throughSeq: 1, throughEpoch: 1, syncedThrough: 1, wallClockMs: 1 };
    directory.fail({ on: 'write', errno: 'ENOSPC' });
    const write = () => writeCheckpointRecord(directory, { ...record, incarnation: 1 }, { sync: true });
    expect(write).toThrow(expect.objectContaining({ code: 'ERR_WAL_STORAGE_FULL' }));
    directory.heal();
    write();
    expect(directory.done.filter((each) => /^(create|sync)/.test(each))).toEqual([
      'create checkpoint-1',
      'syncDirectory',
      'sync checkpoint-1',
    ]);
  });

  test('A5: fails the log when its sync failed, and lets no file go', async () => {
    const directory = new SimulatedDirectory();
    const wal = await openWalOn(directory, OPTIONS);
    wal.on('failed', () => undefined);
    await append(wal, 24);
    const files = directory.list().filter((name) => name.endsWith('.wal'));
    directory.fail({ on: 'sync', errno: 'EIO', times: 1 });
    await expect(wal.checkpoint({ throughSeq: THROUGH })).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_WAL_IO' }),
    );
    expect(wal.state).toBe('failed');
    await expect(wal.checkpoint({ throughSeq: THROUGH })).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_WAL_POISONED' }),
    );
    expect(directory.list().filter((name) => name.endsWith('.wal'))).toEqual(files);
  });
});

test('a checkpoint never goes back, behind an opening neither', async () => {
  const { directory, wal, releasedSeq } = await trimmed();
  await wal.checkpoint({ throughSeq: 5 });
  // Both records say it, because files were let go.
  expect(newest(directory)).toMatchObject({ generation: 2, throughSeq: releasedSeq });
  await wal.close();
  const again = await openWalOn(directory, OPTIONS);
  await again.checkpoint({ throughSeq: 5 });
  expect(newest(directory)).toMatchObject({ generation: 2, throughSeq: releasedSeq });
  await again.close();
});
