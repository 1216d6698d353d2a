// Goal: a logical record is what its bytes say, and nothing else is one. Method: the inverse law over random records of
// all fifteen kinds; every record cut at every byte, with a byte more, and with every other kind and flag; bytes fixed
// in the format document.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { WalError } from '../../../src/index.js';
import {
  decodeLogicalRecord,
  encodeLogicalRecord,
  fromPlainRecord,
  LOGICAL_KIND,
  type LogicalRecord,
  logicalRecordBytes,
  toPlainRecord,
} from '../../../src/kv.js';
import { readMarkdown } from '../../support/markdown.js';
import { readPackageFile } from '../../support/package-root.js';
import { announced } from '../cli/seeded.js';

const bytes = fc.uint8Array({ maxLength: 20 });
const optional = fc.option(bytes, { nil: undefined });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const id = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n });
const i64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const place = { txnId: fc.option(id, { nil: undefined }), recordId: fc.option(id, { nil: undefined }) };
const increment = { key: bytes, delta: i64, result: i64 };

/** Records of every kind, without the fields that are left out. */
const RECORDS: Record<keyof typeof LOGICAL_KIND, fc.Arbitrary<object>> = {
  insert: fc.record({ ...place, key: bytes, value: optional }),
  remove: fc.record({ ...place, key: bytes }),
  upsert: fc.record({ ...place, key: bytes, value: bytes }),
  increment: fc.record({ ...place, ...increment }),
  compareAndSwap: fc.record({ ...place, key: bytes, value: bytes, expected: optional, success: fc.boolean() }),
  batchInsert: fc.record({ ...place, entries: fc.array(fc.record({ key: bytes, value: optional }), { maxLength: 4 }) }),
  batchIncrement: fc.record({ ...place, entries: fc.array(fc.record(increment), { maxLength: 4 }) }),
  checkpoint: fc.record({ seq: u64 }),
  begin: fc.record({ txnId: id }),
  commit: fc.record({ txnId: id }),
  abort: fc.record({ txnId: id }),
  versionUpdate: fc.record({ ...place, key: bytes, version: u64, value: optional }),
  versionDurable: fc.record({ key: bytes, version: u64 }),
  versionCollected: fc.record({ key: bytes, version: u64 }),
  commitRank: fc.record({ target: u64, generation: u64 }),
};
const KINDS = Object.keys(RECORDS) as (keyof typeof RECORDS)[];

function recordOf(kind: keyof typeof RECORDS): fc.Arbitrary<LogicalRecord> {
  return RECORDS[kind].map((fields) => dropped({ kind, ...fields }) as unknown as LogicalRecord);
}

/** Without fields that are undefined, in entries too. */
function dropped(record: object): object {
  const known = Object.entries(record).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    known.map(([name, value]) => [name, Array.isArray(value) ? value.map((each) => dropped(each as object)) : value]),
  );
}

/** Comparable, whatever kind of array the bytes are in. */
function plain(record: LogicalRecord): unknown {
  return toPlainRecord(record);
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (thrown) {
    return (thrown as WalError).code;
  }
  return 'none';
}

describe.each(KINDS)('a logical record of kind %s', (kind) => {
  test('decodes to what was encoded, and has one encoding', () => {
    const law = fc.property(recordOf(kind), (record) => {
      const encoded = encodeLogicalRecord(record);
      const decoded = decodeLogicalRecord(encoded);
      expect(decoded).toEqual({ ...record });
      expect(encodeLogicalRecord(decoded)).toEqual(encoded);
      expect(logicalRecordBytes(record)).toBe(encoded.length);
      expect(new DataView(encoded.buffer).getUint16(0, true)).toBe(LOGICAL_KIND[kind]);
    });
    fc.assert(law, announced(`logical records of kind ${kind}`));
  });

  test('goes through JSON as a plain object', () => {
    const law = fc.property(recordOf(kind), (record) => {
      const through = JSON.parse(JSON.stringify(plain(record)));
      expect(fromPlainRecord(through)).toEqual({ ...record });
    });
    fc.assert(law, announced(`logical records of kind ${kind}`));
  });

  test('is refused when it is cut at any byte, and with bytes left over', () => {
    const law = fc.property(recordOf(kind), fc.uint8Array({ minLength: 1, maxLength: 9 }), (record, more) => {
      const encoded = encodeLogicalRecord(record);
      for (let length = 0; length < encoded.length; length += 1) {
        expect(codeOf(() => decodeLogicalRecord(encoded.slice(0, length)))).toBe('ERR_WAL_CORRUPT');
      }
      expect(codeOf(() => decodeLogicalRecord(Buffer.concat([encoded, more])))).toBe('ERR_WAL_CORRUPT');
    });
    fc.assert(law, { ...announced(`logical records of kind ${kind}`), numRuns: 30 });
  });
});

