// A flipped bit anywhere in a log: reported with its place and nothing applied beyond it, or it is in bytes that say
// nothing. The map of the corpus names those: what stands behind the last segment of a file, and files that are no part
// of the log. Here every bit of one structure of each kind, and some of everything; the deep suite flips all.

import { beforeAll, describe, expect, test } from 'vitest';
import { seeded } from '../../src/base/random.js';
import { openLog } from '../../src/recovery/opening.js';
import { BitFlips, type Outcome, outcomeOf, tallyLine } from '../support/bit-flips.js';
import {
  CORPUS_FILE_BYTES,
  type Corpus,
  changedSince,
  fork,
  makeByteCorpus,
  snapshot,
  type Unit,
  type UnitKind,
} from '../support/byte-corpus.js';
import { codeOf, flip } from '../support/log-builder.js';
import { testSeed } from '../support/workload-check.js';

const RANDOM_FLIPS = 600;
/** What is not padding in these structures. */
const MEANING_BYTES: Partial<Record<UnitKind, number>> = { 'file header': 128, frame: 64, certificate: 64 };

describe.each([
  ['that was closed in order', true],
  ['without its last mark', false],
])('R2: a log %s', (title, isClosed) => {
  let corpus: Corpus;
  beforeAll(async () => {
    corpus = await makeByteCorpus(isClosed);
  });

  test('has every structure that there is', () => {
    const { chain, verdict } = corpus.scan;
    expect([verdict, chain.isClean]).toEqual(['clean', isClosed]);
    expect(chain.files.length).toBeGreaterThanOrEqual(4);
    expect(chain.files.filter(({ file }) => (file.header.flags & 2) !== 0).length).toBeGreaterThanOrEqual(3);
    expect(new Set(chain.files.map(({ file }) => file.header.incarnation)).size).toBe(2);
    expect(chain.files.reduce((sum, { voids }) => sum + voids, 0)).toBe(1);
    expect(corpus.map.some(({ kind, offset, end }) => kind === 'frame' && end - offset > 4096)).toBe(true);
    expect(new Set(corpus.map.map(({ kind }) => kind)).size).toBe(8);
    const outcomes = new Set(corpus.map.map((unit) => outcomeOf(unit, corpus)));
    expect([...outcomes].sort()).toEqual(['damage', 'meaningless', 'noted', 'stale', 'torn']);
    const above = corpus.map.filter((unit) => unit.kind === 'certificate' && outcomeOf(unit, corpus) === 'torn');
    expect(above.map(({ isMark }) => isMark)).toEqual(isClosed ? [true] : [false, false]);
  });

  test('reports every flipped bit of one structure of each kind where it is, and applies nothing beyond it (F15, F16)', async () => {
    const flips = new BitFlips(corpus);
    for (const unit of oneOfEach(corpus, isClosed ? ['damage', 'torn', 'noted'] : ['torn'])) {
      const end = Math.min(unit.end, unit.offset + (MEANING_BYTES[unit.kind] ?? 128));
      for (let at = unit.offset; at < end; at += 1)
        for (let bit = 0; bit < 8; bit += 1) await flips.flip(unit, at, bit);
    }
    console.log(`a log ${title}: ${tallyLine(flips.tally)}`);
    expect(flips.tally.damage + flips.tally.torn).toBeGreaterThan(2000);
  });

  test('reports flipped bits anywhere, padding too, and those that say nothing change nothing', async () => {
    const random = seeded(testSeed('bit flips'));
    const flips = new BitFlips(corpus);
    const pick = (below: number): number => Math.floor(random() * below);
    for (let count = 0; count < RANDOM_FLIPS; count += 1) {
      const unit = corpus.map[pick(corpus.map.length)]!;
      await flips.flip(unit, unit.offset + pick(unit.end - unit.offset), pick(8));
    }
    console.log(`a log ${title}, anywhere: ${tallyLine(flips.tally)}`);
    expect(flips.tally.damage).toBeGreaterThan(RANDOM_FLIPS / 2);
    expect(flips.tally.meaningless).toBeGreaterThan(0);
  });

  test('changes nothing in the directory when it is refused', async () => {
    for (const unit of corpus.map.filter((one) => outcomeOf(one, corpus) === 'damage')) {
      const damaged = fork(corpus.directory);
      flip(damaged, unit.file, unit.end - 1, 3);
      const before = snapshot(damaged);
      const result = await codeOf(openLog(damaged, { logFileBytes: CORPUS_FILE_BYTES, sync: true }));
      expect(['ERR_WAL_CORRUPT', 'ERR_WAL_GAP']).toContain(result);
      expect(changedSince(before, damaged), `${unit.kind} at ${unit.offset} of ${unit.file}`).toEqual([]);
    }
  });
});

/** One structure of each kind for each of these outcomes. */
function oneOfEach(corpus: Corpus, outcomes: readonly Outcome[]): Unit[] {
  const found = new Map<string, Unit>();
  for (const unit of corpus.map) {
    const outcome = outcomeOf(unit, corpus);
    if (outcomes.includes(outcome)) found.set(`${unit.kind}, ${outcome}`, unit);
  }
  return [...found.values()];
}
