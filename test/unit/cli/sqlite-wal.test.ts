// Logs that SQLite may leave and the recorded traces do not hold, built byte by byte, and files that are no logs.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pageImage, readSqliteWal, type SqliteTrace, sizeChanges } from '../../../src/cli/trace/sqlite-wal.js';
import { announced } from './seeded.js';
import { buildLog, type FrameSpec, frameOffset } from './sqlite-wal-builder.js';

const PAGE = { pageBytes: 512 };
const INVALID = expect.objectContaining({ code: 'ERR_WAL_INVALID_ARGUMENT' });

/** Transactions as `[size, [page, fill], ...]`, which is all there is to them when images hold one byte each. */
function content(trace: SqliteTrace): unknown[] {
  return Array.from(trace.commitSizePages, (size, transaction) => {
    const [first, end] = [trace.entryStarts[transaction] ?? 0, trace.entryStarts[transaction + 1] ?? 0];
    const pages = Array.from(trace.pageNumbers.subarray(first, end), (page, index) => {
      const image = pageImage(trace, first + index);
      expect(image).toEqual(new Uint8Array(trace.pageBytes ?? 0).fill(image[0] ?? -1));
      return [page, image[0]];
    });
    return [size, ...pages];
  });
}

function flip(bytes: Uint8Array, offset: number, mask = 1): Uint8Array {
  const flipped = bytes.slice();
  flipped[offset] = (flipped[offset] ?? 0) ^ mask;
  return flipped;
}

describe.each([false, true])('big-endian words: %s', (bigEndian) => {
  test.each([512, 1024, 4096, 32768, 65536])('pages of %i bytes are read', (pageBytes) => {
    const log = buildLog({ pageBytes, bigEndian }, [
      { page: 2, fill: 5 },
      { page: 1, fill: 6, commit: 2 },
    ]);
    const trace = readSqliteWal(log);
    expect(trace.checksumWords).toBe(bigEndian ? 'big-endian' : 'little-endian');
    expect([trace.pageBytes, content(trace)]).toEqual([pageBytes, [[2, [2, 5], [1, 6]]]]);
  });

  test('the sums of the other word order do not hold', () => {
    const magic = bigEndian ? 0x377f0682 : 0x377f0683;
    const trace = readSqliteWal(buildLog({ ...PAGE, bigEndian, magic }, [{ page: 1, commit: 1 }]));
    expect([trace.headerState, content(trace)]).toEqual(['checksum', []]);
  });

  test('a log is the same wherever it lies in its buffer', () => {
    const log = buildLog({ ...PAGE, bigEndian }, [{ page: 1, fill: 3, commit: 1 }]);
    for (const offset of [0, 1, 2, 3, 4, 7]) {
      const larger = new Uint8Array(new SharedArrayBuffer(log.length + 16)).fill(0xee);
      larger.set(log, offset);
      expect(content(readSqliteWal(larger.subarray(offset, offset + log.length)))).toEqual([[1, [1, 3]]]);
    }
  });
});

