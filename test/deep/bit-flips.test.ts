// Every bit of every byte of a log (test/bytes/bit-flips.test.ts flips some), and a cut at every byte. One test for each of its files, so that
// none takes longer than the runner waits. LANEWAL_TEST_FLIPS bounds the flips of each file; by default all are done.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seeded } from '../../src/base/random.js';
import { BitFlips, outcomeOf, tallyLine } from '../support/bit-flips.js';
import { CORPUS_FILE_BYTES, type Corpus, makeByteCorpus, type Unit } from '../support/byte-corpus.js';
import { chainNames, expectCut } from '../support/corpus-oracle.js';
import { testSeed } from '../support/workload-check.js';

/** Two to four minutes for each file on an idle machine. */
const TIMEOUT_MS = 1_800_000;
const FLIPS_MAX = Number(process.env.LANEWAL_TEST_FLIPS ?? Number.POSITIVE_INFINITY);
/** The files of the log, oldest first; the corpus has no more. */
const FILES = [0, 1, 2, 3];

describe.each([
  ['that was closed in order', true],
  ['without its last mark', false],
])('R2: a log %s', (title, isClosed) => {
  let corpus: Corpus;
  let flips: BitFlips;
  beforeAll(async () => {
    corpus = await makeByteCorpus(isClosed);
    flips = new BitFlips(corpus);
  });
  afterAll(() => console.log(`a log ${title}, all bits: ${tallyLine(flips.tally)}`));

  const flipAll = async (units: readonly Unit[], bitsOf: (at: number) => readonly number[]): Promise<void> => {
    const before = flips.tally.flips;
    for (const unit of units) {
      for (let at = unit.offset; at < unit.end; at += 1) {
        for (const bit of bitsOf(at)) {
          if (flips.tally.flips - before >= FLIPS_MAX) return;
          await flips.flip(unit, at, bit);
        }
      }
    }
  };

  test.each(FILES)(
    'reports every flipped bit of its file %i, or it is in bytes that say nothing',
    async (index) => {
      const { files } = corpus.scan.chain;
      expect(files).toHaveLength(FILES.length);
      // Without the last mark only the outcome of what is above the last known sync differs.
      const units = corpus.map.filter((unit) => unit.file === files[index]!.file.name);
      await flipAll(isClosed ? units : units.filter(isOfItsOwn), () => [0, 1, 2, 3, 4, 5, 6, 7]);
    },
    TIMEOUT_MS,
  );

  const isOfItsOwn = (unit: Unit): boolean => ['torn', 'stale'].includes(outcomeOf(unit, corpus));

  test(
    'R2: cut off at any byte ends in front of the segment that was cut (F02)',
    async () => {
      let cuts = 0;
      for (const name of chainNames(corpus)) {
        for (let bytes = 0; bytes < CORPUS_FILE_BYTES && cuts < FLIPS_MAX; bytes += 1) {
          await expectCut(corpus, name, bytes);
          cuts += 1;
        }
      }
      console.log(`a log ${title}: ${cuts} cuts`);
    },
    TIMEOUT_MS,
  );

  test('reports every flipped bit of its checkpoints, and none of a spare', async () => {
    const random = seeded(testSeed('bits of spares'));
    await flipAll(
      corpus.map.filter(({ kind }) => kind === 'checkpoint'),
      () => [0, 1, 2, 3, 4, 5, 6, 7],
    );
    await flipAll(
      corpus.map.filter(({ kind }) => kind === 'spare'),
      (at) => (at % 8 === 0 ? [Math.floor(random() * 8)] : []),
    );
  });
});
