// Records to bytes and back: the inverse law, and every byte of a header that cannot be one refused without a throw.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteRing } from '../../../src/memory/byte-ring.js';
import { type DecodedRecord, decodeRecord, decodeRecordShape, encodeRecords } from '../../../src/record/codec.js';
import { type CommitInput, checkCommit, OPERATION_BYTES_MAX } from '../../../src/record/commit.js';
import { RECORD_HEADER, RECORD_KIND } from '../../../src/record/layout.js';
import { announced } from '../cli/seeded.js';

const PAGE_BYTES = 16;
const bounds = { pageBytes: PAGE_BYTES, spaceCountMax: 4096, sizePages: () => 0 };

function decodeAll(payload: Uint8Array): DecodedRecord[] | string {
  const records: DecodedRecord[] = [];
  for (let offset = 0; offset < payload.length; ) {
    const decoded = decodeRecord(payload, offset);
    if (typeof decoded === 'string') return decoded;
    records.push(decoded.record);
    offset += decoded.recordBytes;
  }
  return records;
}

const space = fc.nat(4095);
const image = fc.uint8Array({ minLength: PAGE_BYTES, maxLength: PAGE_BYTES });
const page = fc.record({
  pageNumber: fc.integer({ min: 1, max: 2 ** 48 }),
  image,
  before: fc.option(image, { nil: undefined }),
  space,
});
const operationOf = fc.record({
  code: fc.maxSafeNat().map((code) => code || 1),
  bytes: fc.uint8Array({ maxLength: 40 }),
  space,
});

describe('records', () => {
  test('decode to what was encoded, sizes first, also across the end of a ring', () => {
    const law = fc.property(
      fc.array(page, { maxLength: 4 }),
      fc.array(operationOf, { maxLength: 4 }),
      fc.integer(),
      (pages, operations, start) => {
        const input: CommitInput = { pages, operations, sizes: [{ space: 9, pages: 2 ** 48 }] };
        const commit = checkCommit({ ...input, pages: pages.filter((each) => each.space !== 9) }, bounds);
        const ring = ByteRing.wrapping(new Uint8Array(2048).fill(0xab));
        const position = start & ~7;
        const end = encodeRecords(ring, position, commit);
        const payload = Buffer.concat(ring.pieces(position, end - position));
        const expected: unknown[] = [{ kind: 'size', space: 9, pages: 2 ** 48 }];
        for (const each of commit.pages) expected.push({ kind: 'page', ...each });
        for (const each of operations) expected.push({ kind: 'operation', ...each });
        const plain = (record: object) =>
          JSON.stringify(record, (_, value) => (value instanceof Uint8Array ? [...value] : value));
        const decoded = decodeAll(new Uint8Array(payload));
        if (typeof decoded === 'string') throw new Error(decoded);
        const sorted = (record: object) => plain(Object.fromEntries(Object.entries(record).sort()));
        expect(decoded.map(sorted)).toEqual((expected as object[]).map(sorted));
      },
    );
    fc.assert(law, { ...announced('records decode to what was encoded'), numRuns: 200 });
  });

  test('any bytes decode or are refused, and never reach beyond what is there', () => {
    const law = fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const decoded = decodeRecord(bytes, 0);
      if (typeof decoded !== 'string') expect(decoded.recordBytes).toBeLessThanOrEqual(bytes.length);
    });
    fc.assert(law, { ...announced('any bytes are a record or refused'), numRuns: 500 });
  });
});

describe('a record header', () => {
  const { at } = RECORD_HEADER;
  function shapeOf(fields: Partial<Record<keyof typeof at, number>>, bytesLeft = 1000): unknown {
    const view = new DataView(new ArrayBuffer(RECORD_HEADER.bytes));
    const all = { kind: RECORD_KIND.page as number, space: 0, number: 1, bytes: 8, beforeBytes: 0, ...fields };
    view.setUint32(at.kind, all.kind, true);
    view.setUint32(at.space, all.space, true);
    view.setBigUint64(at.number, BigInt(all.number), true);
    view.setUint32(at.bytes, all.bytes, true);
    view.setUint32(at.beforeBytes, all.beforeBytes, true);
    return decodeRecordShape(view, bytesLeft);
  }

  test('of each kind has its length, padding included', () => {
    expect(shapeOf({ bytes: 9, beforeBytes: 9 })).toMatchObject({ recordBytes: 24 + 16 + 16 });
    expect(shapeOf({ kind: RECORD_KIND.size, number: 0, bytes: 0 })).toMatchObject({ recordBytes: 24 });
    expect(shapeOf({ kind: RECORD_KIND.operation, bytes: 1 })).toMatchObject({ recordBytes: 32 });
  });

  test.each([
    ['a kind that was never written', { kind: 0 }],
    ['a jumbo reference, which never leaves a lane', { kind: RECORD_KIND.jumboReference }],
    ['an unknown kind', { kind: 5 }],
    ['page 0', { number: 0 }],
    ['a number beyond 2^53', { number: 2 ** 53 }],
    ['a page without bytes', { bytes: 0 }],
    ['a page that is too large', { bytes: 65_537 }],
    ['a before image of another length', { beforeBytes: 7 }],
    ['a size with bytes', { kind: RECORD_KIND.size, bytes: 8 }],
    ['an operation with code 0', { kind: RECORD_KIND.operation, number: 0 }],
    ['an operation that is too large', { kind: RECORD_KIND.operation, bytes: OPERATION_BYTES_MAX + 1 }],
    ['an operation with a before image', { kind: RECORD_KIND.operation, beforeBytes: 8 }],
  ])('with %s is refused', (_, fields) => {
    expect(shapeOf(fields, Number.MAX_SAFE_INTEGER)).toBeTypeOf('string');
  });

  test('that says more than its frame has left is refused', () => {
    expect(shapeOf({ bytes: 8 }, 32)).toMatchObject({ recordBytes: 32 });
    expect(shapeOf({ bytes: 8 }, 31)).toBeTypeOf('string');
    expect(shapeOf({ bytes: 8 }, 23)).toBeTypeOf('string');
  });
});
