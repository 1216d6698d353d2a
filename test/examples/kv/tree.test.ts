// Goal: the tree is a sorted map, whatever is done to it in whatever order, and leaves no page behind. Method: random
// histories against a model, over pages of 512 bytes in memory, so that a few hundred entries split, empty and lower
// it; the whole tree is verified as it goes.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KvError } from '../../../examples/kv/errors.js';
import { Kv, type KvSnapshot } from '../../../examples/kv/kv.js';
import { keyBytesMax } from '../../../examples/kv/layout.js';
import type { RangeOptions } from '../../../examples/kv/tree-reader.js';
import type { TreeWriter } from '../../../examples/kv/tree-writer.js';
import { KvModel, listed } from '../../support/kv-model.js';
import { MemoryPages } from '../../support/memory-pages.js';
import { testSeed } from '../../support/workload-check.js';

const PAGE_BYTES = 512;
const RUNS = { seed: testSeed('kv tree'), numRuns: 120 };

/** Few letters, so that keys meet and are prefixes of each other; some as long as they may be. */
const key = fc
  .tuple(
    fc.array(fc.constantFrom(0, 97, 98, 255), { maxLength: 5 }),
    fc.constantFrom(0, 0, 0, 40, keyBytesMax(PAGE_BYTES) - 5),
  )
  .map(([start, length]) => Uint8Array.from([...start, ...new Array<number>(length).fill(99)]));
/** Most inside a leaf, some on one overflow page, some on several. */
const value = fc
  .tuple(fc.constantFrom(0, 1, 10, 30, 60, 90, 100, 110, 120, 496, 497, 2000), fc.nat(255))
  .map(([length, byte]) => new Uint8Array(length).fill(byte));
const bounds: fc.Arbitrary<RangeOptions> = fc.record(
  { from: key, to: key, limit: fc.nat(20), reverse: fc.boolean() },
  { requiredKeys: [] },
);

type Change =
  | { do: 'put'; key: Uint8Array; value: Uint8Array }
  | { do: 'delete'; key: Uint8Array }
  | { do: 'update'; key: Uint8Array; value: Uint8Array }
  | { do: 'writeWhileReading'; bounds: RangeOptions; value: Uint8Array | undefined }
  | { do: 'range'; bounds: RangeOptions };
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('put' as const), key, value }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('update' as const), key, value }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('writeWhileReading' as const),
      bounds,
      value: fc.option(value, { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('range' as const), bounds }) },
);
interface Transaction {
  readonly changes: readonly Change[];
  readonly ends: 'commits' | 'throws';
  readonly exclusive: boolean;
  /** Look at it later, when others have written on. */
  readonly snapshot: boolean;
}
const transaction: fc.Arbitrary<Transaction> = fc.record({
  changes: fc.array(change, { minLength: 1, maxLength: 30 }),
  ends: fc.constantFrom('commits' as const, 'commits' as const, 'commits' as const, 'throws' as const),
  exclusive: fc.boolean(),
  snapshot: fc.constantFrom(false, false, true),
});

function apply(tree: TreeWriter, model: KvModel, one: Change): void {
  if (one.do === 'put') {
    tree.put(one.key, one.value);
    model.set(one.key, one.value);
  } else if (one.do === 'delete') {
    expect(tree.delete(one.key)).toBe(model.get(one.key) !== undefined);
    model.set(one.key, undefined);
  } else if (one.do === 'update') {
    const next = (old: Uint8Array | undefined) => (old === undefined ? one.value : undefined);
    tree.update(one.key, next);
    model.set(one.key, next(model.get(one.key)));
  } else if (one.do === 'writeWhileReading') {
    const wanted = model.range(one.bounds);
    const found: string[] = [];
    for (const entry of tree.range(one.bounds)) {
      found.push(...listed([entry]));
      tree.update(entry.key, () => one.value);
      model.set(entry.key, one.value);
    }
    expect(found).toEqual(wanted);
  } else expect(listed(tree.range(one.bounds))).toEqual(model.range(one.bounds));
}

const stop = new Error('the transaction is given up');

async function runOne(kv: Kv, model: KvModel, { changes, ends, exclusive }: Transaction): Promise<KvModel> {
  let after = model;
  const work = (tree: TreeWriter) => {
    after = model.copy();
    for (const one of changes) apply(tree, after, one);
    if (ends === 'throws') throw stop;
  };
  const outcome = await kv.transaction(work, { exclusive }).then(
    () => 'commits',
    (error: unknown) => error,
  );
  expect(outcome).toBe(ends === 'throws' ? stop : 'commits');
  return ends === 'throws' ? model : after;
}

async function expectWhole(kv: Kv, model: KvModel): Promise<void> {
  const report = await kv.verify();
  expect(report).toMatchObject({ faults: [], entries: model.size });
  expect(await kv.transaction((tree) => listed(tree.range()))).toEqual(model.range());
}

test('the tree is a sorted map: every history of transactions, kept and given up, and every snapshot', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(transaction, { minLength: 1, maxLength: 25 }), async (history) => {
      const kv = await Kv.over(new MemoryPages(PAGE_BYTES));
      const snapshots: { snapshot: KvSnapshot; model: KvModel }[] = [];
      let model = new KvModel();
      for (const one of history) {
        model = await runOne(kv, model, one);
        if (one.snapshot) snapshots.push({ snapshot: await kv.snapshot(), model });
      }
      await expectWhole(kv, model);
      for (const { snapshot, model: then } of snapshots) {
        expect(listed(snapshot.range())).toEqual(then.range());
        expect(snapshot.verify()).toMatchObject({ faults: [], entries: then.size });
      }
    }),
    RUNS,
  );
});