describe('which frames count', () => {
  test('frames of an earlier generation behind the last commit end the log', () => {
    const salts = [1, 2] as const;
    const trace = readSqliteWal(
      buildLog(PAGE, [
        { page: 1, fill: 1, commit: 1 },
        { page: 1, fill: 2, commit: 1, salts },
        { page: 1, commit: 1 },
      ]),
    );
    expect(content(trace)).toEqual([[1, [1, 1]]]);
    expect(trace.counts).toMatchObject({ framesInFile: 3, framesValid: 1, firstInvalidFrameReason: 'salt' });
    expect(trace.counts).toMatchObject({ framesAfterLastCommit: 2, validFramesAfterLastCommit: 0 });
  });

  test.each([
    [1, 0],
    [0xdeadbeef, 0],
    [0, 0x00c0ffee],
  ])('both salts must be those of the header: %i %i', (...salts) => {
    expect(readSqliteWal(buildLog(PAGE, [{ page: 1, commit: 1, salts }])).counts.framesValid).toBe(0);
  });

  test('page number 0 ends the log', () => {
    const trace = readSqliteWal(
      buildLog(PAGE, [
        { page: 1, commit: 1 },
        { page: 0, commit: 1 },
        { page: 1, commit: 1 },
      ]),
    );
    expect(trace.counts).toMatchObject({ transactions: 1, framesValid: 1, firstInvalidFrameReason: 'page-number' });
  });

  test('valid frames without a commit marker are no transaction', () => {
    const trace = readSqliteWal(buildLog(PAGE, [{ page: 1, commit: 3 }, { page: 2 }, { page: 3 }]));
    expect(trace.counts).toMatchObject({ transactions: 1, framesValid: 3, validFramesAfterLastCommit: 2 });
    expect(content(readSqliteWal(buildLog(PAGE, [{ page: 1 }, { page: 2 }])))).toEqual([]);
  });

  test('a flipped bit ends the log before its frame, wherever it is in what the sums cover', () => {
    const log = buildLog(
      PAGE,
      [1, 2, 3].map((fill) => ({ page: 2, fill, commit: 2 })),
    );
    const start = frameOffset(512, 1);
    for (const offset of [0, 3, 4, 7, 16, 23, 24, 24 + 511]) {
      const { counts } = readSqliteWal(flip(log, start + offset));
      expect(counts).toMatchObject({ framesValid: 1, firstInvalidFrameReason: 'checksum', transactions: 1 });
    }
  });

  test('a cut log keeps its whole frames', () => {
    const log = buildLog(PAGE, [
      { page: 1, fill: 1, commit: 1 },
      { page: 1, fill: 2, commit: 1 },
    ]);
    const trace = readSqliteWal(log.subarray(0, log.length - 1));
    expect(content(trace)).toEqual([[1, [1, 1]]]);
    expect(trace.counts).toMatchObject({ framesInFile: 1, trailingPartialFrameBytes: 535, framesAfterLastCommit: 0 });
  });
});

describe('what a transaction is', () => {
  test('the last image of a page in a transaction wins', () => {
    const frames = [
      { page: 2, fill: 1 },
      { page: 1, fill: 2 },
      { page: 2, fill: 3 },
      { page: 2, fill: 4, commit: 2 },
    ];
    const trace = readSqliteWal(buildLog(PAGE, frames));
    expect(content(trace)).toEqual([[2, [1, 2], [2, 4]]]);
    expect(trace.counts).toMatchObject({ framesCommitted: 4, framesRepeatingAPage: 2, framesBeyondCommitSize: 0 });
  });

  test('a page in two transactions is in both', () => {
    const trace = readSqliteWal(
      buildLog(PAGE, [
        { page: 1, fill: 1, commit: 1 },
        { page: 1, fill: 2, commit: 1 },
      ]),
    );
    expect(content(trace)).toEqual([
      [1, [1, 1]],
      [1, [1, 2]],
    ]);
  });

  test('a page beyond the size of its own commit is not part of the result', () => {
    const frames = [
      { page: 9, fill: 1 },
      { page: 3, fill: 2 },
      { page: 2, fill: 3, commit: 2 },
      { page: 3, commit: 3 },
    ];
    const trace = readSqliteWal(buildLog(PAGE, frames));
    expect(content(trace)).toEqual([
      [2, [2, 3]],
      [3, [3, 0]],
    ]);
    expect(trace.counts).toMatchObject({ framesCommitted: 4, framesRepeatingAPage: 0, framesBeyondCommitSize: 2 });
  });

  test('a transaction may be left without pages and still set the size', () => {
    expect(content(readSqliteWal(buildLog(PAGE, [{ page: 7, commit: 2 }])))).toEqual([[2]]);
  });

  test('a commit frame repeated to fill a sector is a transaction of its own', () => {
    const commit = { page: 1, fill: 4, commit: 2 };
    const trace = readSqliteWal(buildLog(PAGE, [{ page: 2, fill: 3 }, commit, commit]));
    expect(content(trace)).toEqual([
      [2, [2, 3], [1, 4]],
      [2, [1, 4]],
    ]);
  });

  test('a transaction changes the size if it differs from the commit before, the first from the base', () => {
    const trace = readSqliteWal(
      buildLog(
        PAGE,
        [5, 5, 6, 4, 4].map((commit) => ({ page: 1, commit })),
      ),
    );
    expect([...sizeChanges(trace, 5)]).toEqual([0, 0, 1, 1, 0]);
    expect([...sizeChanges(trace, 1)]).toEqual([1, 0, 1, 1, 0]);
  });
});

