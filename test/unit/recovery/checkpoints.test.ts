// Checkpoints one after the other, within the same file: none of them may forget what an earlier one covered.

import { expect, test } from 'vitest';
import { logFileName } from '../../../src/log/names.js';
import { openLog } from '../../../src/recovery/opening.js';
import { scanLog } from '../../../src/recovery/scan.js';
import { MemoryDirectory } from '../../../src/storage/memory-directory.js';
import { openWalOn } from '../../../src/testing.js';
import { LogBuilder, pages } from '../../support/log-builder.js';

const FILE_BYTES = 65_536;
const options = { pageSize: 512, logFileBytes: FILE_BYTES, ticker: false } as const;

test('R4: a checkpoint within a file does not forget the files that an earlier one let go', async () => {
  const directory = new MemoryDirectory();
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
  const directory = new MemoryDirectory();
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
  const directory = new MemoryDirectory();
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
