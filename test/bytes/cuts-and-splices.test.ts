// Log files that were cut off, or whose bytes were replaced by bytes of another file, another place or another time:
// the log ends in front of the first segment that is not as it was written, and what was synced is missed by name.

import { beforeAll, describe, expect, test } from 'vitest';
import { FILE_HEADER_BYTES } from '../../src/log/layout.js';
import { type Corpus, fork, makeByteCorpus } from '../support/byte-corpus.js';
import { type CorpusSegment, chainNames, expectCut, expectEndsAt, segmentsOfCorpus } from '../support/corpus-oracle.js';
import { poke, readFile } from '../support/log-builder.js';

const SECTOR_BYTES = 512;

describe.each([
  ['that was closed in order', true],
  ['without its last mark', false],
])('a log %s', (_, isClosed) => {
  let corpus: Corpus;
  let segments: CorpusSegment[];
  let tried: string[];
  beforeAll(async () => {
    corpus = await makeByteCorpus(isClosed);
    segments = segmentsOfCorpus(corpus);
    const names = chainNames(corpus);
    // Without the last mark only what is in the newest file comes out differently.
    tried = isClosed ? names : names.slice(-1);
  });

  const bytesOf = (name: string): Uint8Array => readFile(corpus.directory, name);

  test('R2: cut off at any sector, and on both sides of every structure, ends there (F02)', async () => {
    for (const name of tried) {
      const places = new Set<number>();
      for (let at = 0; at < bytesOf(name).length; at += SECTOR_BYTES) places.add(at);
      for (const { offset, end } of corpus.map.filter(({ file }) => file === name)) {
        for (const at of [offset - 1, offset, offset + 1, end - 1]) if (at >= 0) places.add(at);
      }
      for (const bytes of places) {
        await expectCut(corpus, name, bytes);
      }
    }
  });

  test('R2: with the tail of another file, or of another place, from any segment on ends there', async () => {
    const sources = corpus.directory.list().filter((name) => name.endsWith('.wal'));
    let splices = 0;
    for (const target of segments.filter(({ file }) => tried.includes(file))) {
      for (const source of sources) {
        const bytes = bytesOf(source);
        for (let from = FILE_HEADER_BYTES; from < bytes.length; from += FILE_HEADER_BYTES) {
          if (source === target.file && from === target.offset) continue;
          const copy = fork(corpus.directory);
          const room = bytesOf(target.file).length - target.offset;
          const tail = new Uint8Array(room);
          tail.set(bytes.subarray(from, from + room));
          poke(copy, target.file, target.offset, tail);
          await expectEndsAt(copy, corpus, target, `${source} from ${from} at ${target.offset} of ${target.file}`);
          splices += 1;
        }
      }
    }
    expect(splices).toBeGreaterThan(isClosed ? 200 : 40);
  });

  test('R2: with a segment copied over another one, of the same length or not, ends there (F21)', async () => {
    let copies = 0;
    for (const target of segments.filter(({ file }) => tried.includes(file))) {
      for (const source of segments.filter((one) => one !== target)) {
        const copy = fork(corpus.directory);
        const bytes = bytesOf(source.file).subarray(source.offset, source.end);
        poke(copy, target.file, target.offset, bytes.subarray(0, bytesOf(target.file).length - target.offset));
        await expectEndsAt(copy, corpus, target, `${source.file} ${source.offset} at ${target.offset} ${target.file}`);
        copies += 1;
      }
    }
    expect(copies).toBeGreaterThan(isClosed ? 100 : 15);
  });

  test('R2: with a segment left out, and those behind it moved up, ends there', async () => {
    for (const gone of segments.filter(({ file }) => tried.includes(file))) {
      const bytes = bytesOf(gone.file);
      const copy = fork(corpus.directory);
      const moved = new Uint8Array(bytes.length - gone.offset);
      moved.set(bytes.subarray(gone.end));
      poke(copy, gone.file, gone.offset, moved);
      await expectEndsAt(copy, corpus, gone, `without ${gone.offset} of ${gone.file}`);
    }
  });
});
