// Goal: entries that are read in parts, by several readers at once, and logical records that are replayed apart by key, give
// what one reader and one replay give. Method: fast-check, over logs in memory and random records; serial is the model.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type LoggedEntry, openMemoryLog, type TypedLog } from '../../src/index.js';
import { type DataRecord, decodeLogicalRecord, encodeLogicalRecord, LogicalReplay } from '../../src/kv.js';
import { testSeed } from '../support/workload-check.js';

const IS_DEEP = process.env.WAL_TEST_SUITE === 'deep';

/** One part of the ids, read in one of the three ways there are. */
async function read(log: TypedLog<number>, first: number, end: number, way: number): Promise<LoggedEntry<number>[]> {
  if (first >= end) return [];
  if (way === 0) return log.collect({ from: first, limit: end - first });
  if (way === 1) return (await log.collect({ from: end - 1, limit: end - first, backward: true })).reverse();
  const ids = Array.from({ length: end - first }, (_, at) => first + at);
  return (await log.get(ids)) as LoggedEntry<number>[];
}

test('R11: entries read in parts at once, in any way, are those that one reader gets', async () => {
  const law = async (batches: number[], cuts: number[], ways: number[], truncated: number): Promise<void> => {
    const log = await openMemoryLog<number>({ lanes: 2, laneBytes: 65_536, logFileBytes: 65_536, ticker: false });
    try {
      let last = 0;
      for (const count of batches) {
        log.appendBatch(Array.from({ length: count }, (_, at) => last + at + 1));
        last += count;
        if (count % 3 !== 0) await log.flush();
        if (count % 7 === 0) await log.rotate();
      }
      await log.flush();
      await log.truncateBefore(1 + (truncated % (last + 1)));
      const serial = await log.collect();
      const { firstId } = log;
      const bounds = cuts.map((cut) => firstId + (cut % (last + 2 - firstId)));
      const ends = [firstId, ...bounds, last + 1].sort((one, other) => one - other);
      const parts = ends.slice(1).map((end, at) => read(log, ends[at] as number, end, (ways[at] ?? 0) % 3));
      expect((await Promise.all(parts)).flat()).toEqual(serial);
      expect(serial.map(({ id, entry }) => [id, entry])).toEqual(serial.map((_, at) => [firstId + at, firstId + at]));
    } finally {
      await log.close();
    }
  };
  const list = (max: number, maxLength: number) => fc.array(fc.nat(max), { maxLength });
  await fc.assert(fc.asyncProperty(list(20, 12), list(1000, 4), list(2, 5), fc.nat(1000), law), {
    seed: testSeed('entries in parts'),
    numRuns: IS_DEEP ? 1000 : 10,
  });
});

const key = fc.uint8Array({ minLength: 1, maxLength: 2 }).map((bytes) => bytes.map((byte) => byte % 4));
const value = fc.uint8Array({ maxLength: 4 });
const record: fc.Arbitrary<DataRecord> = fc.oneof(
  fc.record({ kind: fc.constant('upsert' as const), key, value }),
  fc.record({ kind: fc.constant('remove' as const), key }),
  fc.record({
    kind: fc.constant('increment' as const),
    key,
    delta: fc.bigInt({ min: -5n, max: 5n }),
    result: fc.bigInt({ min: -5n, max: 5n }),
  }),
  fc.record({ kind: fc.constant('compareAndSwap' as const), key, value, success: fc.boolean() }),
);

function contentsOf(records: readonly DataRecord[]): [string, string | undefined][] {
  const replay = new LogicalReplay();
  // Through its bytes, as a log has it.
  for (const each of records) replay.apply(decodeLogicalRecord(encodeLogicalRecord(each)));
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  return [...replay.entries()].map(([name, held]) => [text(name), held && text(held)]);
}

test('R11: logical records replayed apart by key are those of one replay', () => {
  const law = fc.property(fc.array(record, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), (records, parts) => {
    const partOf = (each: DataRecord): number => ((each as { key: Uint8Array }).key[0] as number) % parts;
    const apart = Array.from({ length: parts }, (_, part) => contentsOf(records.filter((one) => partOf(one) === part)));
    expect(new Map(apart.flat())).toEqual(new Map(contentsOf(records)));
  });
  fc.assert(law, { seed: testSeed('records by key'), numRuns: IS_DEEP ? 20_000 : 200 });
});
