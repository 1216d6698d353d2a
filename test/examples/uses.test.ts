// Goal: the example of each use does what its page says, and a newcomer can run it. Method: the programs, one after the
// other in one process that shows what each prints, twice in one folder; the state machine once more, killed. The pages
// show lines of the programs and no others.

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type IndexEntry, indexCodec } from '../../examples/segment-index/entry.js';
import { readMarkdown } from '../support/markdown.js';
import { readPackageFile } from '../support/package-root.js';
import { Program, scratchFolder } from '../support/program.js';

const USES = ['page-store', 'state-machine', 'key-value-map', 'change-capture', 'segment-index'];
const urlOf = (use: string): URL => new URL(`../../examples/${use}/main.js`, import.meta.url);
const RUNNER = fileURLToPath(new URL('../support/uses.js', import.meta.url));
/** Those that go on where they ended in another way than they began. */
const AGAIN = USES.slice(1);
/** Ten openings and a dozen threads, on whatever machine. */
const TIMEOUT_MS = 300_000;
/** Small logs, which are made fast. */
const VARIABLES = { LANEWAL_LOG_FILE_BYTES: String(2 ** 20), LANEWAL_LANE_BYTES: String(2 ** 20) };

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = scratchFolder('uses');
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const MAP_RUN = ['20 visits, 1 leader, 6 keys', 'as JSON, and back: {"kind":"remove","key":"bGVhZGVy"}'];

test(
  'the example of each use runs, and runs again where it was',
  () =>
    inFolder(async (folder) => {
      const programs = [...USES, ...AGAIN].map((use) => urlOf(use).href);
      const { status, stdout, stderr } = await new Program([process.execPath, RUNNER, folder, ...programs], VARIABLES)
        .ended;
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout.split('\n')).toEqual([
        '20 transfers by two threads, 1000 in all at every moment',
        '0 commands replayed behind nothing',
        'received: 100 bolts',
        'shipped: 40 bolts',
        'shipped: refused: 40 bolts',
        ...MAP_RUN,
        '100 orders captured, 0 left in the log',
        '0 merges cancelled; 147 documents in 1 segments, 1 saved',
        '2 commands replayed behind command 20',
        'received: 140 bolts',
        'shipped: 80 bolts',
        'shipped: 20 bolts',
        ...MAP_RUN,
        '100 orders captured, 0 left in the log',
        '1 merges cancelled; 294 documents in 2 segments, 2 saved',
      ]);
      const lines = readFileSync(join(folder, 'orders.jsonl'), 'utf8').trimEnd().split('\n');
      const orders = lines.map((line) => JSON.parse(line) as { id: number; clerk: number; number: number });
      expect(orders.map(({ id }) => id)).toEqual(orders.map((_, index) => index + 1));
      for (const clerk of [1, 2]) {
        const numbers = orders.filter((order) => order.clerk === clerk).map(({ number }) => number);
        expect(numbers).toEqual(Array.from({ length: 100 }, (_, index) => 1 + (index % 50)));
      }
    }),
  TIMEOUT_MS,
);

test(
  'the state machine loses nothing that it answered when it is killed',
  () =>
    inFolder(async (folder) => {
      const run = async (...options: string[]) =>
        new Program([process.execPath, fileURLToPath(urlOf('state-machine')), folder, ...options], VARIABLES).ended;
      const killed = await run('--crash');
      expect([killed.signal, killed.stdout.split('\n').at(-1)]).toEqual(['SIGKILL', 'shipped: refused: 40 bolts']);
      const { status, stdout } = await run();
      expect([status, ...stdout.split('\n').slice(0, 2)]).toEqual([
        0,
        '2 commands replayed behind command 20',
        'received: 140 bolts',
      ]);
    }),
  TIMEOUT_MS,
);

const number = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const numbers = fc.array(number, { maxLength: 20 });
const entry: fc.Arbitrary<IndexEntry> = fc.oneof(
  fc.record({ kind: fc.constant('addSegment' as const), segment: number, documents: number }),
  fc.record({ kind: fc.constant('startMerge' as const), merge: number, segments: numbers }),
  fc.record({ kind: fc.constant('cancelMerge' as const), merge: number }),
  fc.record({
    kind: fc.constant('endMerge' as const),
    merge: number,
    segment: number,
    documents: number,
    remappedDeletes: numbers,
  }),
  fc.record({ kind: fc.constant('deleteDocuments' as const), segment: number, documents: numbers }),
  fc.record({ kind: fc.constant('checkpoint' as const), generation: number }),
);

test('entries of the segment index come back as they were, and are refused when cut, longer or of no kind', () => {
  fc.assert(
    fc.property(entry, (given) => {
      const bytes = indexCodec.encode(given);
      expect(indexCodec.decode(bytes)).toEqual(given);
      for (let cut = 0; cut < bytes.length; cut += 1)
        expect(() => indexCodec.decode(bytes.slice(0, cut))).toThrow(RangeError);
      expect(() => indexCodec.decode(Uint8Array.of(...bytes, 0))).toThrow(RangeError);
    }),
    { numRuns: 50 },
  );
  for (const kind of [0, 7, 255]) expect(() => indexCodec.decode(Uint8Array.of(kind, 1, 0, 0, 0))).toThrow(RangeError);
  expect(() => indexCodec.encode({ kind: 'checkpoint', generation: 2 ** 32 })).toThrow(RangeError);
});

test.each(USES)('every line of code on the page of %s stands in its program', (use) => {
  const squeezed = (text: string): string => text.replaceAll(/\s+/g, ' ');
  const program = squeezed(readPackageFile(`examples/${use}/main.ts`));
  const { fences } = readMarkdown(readPackageFile(`examples/${use}/README.md`));
  const shown = fences.filter(({ info }) => info === 'ts');
  expect(shown.length).toBeGreaterThan(0);
  for (const { text } of shown) expect(program).toContain(squeezed(text.trim()));
});
