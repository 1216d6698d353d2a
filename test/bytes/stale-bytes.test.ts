// Bytes of an earlier life that show through in a recycled file: behind the end at every segment and sector boundary,
// mixed with new sectors in every way, and segments that would fit but for one thing. None is ever taken for new.

import { beforeAll, describe, expect, test } from 'vitest';
import { frameSeed } from '../../src/frame/codec.js';
import { SEGMENT_HEADER } from '../../src/segment/layout.js';
import type { Place } from '../../src/segment/segment-writer.js';
import { MemoryDirectory } from '../../src/storage/memory-directory.js';
import { type Corpus, fork, makeByteCorpus } from '../support/byte-corpus.js';
import { type CorpusSegment, chainNames, expectEndsAt, resultOf, segmentsOfCorpus } from '../support/corpus-oracle.js';
import { buildSegment, LogBuilder, pages, poke, readFile } from '../support/log-builder.js';

const SECTOR_BYTES = 512;

describe('R8: in the newest file of a log, which was recycled', () => {
  let corpus: Corpus;
  let newest: CorpusSegment[];
  let stale: Uint8Array[];
  beforeAll(async () => {
    corpus = await makeByteCorpus(false);
    const name = chainNames(corpus).at(-1)!;
    newest = segmentsOfCorpus(corpus).filter(({ file }) => file === name);
    // Whole files of this log: of both incarnations, and of other numbers.
    const others = corpus.directory.list().filter((one) => one.endsWith('.wal') && one !== name);
    stale = others.map((one) => readFile(corpus.directory, one));
  });

  test('old bytes from any sector on end the log in front of the segment that they are in (F17)', async () => {
    let places = 0;
    for (const segment of newest) {
      for (let at = segment.offset; at < segment.end; at += SECTOR_BYTES) {
        for (const old of stale) {
          const copy = fork(corpus.directory);
          const tail = old.subarray(at);
          poke(copy, segment.file, at, tail);
          if (isAsWritten(copy, segment)) continue;
          await expectEndsAt(copy, corpus, segment, `old bytes from ${at} on`);
          places += 1;
        }
      }
    }
    expect(places).toBeGreaterThan(50);
  });

  test('any mixture of old and new sectors of the last segment is that segment whole, or none', async () => {
    const last = newest.at(-1)!;
    const sectors = (last.end - last.offset) / SECTOR_BYTES;
    const outcomes = { whole: 0, none: 0 };
    // The file before it, of the same incarnation, has the most in common with it.
    for (const old of stale.slice(2, 3)) {
      for (let mask = 0; mask < 2 ** sectors; mask += 1) {
        const copy = fork(corpus.directory);
        for (let sector = 0; sector < sectors; sector += 1) {
          const at = last.offset + sector * SECTOR_BYTES;
          if ((mask & (1 << sector)) !== 0) poke(copy, last.file, at, old.subarray(at, at + SECTOR_BYTES));
        }
        if (isAsWritten(copy, last)) {
          expect((await resultOf(copy)).lines).toEqual(corpus.lines);
          outcomes.whole += 1;
        } else {
          await expectEndsAt(copy, corpus, last, `old sectors ${mask.toString(2)}`);
          outcomes.none += 1;
        }
      }
    }
    expect(outcomes.none).toBeGreaterThan(200);
    expect(outcomes.whole).toBeGreaterThan(0);
  });

  const isAsWritten = (copy: MemoryDirectory, { file, offset, end }: CorpusSegment): boolean => {
    const [now, then] = [copy, corpus.directory].map((one) => Buffer.from(readFile(one, file).subarray(offset, end)));
    return now!.equals(then!);
  };
});

/** A log with two epochs, and what a third one behind them needs to fit. */
function twoEpochs(): { directory: MemoryDirectory; name: string; place: Place; epoch: number; nextSeq: number } {
  const directory = new MemoryDirectory({ pretendSync: true });
  const builder = new LogBuilder(directory, { fileBytes: 32 * 1024 });
  builder.incarnation = 2;
  builder.fileNumber = 2;
  builder.start().epoch(pages(1, 1)).epoch(pages(2, 2));
  const { logId, incarnation, fileNumber, offset: fileOffset, position, name } = builder;
  const place = { logId, incarnation, fileNumber, fileOffset, previous: position, syncedThrough: 0, wallClockMs: 1 };
  return { directory, name, place, epoch: position.epoch + 1, nextSeq: position.nextSeq };
}

