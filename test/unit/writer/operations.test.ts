// Goal: what a commit costs in shared memory is known, word by word: an append touches one word that all writers touch,
// and a seal goes by lanes, never by commits. Method: every atomic operation is counted, named after shared-memory.md;
// design/scaling.md reckons with these figures.

import { afterEach, expect, test } from 'vitest';
import { Control, SLEEP } from '../../../src/epoch/control.js';
import { type AtomicOps, atomics } from '../../../src/memory/atomics.js';
import { LINE_BYTES } from '../../../src/memory/words.js';
import { MemoryDirectory, openWalOn } from '../../../src/testing.js';
import type { Wal } from '../../../src/wal.js';
import { readMarkdown, withoutBackticks } from '../../support/markdown.js';
import { readPackageFile } from '../../support/package-root.js';

const real = { ...atomics };
let opened: Wal | undefined;

afterEach(async () => {
  Object.assign(atomics, real);
  await opened?.close();
});

/** Names of the words of control block and lane block by their line; what has several lines is not among them. */
const [controlWords, laneWords] = readMarkdown(readPackageFile('design/shared-memory.md'))
  .tables.filter(({ columns }) => columns[2] === 'line')
  .map(({ rows }) => new Map(rows.map(([word = '', , line = '']) => [Number(line), withoutBackticks(word)])));
/** The counters have lines of their own, and behind the words and the failure text are the sizes. */
const COUNTER_LINES = [15, 16];

async function open(lanes: number): Promise<Wal> {
  const settings = { lanes, pageSize: 512, logFileBytes: 2 ** 20, ticker: false };
  opened = await openWalOn(new MemoryDirectory({ pretendSync: true }), settings);
  return opened;
}

/** Counts the operations of this thread while `act` runs: by block, word and operation. */
async function count(wal: Wal, act: () => unknown): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const nameOf = (words: Int32Array | BigInt64Array, index: number): string => {
    const line = Math.floor((words.byteOffset + index * words.BYTES_PER_ELEMENT) / LINE_BYTES);
    const isLane = wal.handle.lanes.includes(words.buffer as SharedArrayBuffer);
    const name = (isLane ? laneWords : controlWords)?.get(line);
    return name ?? (COUNTER_LINES.includes(line) ? 'counters' : 'sizes');
  };
  for (const name of Object.keys(real) as (keyof AtomicOps)[]) {
    const operation = real[name] as (words: Int32Array | BigInt64Array, index: number, ...rest: unknown[]) => unknown;
    const counted = (words: Int32Array | BigInt64Array, index: number, ...rest: unknown[]): unknown => {
      const key = `${nameOf(words, index)} ${name}`;
      counts[key] = (counts[key] ?? 0) + 1;
      return operation(words, index, ...rest);
    };
    Object.assign(atomics, { [name]: counted });
  }
  try {
    await act();
  } finally {
    Object.assign(atomics, real);
  }
  return counts;
}

const page = (pageNumber: number) => ({ pages: [{ pageNumber, image: new Uint8Array(512) }] });

test("an append touches one word that every writer changes, and all others are its lane's or seldom changed", async () => {
  const wal = await open(2);
  const writer = wal.connect();
  writer.append(page(1));
  // As under load: a flusher that is awake needs no wake-up.
  new Control(wal.handle.control).flusherSleep.store(SLEEP.awake);
  expect(await count(wal, () => writer.append(page(2)))).toEqual({
    'commitSeqNext load64': 1,
    'commitSeqNext increment64': 1,
    'guard store64': 2,
    'lock compareExchange': 2,
    'lockWaiters load': 1,
    'head load': 2,
    'tail load': 2,
    'tail store': 1,
    'state load': 2,
    'mode load': 2,
    'sizes load64': 1,
    'writtenTurn load': 1,
    'flusherSleep load': 1,
  });
});

test.each([
  [2, 10],
  [2, 50],
  [6, 10],
  [6, 50],
])('an epoch over %i lanes costs the same words for %i commits: two for each lane', async (lanes, commits) => {
  const wal = await open(lanes);
  const writer = wal.connect();
  for (let number = 1; number <= commits; number += 1) writer.append(page(number));
  const counts = await count(wal, () => wal.flush());
  expect(counts['guard load64']).toBe(lanes);
  // Whether a lane is half full is looked at, too.
  expect(counts['tail load']).toBeGreaterThanOrEqual(lanes);
  const once = ['head store', 'sealedEpoch store64', 'writtenSeq store64', 'durableSeq store64', 'durableTurn add'];
  expect(once.map((word) => counts[word])).toEqual([1, 1, 1, 1, 1]);
  expect(counts['commitSeqNext increment64']).toBeUndefined();
});
