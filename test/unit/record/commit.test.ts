// The complete check of a commit: every argument that is not what it must be has a typed error, before anything is
// touched; everything else passes and comes out with the lengths that its encoding takes.

import { describe, expect, test } from 'vitest';
import { WalError } from '../../../src/base/errors.js';
import { ByteRing } from '../../../src/memory/byte-ring.js';
import { encodeRecords } from '../../../src/record/codec.js';
import { type CommitInput, checkCommit, OPERATION_BYTES_MAX } from '../../../src/record/commit.js';
import { operation, Rig } from '../../support/flusher-rig.js';

const PAGE_BYTES = 512;
const image = new Uint8Array(PAGE_BYTES);
const page = { pageNumber: 1, image };
const bounds = { pageBytes: PAGE_BYTES, spaceCountMax: 4, sizePages: (space: number) => (space === 1 ? 10 : 0) };

/** The code that a commit is refused with, or `accepted`. */
function verdict(input: unknown): string {
  try {
    checkCommit(input as CommitInput, bounds);
    return 'accepted';
  } catch (thrown) {
    return thrown instanceof WalError ? thrown.code : `untyped: ${thrown}`;
  }
}

/** What is no whole number from `first`, and what only looks like one. */
function badNumbers(first: number): unknown[] {
  return [first - 1, first + 0.5, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1', null, {}, [1], 1n, true];
}

describe('a bad argument is refused with its own code', () => {
  test.each([undefined, null, 0, '', 'commit', true, 1n, Symbol('x')])('commit %s', (input) => {
    expect(verdict(input)).toBe('ERR_WAL_INVALID_ARGUMENT');
  });

  test.each([{}, { pages: [] }, { txnId: 5 }, { operations: [], sizes: [] }])('an empty commit %j', (input) => {
    expect(verdict(input)).toBe('ERR_WAL_INVALID_ARGUMENT');
  });

  test.each(['txnId', 'txnEpoch'])('%s', (name) => {
    for (const value of [-1, 0.5, Number.NaN, 2 ** 53, -1n, 2n ** 64n, '7', null, {}, true]) {
      expect(verdict({ pages: [page], [name]: value }), String(value)).toBe('ERR_WAL_INVALID_ARGUMENT');
    }
  });

  test('beginSeq', () => {
    for (const value of badNumbers(0)) {
      expect(verdict({ pages: [page], beginSeq: value }), String(value)).toBe('ERR_WAL_INVALID_ARGUMENT');
    }
  });

  test('pageNumber', () => {
    const beyond = Math.floor(Number.MAX_SAFE_INTEGER / PAGE_BYTES) + 1;
    for (const pageNumber of [...badNumbers(1), undefined, beyond]) {
      expect(verdict({ pages: [{ pageNumber, image }] }), String(pageNumber)).toBe('ERR_WAL_INVALID_ARGUMENT');
    }
  });

  test.each(['image', 'before'])('%s', (name) => {
    const wrong = [
      null,
      'x',
      [],
      {},
      new ArrayBuffer(PAGE_BYTES),
      new Uint16Array(256),
      new DataView(new ArrayBuffer(512)),
    ];
    const lengths = [0, PAGE_BYTES - 1, PAGE_BYTES + 1].map((length) => new Uint8Array(length));
    for (const value of [...wrong, ...lengths]) {
      expect(verdict({ pages: [{ ...page, [name]: value }] }), String(value)).toBe('ERR_WAL_INVALID_ARGUMENT');
    }
    expect(verdict({ pages: [{ pageNumber: 1 }] })).toBe('ERR_WAL_INVALID_ARGUMENT');
  });

  test('space, wherever it stands', () => {
    for (const space of [...badNumbers(0), 4]) {
      const inputs = [
        { pages: [{ ...page, space }] },
        { operations: [{ code: 1, bytes: image, space }] },
        { sizes: [{ space, pages: 1 }] },
      ];
      for (const input of inputs) expect(verdict(input), String(space)).toBe('ERR_WAL_INVALID_ARGUMENT');
    }
  });

  test('a size', () => {
    const beyond = Math.floor(Number.MAX_SAFE_INTEGER / PAGE_BYTES) + 1;
    for (const pages of [...badNumbers(0), beyond]) {
      expect(verdict({ dbSizePages: pages }), String(pages)).toBe('ERR_WAL_INVALID_ARGUMENT');
      expect(verdict({ sizes: [{ space: 1, pages }] }), String(pages)).toBe('ERR_WAL_INVALID_ARGUMENT');
    }
  });

  test('a size given twice', () => {
    const twice = [
      { space: 2, pages: 1 },
      { space: 2, pages: 1 },
    ];
    expect(verdict({ sizes: twice })).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(verdict({ dbSizePages: 1, sizes: [{ space: 0, pages: 1 }] })).toBe('ERR_WAL_INVALID_ARGUMENT');
  });

  test('an operation', () => {
    for (const code of [...badNumbers(1), undefined]) {
      expect(verdict({ operations: [{ code, bytes: image }] }), String(code)).toBe('ERR_WAL_INVALID_ARGUMENT');
    }
    for (const bytes of [undefined, null, 'x', [], new ArrayBuffer(8), new Float64Array(1)]) {
      expect(verdict({ operations: [{ code: 1, bytes }] }), String(bytes)).toBe('ERR_WAL_INVALID_ARGUMENT');
    }
    const bytes = new Uint8Array(OPERATION_BYTES_MAX + 1);
    expect(verdict({ operations: [{ code: 1, bytes }] })).toBe('ERR_WAL_RECORD_TOO_LARGE');
  });

  test.each(['pages', 'operations', 'sizes'])('%s that are no array', (name) => {
    for (const list of [null, 'x', 5, { length: 1, 0: page }, new Set([page])]) {
      expect(verdict({ [name]: list }), String(list)).toBe('ERR_WAL_INVALID_ARGUMENT');
    }
  });

  test.each(['pages', 'operations', 'sizes'])('%s that hold something else than objects', (name) => {
    for (const each of [undefined, null, 5, 'x'])
      expect(verdict({ [name]: [each] }), String(each)).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(verdict({ [name]: new Array(1) })).toBe('ERR_WAL_INVALID_ARGUMENT');
  });

  test('a page beyond the size in force, or beyond the one that the same commit sets', () => {
    const at = (pageNumber: number, space: number) => ({ pageNumber, image, space });
    expect(verdict({ pages: [at(11, 1)] })).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(verdict({ pages: [at(10, 1)] })).toBe('accepted');
    expect(verdict({ pages: [at(11, 1)], sizes: [{ space: 1, pages: 11 }] })).toBe('accepted');
    expect(verdict({ pages: [at(10, 1)], sizes: [{ space: 1, pages: 9 }] })).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(verdict({ pages: [at(1, 0)], dbSizePages: 0 })).toBe('ERR_WAL_INVALID_ARGUMENT');
    // A space whose size nobody has said bounds nothing.
    expect(verdict({ pages: [at(1_000_000, 2)] })).toBe('accepted');
  });

  test('and nothing is touched: no sequence, no byte, no size', async () => {
    const rig = await Rig.open();
    const before = [...rig.lanes[0]!.ring.bytes];
    expect(() => rig.append({ ...operation(10), dbSizePages: 5, beginSeq: -1 })).toThrow();
    expect(rig.control.commitSeqNext.load()).toBe(1);
    expect([rig.control.sizePages(0), rig.lanes[0]!.tail.load()]).toEqual([0, 0]);
    expect([...rig.lanes[0]!.ring.bytes]).toEqual(before);
  });
});

describe('a good commit', () => {
  test.each<[string, CommitInput]>([
    [
      'with everything',
      {
        txnId: 2n ** 64n - 1n,
        txnEpoch: 2 ** 53 - 1,
        beginSeq: 2 ** 53 - 1,
        dbSizePages: 3,
        pages: [page, { ...page, before: image, space: 3 }],
        operations: [{ code: 2 ** 53 - 1, bytes: image, space: 2 }],
        sizes: [{ space: 2, pages: 0 }],
      },
    ],
    ['with an empty operation', { operations: [{ code: 1, bytes: new Uint8Array(0) }] }],
    ['with a size alone', { dbSizePages: 0 }],
    ['with the same page twice', { pages: [page, page] }],
    [
      'with images that are views and buffers',
      {
        pages: [
          { pageNumber: 1, image: new Uint8Array(new SharedArrayBuffer(1024), 100, 512) },
          { pageNumber: 2, image: Buffer.alloc(512) },
        ],
      },
    ],
    [
      'with undefined wherever that is allowed',
      {
        txnId: undefined,
        txnEpoch: undefined,
        beginSeq: undefined,
        pages: [{ ...page, before: undefined, space: undefined }],
        operations: undefined,
        dbSizePages: undefined,
        sizes: undefined,
      },
    ],
  ])('%s takes exactly the bytes that the check says', (_, input) => {
    const commit = checkCommit(input, bounds);
    const bytes = new Uint8Array(commit.recordsBytes + 64);
    expect(encodeRecords(ByteRing.flat(bytes), 0, commit)).toBe(commit.recordsBytes);
    expect(commit.recordsBytes % 8).toBe(0);
    expect(commit.recordCount).toBe(commit.pages.length + commit.operations.length + commit.sizes.length);
  });
});