describe('logs without a transaction', () => {
  const log = buildLog(PAGE, [{ page: 1, commit: 1 }]);

  test.each([0, 1, 2, 3, 4, 5, 16, 31])('a log cut to %i bytes is empty and has no page size', (bytes) => {
    const trace = readSqliteWal(log.subarray(0, bytes));
    expect(trace).toMatchObject({ headerState: 'missing', pageBytes: undefined });
    expect([trace.counts.transactions, content(trace)]).toEqual([0, []]);
  });

  test.each([32, 33, 56, 567])('a log cut to %i bytes has a header and no transaction', (bytes) => {
    const trace = readSqliteWal(log.subarray(0, bytes));
    expect(trace).toMatchObject({ headerState: 'valid', pageBytes: 512 });
    expect(trace.counts).toMatchObject({ framesInFile: 0, trailingPartialFrameBytes: bytes - 32, transactions: 0 });
  });

  test.each([12, 16, 20, 24, 31])('a header with a flipped bit at %i is taken as an empty log', (offset) => {
    const trace = readSqliteWal(flip(log, offset));
    expect(trace).toMatchObject({ headerState: 'checksum', pageBytes: 512 });
    expect(trace.counts).toMatchObject({ framesInFile: 1, framesValid: 0, framesAfterLastCommit: 1, transactions: 0 });
  });
});

describe('files that are no log', () => {
  test.each([
    ['a database', Buffer.from('SQLite format 3\0'.padEnd(4096))],
    ['text', Buffer.from('not a log')],
    ['three letters', Buffer.from('abc')],
    ['zeros', new Uint8Array(4096)],
    ['a neighbour of the magic', buildLog({ ...PAGE, magic: 0x377f0684 }, [])],
  ])('%s is refused', (_, bytes) => {
    expect(() => readSqliteWal(bytes)).toThrow(INVALID);
  });

  test.each([0, 3007001, 0xffffffff])('format version %i is refused', (version) => {
    expect(() => readSqliteWal(buildLog({ ...PAGE, version }, []))).toThrow(INVALID);
  });

  test.each([0, 2, 256, 511, 513, 1000, 131072, 0x80000000, 0xffffffff])('page size %i is refused', (stored) => {
    expect(() => readSqliteWal(buildLog({ ...PAGE, pageBytesField: stored }, []))).toThrow(INVALID);
  });

  test('page size 1 means 65536', () => {
    const log = buildLog({ pageBytes: 65536, pageBytesField: 1 }, [{ page: 1, fill: 9, commit: 1 }]);
    const trace = readSqliteWal(log);
    expect([trace.pageBytes, content(trace)]).toEqual([65536, [[1, [1, 9]]]]);
  });
});

const frameSpec = fc.record({
  page: fc.integer({ min: 1, max: 6 }),
  commit: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 6 })),
  fill: fc.integer({ min: 0, max: 255 }),
});

/** The rules again, as plainly as they can be said. */
function expected(frames: readonly Required<Omit<FrameSpec, 'salts'>>[]): unknown[] {
  const transactions: unknown[] = [];
  let open: typeof frames = [];
  for (const frame of frames) {
    open = [...open.filter(({ page }) => page !== frame.page), frame];
    if (frame.commit === 0) continue;
    transactions.push([frame.commit, ...open.filter((f) => f.page <= frame.commit).map((f) => [f.page, f.fill])]);
    open = [];
  }
  return transactions;
}

test('any log, cut or damaged anywhere behind its header, gives the transactions before that place', () => {
  const frameLists = fc.array(frameSpec, { maxLength: 12 });
  const damage = fc.record({
    place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    cuts: fc.boolean(),
  });
  fc.assert(
    fc.property(frameLists, fc.boolean(), fc.option(damage), (frames, bigEndian, hurt) => {
      const log = buildLog({ ...PAGE, bigEndian }, frames);
      const offset = 32 + Math.floor((hurt?.place ?? 1) * (log.length - 32));
      const isHurt = hurt !== null && offset < log.length;
      const bytes = !isHurt ? log : hurt.cuts ? log.subarray(0, offset) : flip(log, offset, 0x10);
      const whole = isHurt ? Math.floor((offset - 32) / 536) : frames.length;
      const trace = readSqliteWal(bytes);
      expect(content(trace)).toEqual(expected(frames.slice(0, whole)));
      expect(trace.counts.framesValid).toBe(whole);
    }),
    announced('a damaged SQLite log'),
  );
});
