// Checkpoints one after the other, within the same file: none of them may forget what an earlier one covered.

import { expect, test } from 'vitest';
import { scanLog } from '../../../src/recovery/scan.js';
import { MemoryDirectory } from '../../../src/storage/memory-directory.js';
import { openWalOn } from '../../../src/testing.js';

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
