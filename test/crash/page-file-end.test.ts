// Goal: a page file that a torn write left with part of a page at its end is recovered like any other, and one whose
// end the log does not account for is refused with nothing changed (F41). Method: pages of two sectors, so that a torn
// write that extends the file leaves an odd size; every operation of a recovery, every state, and again.

import { expect, test } from 'vitest';
import { WalError } from '../../src/base/errors.js';
import { recoverDirectory } from '../../src/recovery/recover.js';
import { PageFile } from '../../src/storage/page-file.js';
import { SimulatedDirectory } from '../../src/storage/simulated-directory.js';
import { image, LogBuilder, readFile } from '../support/log-builder.js';
import { crashPointsOf } from '../support/simulated-disk.js';

const PAGE_BYTES = 1024;
const page = (pageNumber: number, value: number) => ({ pageNumber, image: image(value, PAGE_BYTES) });

/** Grows to five pages, is cut to two, and grows again to three. */
function logOfWidePages(): SimulatedDirectory {
  const log = new SimulatedDirectory();
  new LogBuilder(log, { pageBytes: PAGE_BYTES, fileBytes: 32 * 1024 })
    .start()
    .epoch({ pages: [page(1, 1), page(2, 2)] }, { pages: [page(5, 5)] })
    .epoch({ pages: [page(2, 12)], dbSizePages: 2 })
    .epoch({ pages: [page(3, 13)], dbSizePages: 3 });
  return log;
}

function storeOf(bytes: Uint8Array): SimulatedDirectory {
  const store = new SimulatedDirectory();
  store.create({ sync: true });
  const file = store.open('db', 'create');
  file.write([bytes], 0);
  file.sync();
  file.close();
  store.sync();
  return store;
}

async function recoverInto(
  store: SimulatedDirectory,
  { dryRun = false, afterSeq = 0, recoveryMemoryBytes = undefined as number | undefined } = {},
): Promise<void> {
  const open: typeof PageFile.open = (name, pageBytes, mode) => PageFile.openIn(store, name, pageBytes, mode);
  const options = { afterSeq, dryRun, recoveryMemoryBytes };
  await recoverDirectory(logOfWidePages(), { into: { pageFiles: ['db'] }, ...options }, open);
}

const EXPECTED = Buffer.concat([1, 12, 13].map((value) => image(value, PAGE_BYTES)));

/** Windows of one page, and one for all of the log; the second recovery need not have the memory of the first. */
test.each([
  [1, 1],
  [1, undefined],
  [undefined, 1],
  [undefined, undefined],
])(
  'R11: part of a page at the end, left by a crash in a recovery, and another (F41), memory %s, %s',
  async (one, two) => {
    const store = storeOf(new Uint8Array());
    const points = await crashPointsOf(store, () => recoverInto(store, { recoveryMemoryBytes: one }));
    let ragged = 0;
    for (const point of points) {
      for (const { label, disk } of point.states({ sectorsMax: 2 })) {
        const left = disk();
        if (readFile(left, 'db').length % PAGE_BYTES !== 0) ragged += 1;
        await recoverInto(left, { recoveryMemoryBytes: two });
        expect(Buffer.from(readFile(left.crashPoint().lost().disk(), 'db')).equals(EXPECTED), label).toBe(true);
      }
    }
    expect(ragged).toBeGreaterThan(0);
  },
);

test.each([
  { name: 'behind every page of the log', bytes: 5 * PAGE_BYTES + 512, afterSeq: 0 },
  { name: 'in a page that the log has no image of', bytes: 3 * PAGE_BYTES + 1, afterSeq: 0 },
  { name: 'in a page that the log need not write again', bytes: PAGE_BYTES + 1, afterSeq: 3 },
])('an odd end $name is refused, and nothing is written (F41)', async ({ bytes, afterSeq }) => {
  const before = new Uint8Array(bytes).fill(7);
  const store = storeOf(before);
  const refusal = await recoverInto(store, { afterSeq }).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(WalError);
  expect(refusal).toMatchObject({ code: 'ERR_WAL_WRONG_STORE', details: { bytes, pageBytes: PAGE_BYTES } });
  expect(Buffer.from(readFile(store, 'db')).equals(before)).toBe(true);
});

test('a dry run over an odd end changes nothing (F41)', async () => {
  const before = new Uint8Array(PAGE_BYTES + 100).fill(7);
  const store = storeOf(before);
  await recoverInto(store, { dryRun: true });
  expect(Buffer.from(readFile(store, 'db')).equals(before)).toBe(true);
});
