// Goal: the contents of a map go through bytes, and records do what they find. Method: random contents encoded and
// decoded, cut at every byte; single records against contents that fit them and contents that do not.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MapState } from '../../../src/kv/map-state.js';
import { encodeCounter, type LogicalRecord } from '../../../src/kv.js';
import { announced } from '../cli/seeded.js';

const bytes = fc.uint8Array({ maxLength: 12 });

function contents(state: MapState): Map<string, string> {
  const hex = (each: Uint8Array): string => Buffer.from(each).toString('hex');
  return new Map([...state.entries()].map(([key, value]) => [hex(key), hex(value)]));
}

test('contents come back from their bytes, and from no part of them', () => {
  const law = fc.property(fc.array(fc.tuple(bytes, bytes), { maxLength: 6 }), (pairs) => {
    const state = new MapState();
    for (const [key, value] of pairs) state.apply({ kind: 'upsert', key, value });
    const encoded = state.encode();
    expect(contents(MapState.decode(encoded))).toEqual(contents(state));
    let sizes = 0;
    for (let length = 0; length < encoded.length; length += 1) {
      try {
        sizes += MapState.decode(encoded.slice(0, length)).size < state.size ? 1 : -encoded.length;
      } catch (thrown) {
        expect(thrown).toMatchObject({ code: 'ERR_WAL_CORRUPT' });
      }
    }
    // Cut between two keys it has fewer: whoever keeps them checks the whole.
    expect(sizes).toBe(state.size);
  });
  fc.assert(law, announced('contents of a map'));
});

test('a copy does not change with what it was copied from', () => {
  const state = new MapState();
  state.apply({ kind: 'upsert', key: Uint8Array.of(1), value: Uint8Array.of(1) });
  const copy = state.copy();
  state.apply({ kind: 'remove', key: Uint8Array.of(1) });
  expect([state.size, copy.size]).toEqual([0, 1]);
});

const key = Uint8Array.of(7);
const swap = (expected: Uint8Array | undefined): LogicalRecord => {
  const record = { kind: 'compareAndSwap', key, value: Uint8Array.of(9), success: true } as const;
  return expected === undefined ? record : { ...record, expected };
};

test.each([
  ['a swap of what is there', Uint8Array.of(1), swap(Uint8Array.of(1)), true],
  ['a swap of something else', Uint8Array.of(1), swap(Uint8Array.of(2)), false],
  ['a swap of a part', Uint8Array.of(1, 2), swap(Uint8Array.of(1)), false],
  ['a swap of nothing', Uint8Array.of(1), swap(undefined), false],
  ['a swap of nothing where nothing is', undefined, swap(undefined), true],
  ['a swap where nothing is', undefined, swap(Uint8Array.of(1)), false],
  ['a removal', Uint8Array.of(1), { kind: 'remove', key } as const, true],
  ['a removal of nothing', undefined, { kind: 'remove', key } as const, false],
  ['an increment of a counter', encodeCounter(3n), { kind: 'increment', key, delta: 1n, result: 77n } as const, true],
  [
    'an increment of something else',
    Uint8Array.of(1),
    { kind: 'increment', key, delta: 1n, result: 1n } as const,
    false,
  ],
  [
    'an increment beyond 64 bits',
    encodeCounter(-(2n ** 63n)),
    { kind: 'increment', key, delta: -1n, result: 0n } as const,
    false,
  ],
])('%s', (_, present, record, isDone) => {
  const state = new MapState();
  if (present !== undefined) state.apply({ kind: 'upsert', key, value: present });
  expect(state.apply(record).isDone).toBe(isDone);
  if (!isDone) expect(state.get(key)).toEqual(present);
  if (isDone && record.kind === 'increment') expect(state.get(key)).toEqual(encodeCounter(4n));
});

test('a record that a map does not make is damage', () => {
  expect(() => new MapState().apply({ kind: 'begin', txnId: 1n })).toThrow(/begin/);
});