type Fitting = ReturnType<typeof twoEpochs> & { readonly seed?: number };

/** Puts a segment behind the two epochs that fits, but for what `change` does to it; what recovery finds then. */
async function withThird(change: (fitting: Fitting) => Partial<Fitting>): Promise<string[]> {
  const fitting: Fitting = twoEpochs();
  const { directory, name, place, epoch, nextSeq, seed: ownSeed } = { ...fitting, ...change(fitting) };
  // Frames go with their header, whatever it says, unless they are what does not fit.
  const seed = ownSeed ?? frameSeed(place.logId, place.incarnation);
  const built = buildSegment([pages(3, 3)], epoch, nextSeq, { lanes: 1, seed, pageBytes: 512 });
  const { pieces } = built.encode(place);
  poke(directory, name, fitting.place.fileOffset, Buffer.concat(pieces));
  return (await resultOf(directory)).lines;
}

describe('R8: a segment that would go on with the log', () => {
  test('is part of it when everything fits', async () => {
    expect(await withThird(() => ({}))).toEqual(['1 p0.1=1', '2 p0.2=2', '3 p0.3=3']);
  });

  const place = (change: (place: Place) => Partial<Place>) => (fitting: Fitting) => ({
    place: { ...fitting.place, ...change(fitting.place) },
  });
  const previous = (change: Partial<Place['previous']>) =>
    place((one) => ({ previous: { ...one.previous, ...change } }));

  test.each<[string, (fitting: Fitting) => Partial<Fitting>]>([
    ['of another log', place(({ logId }) => ({ logId: logId + 1 }))],
    ['of an older incarnation', place(({ incarnation }) => ({ incarnation: incarnation - 1 }))],
    ['of a newer incarnation', place(({ incarnation }) => ({ incarnation: incarnation + 1 }))],
    ['of the file before', place(({ fileNumber }) => ({ fileNumber: fileNumber - 1 }))],
    ['of another place in the file', place(({ fileOffset }) => ({ fileOffset: fileOffset + 4096 }))],
    ['behind another header', previous({ headerCrc: 1 })],
    ['behind another certificate', previous({ certificateCrc: 1 })],
    ['that skips a commit', ({ nextSeq }) => ({ nextSeq: nextSeq + 1 })],
    ['that repeats a commit', ({ nextSeq }) => ({ nextSeq: nextSeq - 1 })],
    ['that skips an epoch', ({ epoch }) => ({ epoch: epoch + 1 })],
    ['that repeats an epoch', ({ epoch }) => ({ epoch: epoch - 1 })],
    ['that calls a later epoch synced', place(() => ({ syncedThrough: 4 }))],
    ['with frames of an older incarnation', ({ place: at }) => ({ seed: frameSeed(at.logId, at.incarnation - 1) })],
    ['with frames of another log', ({ place: at }) => ({ seed: frameSeed(at.logId + 1, at.incarnation) })],
  ])('is none of it %s, though every checksum is right', async (_, change) => {
    expect(await withThird(change)).toEqual(['1 p0.1=1', '2 p0.2=2']);
  });

  test('of two of which the first is not whole is none of it, though the second is', async () => {
    const { directory, name, place: at, epoch, nextSeq } = twoEpochs();
    const seed = frameSeed(at.logId, at.incarnation);
    const third = buildSegment([pages(3, 3)], epoch, nextSeq, { lanes: 1, seed, pageBytes: 512 });
    const { pieces, headerCrc, certificateCrc } = third.encode(at);
    const before = Buffer.concat(pieces);
    const fourthAt = { ...at, fileOffset: at.fileOffset + third.segmentBytes, previous: { headerCrc, certificateCrc } };
    const fourth = buildSegment([pages(4, 4)], epoch + 1, nextSeq + 1, { lanes: 1, seed, pageBytes: 512 });
    before[SEGMENT_HEADER.bytes + 100]! ^= 1;
    poke(directory, name, at.fileOffset, before);
    poke(directory, name, fourthAt.fileOffset, Buffer.concat(fourth.encode(fourthAt).pieces));
    const { lines, scan } = await resultOf(directory);
    expect(lines).toEqual(['1 p0.1=1', '2 p0.2=2']);
    expect(scan).toMatchObject({ verdict: 'torn', droppedBytes: third.segmentBytes + fourth.segmentBytes });
  });
});
