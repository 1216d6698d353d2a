// Laws of recovery over random logs: replay equals a model, a replay in two parts equals one, and neither crashes nor
// reopening changes what is there.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openLog } from '../../src/recovery/opening.js';
import { replayLog } from '../../src/recovery/replay.js';
import { mapTarget } from '../../src/recovery/replay-targets.js';
import { scanLog } from '../../src/recovery/scan.js';
import { MemoryDirectory } from '../../src/storage/memory-directory.js';
import { type CommitSpec, image, LogBuilder, transcript } from '../support/log-builder.js';

const FILE_BYTES = 32 * 1024;
const seed = process.env.WAL_TEST_SEED;
const RUNS = { numRuns: 60, ...(seed !== undefined && { seed: Number(seed) }) };

type Commit =
  | { pages: { pageNumber: number; value: number }[]; lane: number }
  | { size: number; lane: number }
  | { isVoid: boolean };
type Step = { epoch: Commit[] } | 'sync' | 'mark' | 'rotate' | 'reopen' | 'reopenWithoutSync';

const page = fc.record({ pageNumber: fc.integer({ min: 1, max: 12 }), value: fc.integer({ min: 0, max: 255 }) });
const commit: fc.Arbitrary<Commit> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      pages: fc.array(page, { minLength: 1, maxLength: 4 }),
      lane: fc.integer({ min: 0, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ size: fc.integer({ min: 0, max: 12 }), lane: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 1, arbitrary: fc.constant({ isVoid: true }) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ epoch: fc.array(commit, { minLength: 1, maxLength: 5 }) }) },
  { weight: 2, arbitrary: fc.constant('sync' as const) },
  { weight: 1, arbitrary: fc.constant('mark' as const) },
  { weight: 1, arbitrary: fc.constant('rotate' as const) },
  { weight: 2, arbitrary: fc.constant('reopen' as const) },
  { weight: 1, arbitrary: fc.constant('reopenWithoutSync' as const) },
);

function specOf(one: Commit): CommitSpec {
  if ('pages' in one) {
    // Each page once: two images of a page in one commit have no order that a caller could rely on.
    const byNumber = new Map(one.pages.map(({ pageNumber, value }) => [pageNumber, value]));
    return { lane: one.lane, pages: [...byNumber].map(([pageNumber, value]) => ({ pageNumber, image: image(value) })) };
  }
  return 'size' in one ? { lane: one.lane, dbSizePages: one.size } : { isVoid: true };
}

function apply(model: Map<number, number>, spec: CommitSpec): void {
  if (spec.dbSizePages !== undefined)
    for (const number of [...model.keys()]) if (number > spec.dbSizePages) model.delete(number);
  for (const { pageNumber, image: bytes } of spec.pages ?? []) model.set(pageNumber, bytes[0]!);
}

async function build(steps: readonly Step[]): Promise<{ directory: MemoryDirectory; commits: CommitSpec[] }> {
  const directory = new MemoryDirectory({ pretendSync: true });
  let builder = new LogBuilder(directory, { fileBytes: FILE_BYTES }).start();
  const commits: CommitSpec[] = [];
  for (const one of steps) {
    if (one === 'sync') builder.sync();
    else if (one === 'mark') builder.mark();
    else if (one === 'rotate') builder.rotate();
    else if (typeof one === 'string') {
      const opened = await openLog(directory, { logFileBytes: FILE_BYTES, sync: one === 'reopen' });
      builder = LogBuilder.resume(directory, opened, { fileBytes: opened.fileBytes });
    } else {
      const specs = one.epoch.map(specOf);
      builder.epoch(...specs);
      commits.push(...specs);
    }
  }
  return { directory, commits };
}

async function replayed(
  directory: MemoryDirectory,
  afterSeq: number,
  into = new Map<number, Uint8Array>(),
): Promise<Map<number, Uint8Array>> {
  await replayLog(directory, await scanLog(directory), mapTarget(into), { afterSeq });
  return into;
}

const plain = (map: Map<number, Uint8Array>): [number, number][] =>
  [...map].map(([number, bytes]): [number, number] => [number, bytes[0]!]).sort(([a], [b]) => a - b);

test('R1: replay equals a model, over rotations, marks, reopenings and policies', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const { directory, commits } = await build(steps);
      const model = new Map<number, number>();
      for (const spec of commits) apply(model, spec);
      const scan = await scanLog(directory);
      expect(scan).toMatchObject({ verdict: 'clean', damage: [], position: { nextSeq: commits.length + 1 } });
      expect(plain(await replayed(directory, 0))).toEqual([...model].sort(([a], [b]) => a - b));
    }),
    RUNS,
  );
});

test('R1: replay comes in sequence order, each commit once, in any number of lanes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      const { directory, commits } = await build(steps);
      const target = transcript();
      await replayLog(directory, await scanLog(directory), target);
      const expected = commits.flatMap((spec, index) => (spec.isVoid ? [] : [index + 1]));
      expect(target.lines.map((line) => Number.parseInt(line, 10))).toEqual(expected);
    }),
    RUNS,
  );
});

test('R11: a replay in two parts, or with a part repeated, equals one replay', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), fc.nat(60), fc.nat(60), async (steps, cut, back) => {
      const { directory } = await build(steps);
      const whole = plain(await replayed(directory, 0));
      const first = new Map<number, Uint8Array>();
      await replayLog(directory, await scanLog(directory), {
        commit: (one) => (one.seq <= cut ? mapTarget(first).commit(one) : undefined),
      });
      expect(plain(await replayed(directory, cut, new Map(first)))).toEqual(whole);
      expect(plain(await replayed(directory, Math.max(0, cut - back), new Map(first)))).toEqual(whole);
      expect(plain(await replayed(directory, 0, await replayed(directory, 0)))).toEqual(whole);
    }),
    RUNS,
  );
});
