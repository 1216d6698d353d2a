// Goal: a damaged page is an error with a code, never a wrong turn that does not end. Method: random bytes of the pages
// of a tree are changed; everything is tried on what is left, with a limit to what may be read.

import { expect, test } from 'vitest';
import { KvError } from '../../../examples/kv/errors.js';
import { Kv } from '../../../examples/kv/kv.js';
import { between, seeded } from '../../../src/base/random.js';
import { MemoryPages } from '../../support/memory-pages.js';
import { testSeed } from '../../support/workload-check.js';

const PAGE_BYTES = 512;
const ROUNDS = 150;
/** Enough for each thing that is tried, which reads the tree a few times over. */
const READS_MAX = 20_000;

const number = (n: number) => Buffer.from(String(n).padStart(6, '0'));

/** Leaves, inner nodes on two levels, large values, free pages. */
async function builtTree(): Promise<MemoryPages> {
  const pages = new MemoryPages(PAGE_BYTES);
  const kv = await Kv.over(pages);
  await kv.batch(Array.from({ length: 1500 }, (_, index) => [number(index * 7), number(index)]));
  await kv.batch(Array.from({ length: 6 }, (_, index) => [number(index * 1500 + 1), new Uint8Array(1200)]));
  await kv.batch(Array.from({ length: 40 }, (_, index) => [number((index + 100) * 7), undefined]));
  const { height, pages: kinds } = await kv.verify();
  expect(height).toBeGreaterThanOrEqual(3);
  expect(Math.min(kinds.leaf, kinds.inner, kinds.overflow, kinds.free)).toBeGreaterThan(0);
  return pages;
}

/** Changes bytes where they hurt: half of the time in the header or the slots of a page. */
function damage(pages: Uint8Array[], random: () => number): void {
  for (let count = between(random, 1, 4); count > 0; count -= 1) {
    const page = pages[between(random, 0, pages.length - 1)]!;
    const at = between(random, 0, (random() < 0.5 ? 48 : PAGE_BYTES) - 1);
    // Small numbers are pages, counts and kinds that exist.
    page[at] = random() < 0.5 ? between(random, 0, pages.length) : between(random, 0, 255);
  }
}

/** Everything that a tree can be asked, each with what may come of it. */
async function tryEverything(pages: MemoryPages, random: () => number): Promise<void> {
  const some = () => number(between(random, 0, 10_600));
  const attempts: ((kv: Kv) => Promise<unknown>)[] = [
    (kv) => kv.get(some()),
    (kv) => kv.transaction((tree) => [...tree.range()]),
    (kv) => kv.transaction((tree) => [...tree.range({ from: some(), reverse: true })]),
    (kv) => kv.put(some(), new Uint8Array(60)),
    (kv) => kv.put(some(), new Uint8Array(3000)),
    (kv) => kv.batch(Array.from({ length: 60 }, () => [some(), new Uint8Array(90)])),
    (kv) => kv.batch(Array.from({ length: 300 }, (_, index) => [number((index + 200) * 7), undefined])),
    (kv) => kv.verify(),
  ];
  for (const attempt of attempts) {
    pages.limitReads(READS_MAX);
    try {
      await attempt(await Kv.over(pages));
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
    }
  }
}

test('whatever bytes are damaged, every call ends, with a result or with an error of ours', async () => {
  const seed = testSeed('kv damage');
  const built = await builtTree();
  for (let round = 0; round < ROUNDS; round += 1) {
    const random = seeded(seed + round);
    const pages = built.copy((bytes) => damage(bytes, random));
    try {
      await tryEverything(pages, random);
    } catch (error) {
      throw new Error(`seed ${seed + round}`, { cause: error });
    }
  }
});

test('a page that is lost, used twice, or linked wrongly is what verify reports', async () => {
  const built = await builtTree();
  const faultsOf = async (change: (pages: Uint8Array[]) => void): Promise<string> => {
    const kv = await Kv.over(built.copy(change));
    return (await kv.verify()).faults.join('\n');
  };
  const leafAt = built.pages.findIndex((page) => page[0] === 2 && page[1] === 0 && page[8] !== 0);
  expect(await faultsOf(() => undefined)).toBe('');
  expect(await faultsOf((pages) => pages.push(new Uint8Array(PAGE_BYTES)))).toMatch('neither in use nor free');
  expect(await faultsOf((pages) => pages[0]!.fill(0, 32, 36))).toMatch('neither in use nor free');
  expect(await faultsOf((pages) => pages[0]!.set([leafAt + 1, 0], 32))).toMatch('is used twice');
  expect(await faultsOf((pages) => pages[leafAt]!.set([0, 0], 8))).toMatch('is linked to');
  expect(await faultsOf((pages) => pages[leafAt]!.copyWithin(16, 18, 20))).toMatch('not above the one before');
});

test('a page store that holds something else is refused', async () => {
  const other = new MemoryPages(PAGE_BYTES);
  await other.transaction((pages) => pages.edit(pages.allocate()).fill(7));
  const kv = await Kv.over(other);
  await expect(kv.get(number(1))).rejects.toMatchObject({ name: 'KvError', code: 'ERR_KV_NOT_A_TREE' });
});
