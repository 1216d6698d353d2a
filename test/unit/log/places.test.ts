// What segments and file headers say about themselves: what is synced (S), what a checkpoint covers, when it was.

import { afterEach, expect, test, vi } from 'vitest';
import { writeCheckpointRecord } from '../../../src/log/checkpoint-record.js';
import { decodeFileHeader, encodeFileHeader } from '../../../src/log/codec.js';
import { FILE_HEADER_BYTES } from '../../../src/log/layout.js';
import { listLogFiles } from '../../../src/recovery/log-files.js';
import { scanLog } from '../../../src/recovery/scan.js';
import { listSegments } from '../../../src/recovery/segment-file.js';
import { onePage, operation, Rig } from '../../support/flusher-rig.js';

afterEach(() => void vi.restoreAllMocks());

/** One epoch of one commit. */
function epoch(rig: Rig, bytes = 5000): number {
  const seq = rig.append(operation(bytes));
  rig.control.demandThrough(seq);
  rig.settle();
  return seq;
}

function rotate(rig: Rig): void {
  const before = rig.count('rotated');
  while (rig.count('rotated') === before) epoch(rig);
}

async function headersOf(rig: Rig) {
  return [...listSegments(rig.directory, await scanLog(rig.directory))].map(({ header }) => header);
}

test('R6: a segment calls synced what a sync has covered, and nothing else', async () => {
  const rig = await Rig.open({ settings: { fsync: 'normal' } });
  epoch(rig, 10);
  epoch(rig, 10);
  void rig.flusher.flush();
  rig.settle();
  epoch(rig, 10);
  epoch(rig, 10);
  expect((await headersOf(rig)).map(({ epoch: at, syncedThrough }) => [at, syncedThrough])).toEqual([
    [1, 0],
    [2, 0],
    [3, 2],
    [4, 2],
  ]);
  expect(rig.log.syncedThrough).toBe(2);
});

test('R6: the header of the next file calls everything before it synced', async () => {
  const rig = await Rig.open();
  rotate(rig);
  const { header } = listLogFiles(rig.directory).files[1]!;
  expect(header.start.epoch).toBeGreaterThan(0);
  expect(header.syncedThrough).toBe(header.start.epoch);
});

test('R8: what a recycled file held before is no torn tail', async () => {
  const rig = await Rig.open();
  while (rig.log.files().length < 3) rotate(rig);
  const throughSeq = rig.log.files().at(-2)!.endSeq - 1;
  const { logId } = listLogFiles(rig.directory);
  const numbers = { generation: 1, throughSeq, throughEpoch: rig.log.epochThrough(throughSeq), syncedThrough: 1 };
  writeCheckpointRecord(rig.directory, { ...numbers, logId: logId!, incarnation: 1, wallClockMs: 1 }, { sync: false });
  rig.log.release(throughSeq);
  expect(rig.spares.count).toBe(2);
  rotate(rig);
  const scan = await scanLog(rig.directory);
  expect(scan.rests.some(({ rest }) => rest.otherBytes > 0)).toBe(true);
  expect(scan).toMatchObject({ droppedBytes: 0, chain: { end: { isBroken: false } } });
});

test('a checkpoint covers an epoch only with its last commit', async () => {
  const rig = await Rig.open();
  while (rig.log.files().length < 3) rotate(rig);
  const [first, second] = rig.log.files();
  // Every epoch holds one commit here, so an epoch has the number of its commit.
  expect(rig.log.epochThrough(first!.endSeq - 2)).toBe(0);
  expect(rig.log.epochThrough(first!.endSeq - 1)).toBe(first!.endSeq - 1);
  expect(rig.log.epochThrough(second!.endSeq - 2)).toBe(first!.endSeq - 1);
  expect(rig.log.epochThrough(second!.endSeq - 1)).toBe(second!.endSeq - 1);
  const last = rig.log.position.nextSeq - 1;
  expect(rig.log.epochThrough(last - 1)).toBeLessThan(last);
  expect(rig.log.epochThrough(last)).toBe(last);
});

test('F24: the wall clock of segments never goes back', async () => {
  const rig = await Rig.open();
  const clock = vi.spyOn(Date, 'now');
  for (const now of [5000, 3000, 7000]) {
    clock.mockReturnValue(now);
    rig.append(onePage(1));
    rig.settle(10);
  }
  expect((await headersOf(rig)).map(({ wallClockMs }) => wallClockMs)).toEqual([5000, 5000, 7000]);
});

test('every bit of the 4 KiB of a file header is checked', () => {
  const start = { epoch: 3, nextSeq: 4, headerCrc: 5, certificateCrc: 6 };
  const numbers = { flags: 0, incarnation: 1, logId: 2, fileNumber: 3, pageBytes: 512, fileBytes: 65_536 };
  const bytes = encodeFileHeader({ ...numbers, start, syncedThrough: 3, wallClockMs: 1 });
  expect(bytes).toHaveLength(FILE_HEADER_BYTES);
  expect(decodeFileHeader(bytes)).toMatchObject({ ...numbers, start });
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at]! ^= 1 << (at % 8);
    expect(decodeFileHeader(bytes), `byte ${at}`).toHaveProperty('refused');
    bytes[at]! ^= 1 << (at % 8);
  }
});
