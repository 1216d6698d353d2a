// Goal: logical records replayed in the order of the log give what their writers saw. Method: small scripts with a known
// end; a random workload that a plain map runs beside it, replayed once, twice, and from anywhere; ranks in every order.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DataRecord } from '../../../src/kv.js';
import { decodeCounter, encodeCounter, type LogicalRecord, LogicalReplay } from '../../../src/kv.js';
import { announced, randomStream } from '../cli/seeded.js';

const key = (name: string): Uint8Array => new TextEncoder().encode(name);
const upsert = (name: string, value: number, more: object = {}): LogicalRecord => {
  return { kind: 'upsert', key: key(name), value: Uint8Array.of(value), ...more } as LogicalRecord;
};

function replayed(...records: LogicalRecord[]): LogicalReplay {
  const replay = new LogicalReplay();
  for (const record of records) replay.apply(record);
  return replay;
}

function contents(replay: LogicalReplay): Record<string, number[] | undefined> {
  return Object.fromEntries(
    [...replay.entries()].map(([name, value]) => [new TextDecoder().decode(name), value && [...value]]),
  );
}

describe('transactions', () => {
  test('take effect where they commit, and only then', () => {
    const replay = replayed(
      { kind: 'begin', txnId: 1n },
      upsert('a', 1, { txnId: 1n }),
      { kind: 'begin', txnId: 2n },
      upsert('b', 2, { txnId: 2n }),
      upsert('a', 3),
      upsert('c', 4, { txnId: 2n }),
      { kind: 'abort', txnId: 2n },
      { kind: 'commit', txnId: 1n },
      { kind: 'begin', txnId: 3n },
      upsert('d', 5, { txnId: 3n }),
    );
    expect(contents(replay)).toEqual({ a: [1] });
    expect(replay.counts()).toEqual({ records: 10, applied: 2, committed: 1, aborted: 1, open: 1, orphans: 0 });
  });

  test('that nothing began take no effect, and are counted', () => {
    const replay = replayed(upsert('a', 1, { txnId: 7n }), { kind: 'commit', txnId: 7n }, { kind: 'abort', txnId: 8n });
    expect(contents(replay)).toEqual({});
    expect(replay.counts()).toMatchObject({ applied: 0, committed: 0, aborted: 0, orphans: 3 });
  });

  test('begun again under the same id leave what was open before', () => {
    const replay = replayed(
      { kind: 'begin', txnId: 1n },
      upsert('lost', 1, { txnId: 1n }),
      { kind: 'begin', txnId: 1n },
      upsert('kept', 2, { txnId: 1n }),
      { kind: 'commit', txnId: 1n },
    );
    expect(contents(replay)).toEqual({ kept: [2] });
  });
});

/** A random workload, and the map it leads to. */
function workload(seed: number): { records: DataRecord[]; map: Map<string, string> } {
  const below = randomStream(seed);
  const map = new Map<string, string>();
  const records: DataRecord[] = [];
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  for (let step = 0; step < 60; step += 1) {
    const name = `k${below(4)}`;
    const value = Uint8Array.of(below(256));
    const counter = `n${below(3)}`;
    const held = map.get(name);
    const choice = below(6);
    if (choice === 0) {
      records.push({ kind: 'remove', key: key(name) });
      map.delete(name);
    } else if (choice === 1) {
      const delta = BigInt(below(100) - 50);
      const before = map.get(counter);
      const result = (before === undefined ? 0n : decodeCounter(Buffer.from(before, 'hex'))) + delta;
      records.push({ kind: 'increment', key: key(counter), delta, result });
      map.set(counter, text(encodeCounter(result)));
    } else if (choice === 2) {
      const expected = below(2) === 0 && held !== undefined ? Buffer.from(held, 'hex') : Uint8Array.of(7, 7);
      const success = held === text(expected);
      records.push({ kind: 'compareAndSwap', key: key(name), value, expected, success });
      if (success) map.set(name, text(value));
    } else if (choice === 3) {
      records.push({
        kind: 'batchInsert',
        entries: [
          { key: key(name), value },
          { key: key(`${name}'`), value },
        ],
      });
      map.set(name, text(value));
      map.set(`${name}'`, text(value));
    } else {
      records.push({ kind: 'upsert', key: key(name), value });
      map.set(name, text(value));
    }
  }
  return { records, map };
}