const number = (n: number) => Buffer.from(String(n).padStart(6, '0'));
const COUNT = 3000;

test.each([
  ['rising', (index: number) => index],
  ['falling', (index: number) => COUNT - 1 - index],
  ['scattered', (index: number) => (index * 1999) % COUNT],
])('%s keys make a tree of several levels, which goes down to one empty leaf again', async (order, keyOf) => {
  const pages = new MemoryPages(PAGE_BYTES);
  const kv = await Kv.over(pages);
  const model = new KvModel();
  const all = Array.from({ length: COUNT }, (_, index) => [number(keyOf(index)), number(index)] as const);
  for (const [one, content] of all) model.set(one, content);
  await kv.transaction((tree) => {
    for (const [one, content] of all) tree.put(one, content);
  });
  await expectWhole(kv, model);
  const { height, fill } = await kv.verify();
  expect(height).toBeGreaterThanOrEqual(3);
  expect(fill).toBeGreaterThan(order === 'rising' ? 0.9 : 0.45);
  const sizeBefore = pages.pages.length;
  await kv.batch(all.map(([one]) => [one, undefined]));
  expect(await kv.verify()).toMatchObject({ entries: 0, height: 1, faults: [], pages: { leaf: 1, inner: 0 } });
  await kv.batch(all);
  await expectWhole(kv, model);
  expect(pages.pages.length, 'freed pages are used again').toBeLessThanOrEqual(sizeBefore * 1.2);
});

test('an overwritten or deleted large value gives its pages back', async () => {
  const pages = new MemoryPages(PAGE_BYTES);
  const kv = await Kv.over(pages);
  const large = new Uint8Array(50_000).map((_, index) => index);
  await kv.put(number(1), large);
  expect(await kv.get(number(1))).toEqual(large);
  const { overflow } = (await kv.verify()).pages;
  expect(overflow).toBe(Math.ceil(50_000 / (PAGE_BYTES - 16)));
  for (let round = 0; round < 5; round += 1)
    await kv.put(
      number(1),
      large.map((byte) => byte ^ round),
    );
  expect(pages.pages.length).toBeLessThanOrEqual(3 + 2 * overflow);
  expect(await kv.delete(number(1))).toBe(true);
  expect(await kv.verify()).toMatchObject({ entries: 0, pages: { overflow: 0 }, faults: [] });
});

test('a write that stays inside a leaf changes one page; one that does not runs again, alone', async () => {
  const pages = new MemoryPages(PAGE_BYTES);
  const kv = await Kv.over(pages);
  await kv.put(number(1), number(1));
  expect(pages).toMatchObject({ commits: 2, rollbacks: 0 });
  let runs = 0;
  await kv.transaction((tree) => {
    runs += 1;
    tree.put(number(2), new Uint8Array(5000));
  });
  expect({ runs, rollbacks: pages.rollbacks }).toEqual({ runs: 2, rollbacks: 1 });
});

test('a transaction that swallows the sign to run again is run again all the same', async () => {
  const kv = await Kv.over(new MemoryPages(PAGE_BYTES));
  await kv.transaction((tree) => {
    tree.put(number(1), number(1));
    try {
      tree.put(number(2), new Uint8Array(5000));
    } catch {}
  });
  expect((await kv.get(number(2)))?.length).toBe(5000);
});

test('keys and values that are too large or no bytes are refused, and nothing is changed', async () => {
  const kv = await Kv.over(new MemoryPages(PAGE_BYTES));
  const max = keyBytesMax(PAGE_BYTES);
  await kv.put(new Uint8Array(max), number(1));
  const wrong: (() => Promise<unknown>)[] = [
    () => kv.put(new Uint8Array(max + 1), number(1)),
    () => kv.delete(new Uint8Array(max + 1)),
    () => kv.put('key' as unknown as Uint8Array, number(1)),
    () => kv.put(new Uint8Array(max), 'value' as unknown as Uint8Array),
  ];
  for (const call of wrong) {
    const error: unknown = await call().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(KvError);
    expect(error).toMatchObject({ code: 'ERR_KV_INVALID_ARGUMENT' });
  }
  await kv.transaction((tree) => {
    expect(() => tree.put(new Uint8Array(max), 'value' as unknown as Uint8Array)).toThrow(KvError);
  });
  expect(await kv.verify()).toMatchObject({ entries: 1, faults: [] });
});

test('a transaction that met damage in the middle of a change does not commit, whatever it catches', async () => {
  const pages = new MemoryPages(PAGE_BYTES);
  const kv = await Kv.over(pages);
  await kv.put(number(1), new Uint8Array(5000));
  const overflow = pages.pages.findIndex((page) => page[0] === 3);
  const other = await Kv.over(pages.copy((all) => all[overflow]!.fill(0)));
  const outcome = other.transaction((tree) => {
    try {
      tree.delete(number(1));
    } catch {}
  });
  await expect(outcome).rejects.toMatchObject({ code: 'ERR_KV_DAMAGED' });
});
