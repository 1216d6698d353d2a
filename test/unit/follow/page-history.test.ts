// Goal: `wal.read` gives each page as of each commit that the log still tells of, whatever its index had room for at
// first. Method: random commits, cuts and checkpoints over a directory in memory, against the images as they were
// appended (WAL_TEST_SEED).

import { expect, test } from 'vitest';
import type { WalError } from '../../../src/base/errors.js';
import { between, seeded } from '../../../src/base/random.js';
import { Control } from '../../../src/epoch/control.js';
import type { Wal } from '../../../src/index.js';
import { MemoryDirectory, openWalOn } from '../../../src/testing.js';

const PAGE_BYTES = 512;
const SEED = Number(process.env.WAL_TEST_SEED ?? 7);

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'resolved',
    (error: WalError) => error.code,
  );

/** A checkpoint, in front of which the horizon says what is about to go. */
async function letGo(wal: Wal, throughSeq: number): Promise<void> {
  new Control(wal.handle.control).pins.advanceReleased(throughSeq);
  await wal.checkpoint({ throughSeq });
}

test(`pages are what they were as of any commit in the log (seed ${SEED})`, async () => {
  const random = seeded(SEED);
  const wal = await openWalOn(new MemoryDirectory({ pretendSync: true }), {
    pageSize: PAGE_BYTES,
    logFileBytes: 65_536,
    ticker: false,
  });
  /** What a reader of the log alone knows of each page after each commit: a value, or nothing. */
  const states: ReadonlyMap<number, number>[] = [new Map()];
  for (let round = 0; round < 6; round += 1) {
    for (let count = 0; count < 60; count += 1) {
      const seq = states.length;
      const after = new Map(states.at(-1));
      const isCut = random() < 0.1;
      const cutPages = between(random, 1, 9);
      if (isCut) for (let page = cutPages + 1; page <= 12; page += 1) after.set(page, 0);
      const pageNumber = between(random, 1, isCut ? cutPages : 9);
      const value = 1 + (seq % 255);
      after.set(pageNumber, value);
      const image = new Uint8Array(PAGE_BYTES).fill(value);
      // The space grows again at once, so that all pages may be written.
      if (isCut) wal.connect().append({ pages: [{ pageNumber, image }], dbSizePages: cutPages });
      else wal.connect().append({ pages: [{ pageNumber, image }], dbSizePages: 12 });
      states.push(after);
      if (count % 7 === 0) await wal.flush();
    }
    await wal.flush();
    const lastSeq = states.length - 1;
    for (let ask = 0; ask < 60; ask += 1) {
      const asOf = between(random, Math.max(0, lastSeq - 40), lastSeq);
      const pageNumber = between(random, 1, 12);
      const wanted = states[asOf]!.get(pageNumber);
      const image = await wal.read(pageNumber, { asOf });
      // What the log lets go of it need not know; what it says is right.
      if (image === undefined) expect(round === 0 ? wanted : undefined).toBeUndefined();
      else
        expect([asOf, pageNumber, image.length, image[0], image[511]]).toEqual([asOf, pageNumber, 512, wanted, wanted]);
    }
    if (round % 2 === 1) await letGo(wal, lastSeq - 45);
  }
  await wal.close();
});

test('more images than the index has room for at first are all found', async () => {
  const wal = await openWalOn(new MemoryDirectory({ pretendSync: true }), { pageSize: PAGE_BYTES, ticker: false });
  const image = new Uint8Array(PAGE_BYTES).fill(5);
  for (let first = 1; first <= 10_000; first += 500) {
    wal.connect().append({ pages: Array.from({ length: 500 }, (_, index) => ({ pageNumber: first + index, image })) });
    await wal.flush();
  }
  for (const page of [1, 4096, 4097, 10_000]) expect((await wal.read(page))?.[0]).toBe(5);
  expect(await wal.read(10_001)).toBeUndefined();
  await wal.close();
});

test('what the log cannot tell is said by name', async () => {
  const wal = await openWalOn(new MemoryDirectory({ pretendSync: true }), {
    pageSize: PAGE_BYTES,
    logFileBytes: 65_536,
    ticker: false,
  });
  const image = new Uint8Array(PAGE_BYTES).fill(5);
  for (let seq = 1; seq <= 300; seq += 1) {
    wal.connect().append({ pages: [{ pageNumber: seq, image }] });
    if (seq % 10 === 0) await wal.flush();
  }
  for (const [pageNumber, options] of [
    [0, {}],
    [1.5, {}],
    [1, { asOf: 301 }],
    [1, { asOf: -1 }],
    [1, { space: -1 }],
    [1, { space: 4096 }],
  ] as const) {
    expect(await codeOf(wal.read(pageNumber, options))).toBe('ERR_WAL_INVALID_ARGUMENT');
  }
  expect(await wal.read(1, { space: 1 })).toBeUndefined();
  expect(await wal.read(1, { asOf: 0 })).toBeUndefined();
  await letGo(wal, 300);
  const reads = await Promise.all([codeOf(wal.read(300, { asOf: 300 })), codeOf(wal.read(1, { asOf: 0 }))]);
  expect(reads).toEqual(['resolved', 'ERR_WAL_OVERTAKEN']);
  await wal.close();
  expect(await codeOf(wal.read(300))).toBe('ERR_WAL_CLOSED');
});
