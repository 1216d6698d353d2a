// Goal: N14, the log is the same in one thread, in many, and over memory. Method: the same random commits go through a
// log over memory, a log over the file system with its flusher inline, and a log with its flusher on a thread and its
// writer in it; recovery of each gives the same commits and the same pages.

import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openWal, type ReplayCommit, recoverWal, type Wal } from '../../src/index.js';
import { recoverDirectory } from '../../src/recovery/recover.js';
import { type Directory, MemoryDirectory, NodeDirectory, openWalOn } from '../../src/testing.js';
import { inTemporaryDirectory } from '../support/temporary-path.js';

const SETTINGS = { pageSize: 512, lanes: 2, laneBytes: 8192, logFileBytes: 65_536 } as const;
const SEED = Number(process.env.WAL_TEST_SEED ?? Date.now() % 2 ** 31);

const commits = fc.array(
  fc.record({
    pages: fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.nat(255)), { minLength: 1, maxLength: 30 }),
    isAwaited: fc.boolean(),
  }),
  { minLength: 1, maxLength: 40 },
);

type Commits = typeof commits extends fc.Arbitrary<infer Value> ? Value : never;

/** Runs the commits; those of more than 16 pages are jumbos in these lanes. */
async function run(wal: Wal, workload: Commits): Promise<void> {
  const writer = wal.connect();
  for (const [index, { pages, isAwaited }] of workload.entries()) {
    const writes = pages.map(([pageNumber, value]) => ({ pageNumber, image: new Uint8Array(512).fill(value) }));
    const commit = await writer.appendAsync({ txnId: index + 1, pages: writes });
    if (isAwaited) await commit.durable();
  }
  await wal.close();
}

/** What recovery gives, commit by commit. */
async function recovered(recover: (into: (commit: ReplayCommit) => void) => Promise<unknown>): Promise<unknown[]> {
  const seen: unknown[] = [];
  await recover(({ seq, txnId, records }) => {
    const pages = [...records()].map((each) =>
      each.kind === 'page' ? [each.pageNumber, each.image[0], each.image.length] : each.kind,
    );
    seen.push([seq, txnId, pages]);
  });
  return seen;
}

test('N14: one thread, a flusher on its own thread, and memory give the same log', async () => {
  console.log(`seed=${SEED}`);
  await fc.assert(
    fc.asyncProperty(commits, async (workload) => {
      await inTemporaryDirectory(async (path) => {
        const memory = new MemoryDirectory({ pretendSync: true });
        const inline: Directory = new NodeDirectory(join(path, 'inline-wal'));
        await run(await openWalOn(memory, SETTINGS), workload);
        await run(await openWalOn(inline, SETTINGS), workload);
        await run(await openWal(join(path, 'threaded'), SETTINGS), workload);
        const expected = workload.map(({ pages }, index) => [
          index + 1,
          index + 1,
          pages.map((page) => [...page, 512]),
        ]);
        expect(await recovered((into) => recoverDirectory(memory, { into }))).toEqual(expected);
        expect(await recovered((into) => recoverDirectory(inline, { into }))).toEqual(expected);
        expect(await recovered((into) => recoverWal(join(path, 'threaded'), { into }))).toEqual(expected);
      });
    }),
    { numRuns: 15, seed: SEED },
  );
});