function asMap(replay: LogicalReplay): Map<string, string> {
  const entries = [...replay.entries()];
  return new Map(
    entries.map(([name, value]) => [Buffer.from(name).toString(), Buffer.from(value ?? []).toString('hex')]),
  );
}

test('increments, swaps and all other changes are replayed idempotently: whole, twice, and again from anywhere', () => {
  const law = fc.property(fc.nat(), fc.nat(60), (seed, from) => {
    const { records, map } = workload(seed);
    const replay = replayed(...records);
    expect(asMap(replay)).toEqual(map);
    for (const record of records.slice(from)) replay.apply(record);
    expect(asMap(replay)).toEqual(map);
  });
  fc.assert(law, announced('a replay of logical records'));
});

describe('commit ranks', () => {
  const rank = (target: bigint, generation: bigint): LogicalRecord => ({ kind: 'commitRank', target, generation });
  const records = [1n, 2n, 3n].map((recordId) => upsert('a', Number(recordId), { recordId }));

  test('the highest generation of a key counts, wherever records and ranks stand', () => {
    const all = [...records, rank(1n, 30n), rank(2n, 20n), rank(3n, 10n)];
    const law = fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (shuffled) => {
      expect(contents(replayed(...shuffled))).toEqual({ a: [1] });
    });
    fc.assert(law, announced('commit ranks in any order'));
  });

  test('without ranks, and among equal ones, the order of the log counts', () => {
    expect(contents(replayed(...records))).toEqual({ a: [3] });
    expect(contents(replayed(...records, rank(2n, 5n), rank(1n, 5n)))).toEqual({ a: [2] });
  });

  test('a removal with a rank is not undone by a record with a lower one', () => {
    const remove: LogicalRecord = { kind: 'remove', key: key('a'), recordId: 9n };
    expect(contents(replayed(remove, rank(9n, 5n), ...records, rank(3n, 4n)))).toEqual({});
    expect(contents(replayed(remove, rank(9n, 5n), ...records, rank(3n, 6n)))).toEqual({ a: [3] });
  });

  test('a rank of a transaction that does not commit changes nothing', () => {
    const open: LogicalRecord[] = [
      { kind: 'begin', txnId: 1n },
      upsert('a', 9, { txnId: 1n, recordId: 9n }),
      rank(9n, 99n),
    ];
    expect(contents(replayed(...records, ...open))).toEqual({ a: [3] });
    expect(contents(replayed(...records, ...open, { kind: 'commit', txnId: 1n }, upsert('a', 4)))).toEqual({ a: [9] });
  });
});

test('versions of a key: the highest counts, durable ones are named, collected ones are gone', () => {
  const update = (version: bigint, value?: number): LogicalRecord => {
    return {
      kind: 'versionUpdate',
      key: key('a'),
      version,
      ...(value !== undefined && { value: Uint8Array.of(value) }),
    };
  };
  const replay = replayed(update(1n, 10), update(3n, 30), update(2n, 20));
  expect(contents(replay)).toEqual({ a: [30] });
  expect(replay.versions(key('a')).map(({ version }) => version)).toEqual([1n, 2n, 3n]);
  replay.apply({ kind: 'versionDurable', key: key('a'), version: 2n });
  replay.apply({ kind: 'versionDurable', key: key('a'), version: 1n });
  replay.apply({ kind: 'versionCollected', key: key('a'), version: 1n });
  expect(replay.durableVersion(key('a'))).toBe(2n);
  expect(replay.versions(key('a')).map(({ version }) => version)).toEqual([2n, 3n]);
  replay.apply(update(4n));
  expect(replay.has(key('a'))).toBe(false);
  expect(replay.versions(key('a')).at(-1)).toEqual({ version: 4n, value: undefined });
});

test('a key may be there without a value, a counter counts from 0, and the last checkpoint is known', () => {
  const replay = replayed(
    { kind: 'insert', key: key('bare') },
    { kind: 'batchIncrement', entries: [{ key: key('n'), delta: -3n, result: -3n }] },
    { kind: 'checkpoint', seq: 9n },
    { kind: 'checkpoint', seq: 8n },
  );
  expect([replay.has(key('bare')), replay.get(key('bare'))]).toEqual([true, undefined]);
  expect([replay.counter(key('n')), replay.counter(key('none'))]).toEqual([-3n, 0n]);
  expect(replay.checkpointSeq).toBe(9n);
  expect(() => replayed(upsert('a', 1)).counter(key('a'))).toThrow(/counter/);
});
