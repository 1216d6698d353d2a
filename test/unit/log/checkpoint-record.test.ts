import { expect, test } from 'vitest';
import { crc32c } from '../../../src/base/checksum.js';
import { CHECKPOINT_RECORD, HOLDER_KIND, type HolderName } from '../../../src/log/checkpoint-layout.js';
import {
  type CheckpointRecord,
  decodeCheckpointRecord,
  encodeCheckpointRecord,
  readCheckpointSlots,
  writeCheckpointRecord,
} from '../../../src/log/checkpoint-record.js';
import { MemoryDirectory } from '../../../src/storage/memory-directory.js';
import { cut, flip } from '../../support/log-builder.js';

const RECORD: CheckpointRecord = {
  logId: 2 ** 47 + 1,
  generation: 7,
  throughSeq: 2 ** 52 + 3,
  throughEpoch: 2 ** 33,
  syncedThrough: 2 ** 33 + 1,
  wallClockMs: 1_795_168_800_000,
  incarnation: 0xffff_fffe,
};

/** The same with everything a record may say besides. */
const FULL: CheckpointRecord = {
  ...RECORD,
  store: { sizePages: 2 ** 40 + 1, page1Crc: 0xffff_fffe },
  held: { by: 'observer', throughSeq: 2 ** 51 + 1 },
};

test('a record decodes to what was encoded', () => {
  const holders = Object.keys(HOLDER_KIND) as HolderName[];
  const held = holders.map((by): CheckpointRecord => ({ ...RECORD, held: { by, throughSeq: 0 } }));
  const empty: CheckpointRecord = { ...RECORD, store: { sizePages: 0, page1Crc: 0 } };
  const backup: CheckpointRecord = { ...RECORD, originLogId: 77 };
  for (const record of [RECORD, FULL, empty, backup, ...held])
    expect(decodeCheckpointRecord(encodeCheckpointRecord(record))).toEqual(record);
});

test('every flipped bit and every cut of a record is noticed', () => {
  const bytes = encodeCheckpointRecord(FULL);
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    expect(typeof decodeCheckpointRecord(bytes)).toBe('string');
    bytes[bit >> 3]! ^= 1 << (bit & 7);
  }
  for (let length = 0; length < bytes.length; length += 1) {
    expect(typeof decodeCheckpointRecord(bytes.subarray(0, length))).toBe('string');
  }
});

test('an unknown version and a reserved bit are a later version, not damage', () => {
  // What belongs to a flag or a holder that is not there is reserved, too.
  const reserved = ['version', 'flags', 'page1Crc', 'storePages', 'heldSeq'] as const;
  const cases = [...reserved, 'heldBy' as const].map((field) => [RECORD, field] as const);
  for (const [record, field] of [...cases, [FULL, 'flags'] as const]) {
    const bytes = encodeCheckpointRecord(record);
    bytes[CHECKPOINT_RECORD.at[field]]! ^= field === 'heldBy' ? 8 : 2;
    new DataView(bytes.buffer).setUint32(
      CHECKPOINT_RECORD.at.crc,
      crc32c(bytes.subarray(0, CHECKPOINT_RECORD.at.crc)),
      true,
    );
    expect(() => decodeCheckpointRecord(bytes)).toThrow(expect.objectContaining({ code: 'ERR_WAL_VERSION' }));
  }
});

test('the two slots are written in turn, and the newest valid one counts', () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  expect(readCheckpointSlots(directory)).toEqual({ newest: undefined, valid: [], damaged: [] });
  directory.create({ sync: false });
  for (let generation = 1; generation <= 5; generation += 1) {
    writeCheckpointRecord(directory, { ...RECORD, generation, throughSeq: generation * 10 }, { sync: true });
    expect(readCheckpointSlots(directory).newest).toMatchObject({ generation, throughSeq: generation * 10 });
    expect(directory.list().length).toBe(Math.min(generation, 2));
  }
  flip(directory, 'checkpoint-1', 30);
  expect(readCheckpointSlots(directory)).toMatchObject({
    newest: { generation: 4 },
    damaged: [{ name: 'checkpoint-1' }],
  });
  cut(directory, 'checkpoint-0', 95);
  expect(readCheckpointSlots(directory)).toMatchObject({ newest: undefined, damaged: [{}, {}] });
});

test('a record is synced when it is asked for, and a new name too', () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  directory.create({ sync: false });
  writeCheckpointRecord(directory, RECORD, { sync: false });
  expect(directory.syncCount).toBe(0);
  writeCheckpointRecord(directory, { ...RECORD, generation: 8 }, { sync: true });
  expect(directory.syncCount).toBe(2);
  writeCheckpointRecord(directory, { ...RECORD, generation: 9 }, { sync: true });
  expect(directory.syncCount).toBe(3);
});