test('kinds and flags that are not known are of another version, and kind 0 was never written', () => {
  const encoded = encodeLogicalRecord({ kind: 'begin', txnId: 1n });
  for (const code of [16, 17, 255, 256, 65_535]) {
    new DataView(encoded.buffer).setUint16(0, code, true);
    expect(codeOf(() => decodeLogicalRecord(encoded))).toBe('ERR_WAL_VERSION');
  }
  new DataView(encoded.buffer).setUint16(0, 0, true);
  expect(codeOf(() => decodeLogicalRecord(encoded))).toBe('ERR_WAL_CORRUPT');
  const swap = encodeLogicalRecord({ kind: 'compareAndSwap', key: Buffer.of(1), value: Buffer.of(2), success: true });
  for (const flags of [2, 3, 0x8000]) {
    new DataView(swap.buffer).setUint16(2, flags, true);
    expect(codeOf(() => decodeLogicalRecord(swap))).toBe('ERR_WAL_VERSION');
  }
});

test('a record takes no field of another kind: of flags, counts, transactions and record ids', () => {
  const change = (record: LogicalRecord, offset: number, value: number): string => {
    const encoded = encodeLogicalRecord(record);
    new DataView(encoded.buffer).setUint16(offset, value, true);
    return codeOf(() => decodeLogicalRecord(encoded));
  };
  expect(change({ kind: 'remove', key: Buffer.of(1) }, 2, 1)).toBe('ERR_WAL_CORRUPT');
  expect(change({ kind: 'remove', key: Buffer.of(1) }, 4, 1)).toBe('ERR_WAL_CORRUPT');
  expect(change({ kind: 'checkpoint', seq: 1n }, 8, 1)).toBe('ERR_WAL_CORRUPT');
  expect(change({ kind: 'begin', txnId: 1n }, 8, 0)).toBe('ERR_WAL_CORRUPT');
  expect(change({ kind: 'commitRank', target: 1n, generation: 1n }, 16, 1)).toBe('ERR_WAL_CORRUPT');
});

test('lengths and counts that cannot be are refused before anything is taken for them', () => {
  const entries = [{ key: Buffer.of(1), value: Buffer.of(2) }];
  const batch = encodeLogicalRecord({ kind: 'batchInsert', entries });
  new DataView(batch.buffer).setUint32(4, 0xffff_ffff, true);
  expect(codeOf(() => decodeLogicalRecord(batch))).toBe('ERR_WAL_CORRUPT');
  for (const length of [2, 16 * 2 ** 20 + 1, 0xffff_fffe, 0xffff_ffff]) {
    const remove = encodeLogicalRecord({ kind: 'remove', key: Buffer.of(1) });
    new DataView(remove.buffer).setUint32(24, length, true);
    expect(codeOf(() => decodeLogicalRecord(remove))).toBe('ERR_WAL_CORRUPT');
  }
});

test.each([
  [{ kind: 'moved', key: Buffer.of(1) }],
  [{ kind: 'toString', key: Buffer.of(1) }],
  [{ kind: 'remove' }],
  [{ kind: 'remove', key: 'text' }],
  [{ kind: 'upsert', key: Buffer.of(1) }],
  [{ kind: 'increment', key: Buffer.of(1), delta: 1, result: 1n }],
  [{ kind: 'increment', key: Buffer.of(1), delta: 2n ** 63n, result: 1n }],
  [{ kind: 'checkpoint', seq: -1n }],
  [{ kind: 'checkpoint', seq: 2n ** 64n }],
  [{ kind: 'checkpoint', seq: 1n, txnId: 1n }],
  [{ kind: 'begin' }],
  [{ kind: 'begin', txnId: 0n }],
  [{ kind: 'remove', key: Buffer.of(1), recordId: 0n }],
  [{ kind: 'commitRank', target: 1n, generation: 1n, recordId: 1n }],
  [{ kind: 'compareAndSwap', key: Buffer.of(1), value: Buffer.of(1) }],
  [{ kind: 'batchInsert', entries: [undefined] }],
  [{ kind: 'batchIncrement', entries: 'none' }],
  [null],
])('what is no record is not encoded: %#', (record) => {
  expect(codeOf(() => encodeLogicalRecord(record as unknown as LogicalRecord))).toBe('ERR_WAL_INVALID_ARGUMENT');
});

test.each([
  [{ kind: 'moved' }],
  [{ kind: 'remove', key: 'no base64!' }],
  [{ kind: 'checkpoint', seq: '1.5' }],
  [{ kind: 'checkpoint', seq: 7 }],
  [{ kind: 'checkpoint', seq: '18446744073709551616' }],
  [{ kind: 'batchInsert', entries: [null] }],
  [undefined],
])('what is no plain record is not converted: %#', (record) => {
  expect(codeOf(() => fromPlainRecord(record as never))).toBe('ERR_WAL_INVALID_ARGUMENT');
});

test('the bytes of each kind are those that the format document gives', () => {
  const { tables } = readMarkdown(readPackageFile('design/format.md'));
  const [table] = tables.filter(({ columns }) => columns.join() === 'plain record,bytes');
  const rows = table?.rows.map(([record = '', hex = '']) => [record.replaceAll('`', ''), hex.replaceAll('`', '')]);
  const records = rows?.map(([record = '']) => fromPlainRecord(JSON.parse(record))) ?? [];
  expect(records.map(({ kind }) => kind)).toEqual(KINDS);
  expect(rows?.map(([, hex]) => hex)).toEqual(
    records.map((record) => Buffer.from(encodeLogicalRecord(record)).toString('hex')),
  );
});
