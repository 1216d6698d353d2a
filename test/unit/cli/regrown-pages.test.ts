// Goal: applying transactions one by one, with cuts on the way, gives SQLite's result. Method: random logs that shrink
// and grow a lot, replayed one by one, against SQLite's rule at every prefix.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { appliedSha256 } from '../../../src/cli/replay/applied-pages.js';
import { readSqliteBase } from '../../../src/cli/trace/input-file.js';
import { writeRegrownPages } from '../../../src/cli/trace/regrown-pages.js';
import { planDependencies } from '../../../src/cli/trace/schedule.js';
import { readSqliteWal } from '../../../src/cli/trace/sqlite-wal.js';
import { readTrace, SerialReplay, TRACE_NAMES } from '../../support/traces.js';
import { announced } from './seeded.js';
import { buildLog, type FrameSpec } from './sqlite-wal-builder.js';

const PAGE_BYTES = 512;

interface Transaction {
  readonly pages: readonly number[];
  readonly size: number;
}

function framesOf(transactions: readonly Transaction[]): FrameSpec[] {
  let fill = 0;
  return transactions.flatMap(({ pages, size }) => {
    return pages.map((page, index) => ({
      page,
      fill: 1 + (fill++ % 250),
      commit: index === pages.length - 1 ? size : 0,
    }));
  });
}

/** SQLite's rule, with nothing taken from the code under test. */
function byTheRule(base: Uint8Array, frames: readonly FrameSpec[]): Uint8Array {
  const size = frames.at(-1)?.commit ?? base.length / PAGE_BYTES;
  const result = new Uint8Array(size * PAGE_BYTES);
  result.set(base.subarray(0, result.length));
  for (const { page, fill = 0 } of frames) {
    if (page <= size) result.fill(fill, (page - 1) * PAGE_BYTES, page * PAGE_BYTES);
  }
  return result;
}

const someTransactions = fc.array(
  fc.record({
    pages: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 }),
    size: fc.integer({ min: 1, max: 12 }),
  }),
  { minLength: 1, maxLength: 12 },
);

test('transactions applied one by one give what the rule gives, after every transaction', () => {
  fc.assert(
    fc.property(someTransactions, fc.integer({ min: 0, max: 8 }), (transactions, basePages) => {
      const bytes = Uint8Array.from(
        { length: basePages * PAGE_BYTES },
        (_, index) => 251 + (Math.floor(index / PAGE_BYTES) % 5),
      );
      const frames = framesOf(transactions);
      const log = readSqliteWal(buildLog({ pageBytes: PAGE_BYTES }, frames));
      const base = readSqliteBase(bytes, PAGE_BYTES);
      const trace = writeRegrownPages(log, base);
      const replay = new SerialReplay(trace, base);
      let end = 0;
      for (const [index, { pages }] of transactions.entries()) {
        end += pages.length;
        replay.applyThrough(index + 1);
        expect(Buffer.compare(replay.bytes, byTheRule(bytes, frames.slice(0, end)))).toBe(0);
      }
      const order = transactions.map((_, index) => index);
      expect(appliedSha256(trace, base, order)).toBe(replay.sha256());
      expect(trace.commitSizePages).toEqual(log.commitSizePages);
      expect(trace.counts).toEqual(log.counts);
    }),
    announced('regrown pages'),
  );
});

test('an added page is a page of its transaction for those that follow', () => {
  const log = readSqliteWal(
    buildLog({ pageBytes: PAGE_BYTES }, [
      { page: 1, fill: 1, commit: 2 },
      { page: 1, fill: 2, commit: 4 },
      { page: 3, fill: 3, commit: 4 },
    ]),
  );
  const base = readSqliteBase(new Uint8Array(4 * PAGE_BYTES).fill(9), PAGE_BYTES);
  const trace = writeRegrownPages(log, base);
  expect([...trace.pageNumbers]).toEqual([1, 3, 4, 1, 3]);
  const plan = planDependencies(trace, base.pages);
  expect([...plan.followsAll]).toEqual([1, 1, 0]);
});

describe('a recorded trace', () => {
  test.each(TRACE_NAMES)('%s needs no page added, and is shared in all its parts', async (name) => {
    const { trace, base } = await readTrace(name);
    const whole = writeRegrownPages(trace, base);
    expect(whole.pageNumbers).toEqual(trace.pageNumbers);
    expect(whole.entryStarts).toEqual(trace.entryStarts);
    expect(whole.bytes).toBe(trace.bytes);
    for (const part of [whole.pageNumbers, whole.entryStarts, whole.imageOffsets, whole.commitSizePages, whole.bytes]) {
      expect(part.buffer).toBeInstanceOf(SharedArrayBuffer);
    }
  });
});
