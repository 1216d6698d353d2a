// What recovery must make of the byte corpus when, from some place on, its bytes are no longer those that were written:
// the commits in front of that place and no others; damage at that very place if anything that is still there says that
// more was synced, and a log that just ends there if nothing does.

import { expect } from 'vitest';
import { FILE_HEADER_BYTES } from '../../src/log/layout.js';
import { type LogScan, refuseDamage, scanLog } from '../../src/recovery/scan.js';
import { decodeSegmentHeader } from '../../src/segment/codec.js';
import { SEGMENT_HEADER } from '../../src/segment/layout.js';
import type { Directory } from '../../src/storage/directory.js';
import { type Corpus, fork, linesOf, type Unit } from './byte-corpus.js';
import { codeOf, cut, readFile } from './log-builder.js';

/** One segment of the corpus. */
export interface CorpusSegment {
  readonly file: string;
  readonly offset: number;
  readonly end: number;
  readonly epoch: number;
  readonly isMark: boolean;
  readonly seqsBefore: number;
}

const known = new WeakMap<Corpus, CorpusSegment[]>();

/** The segments of the corpus in order. */
export function segmentsOfCorpus(corpus: Corpus): CorpusSegment[] {
  const segments = known.get(corpus) ?? findSegments(corpus);
  known.set(corpus, segments);
  return segments;
}

function findSegments({ map }: Corpus): CorpusSegment[] {
  const of = (header: Unit): CorpusSegment => {
    const certificate = map.find(
      ({ kind, file, offset }) => kind === 'certificate' && file === header.file && offset >= header.end,
    )!;
    return { ...header, end: certificate.end };
  };
  return map.filter(({ kind }) => kind === 'segment header').map(of);
}

/** Names of the files of the chain, oldest first. */
export function chainNames({ scan }: Corpus): string[] {
  return scan.chain.files.map(({ file }) => file.name);
}

/** What a directory gives: the code it is refused with, or none, and the commits that can be had all the same. */
export async function resultOf(directory: Directory): Promise<{ scan: LogScan; code: unknown; lines: string[] }> {
  const scan = await scanLog(directory);
  const code = await codeOf((async () => refuseDamage(scan))());
  return { scan, code, lines: await linesOf(directory, scan) };
}

/** Nothing of it matters: the same commits, no damage, no torn tail. */
export async function expectSame(directory: Directory, corpus: Corpus, what: string): Promise<void> {
  const { scan, code, lines } = await resultOf(directory);
  expect([code, scan.verdict, lines.join('\n')], what).toEqual([undefined, 'clean', corpus.lines.join('\n')]);
}

/** The log must end in front of `segment`, the first one that is not there any more as it was written. */
export async function expectEndsAt(
  directory: Directory,
  corpus: Corpus,
  segment: CorpusSegment,
  what: string,
): Promise<void> {
  const { scan, code, lines } = await resultOf(directory);
  const kept = corpus.lines.filter((line) => Number.parseInt(line, 10) <= segment.seqsBefore);
  expect(lines.join('\n'), what).toBe(kept.join('\n'));
  // A mark repeats the epoch before it.
  const lost = segment.isMark ? segment.epoch + 1 : segment.epoch;
  if (syncedStill(directory, corpus) >= lost) {
    expect(code, what).toBe('ERR_WAL_CORRUPT');
    expect(scan.damage[0], what).toMatchObject({ file: segment.file, offset: segment.offset });
  } else {
    expect([code, scan.damage], what).toEqual([undefined, []]);
    expect(['clean', 'torn'], what).toContain(scan.verdict);
    expect(scan.chain.isClean, what).toBe(false);
  }
}

/** A file cut to so many bytes: the log ends in front of the segment that was cut, or the file has lost its header. */
export async function expectCut(corpus: Corpus, name: string, bytes: number): Promise<void> {
  const copy = fork(corpus.directory);
  cut(copy, name, bytes);
  const what = `${name} cut to ${bytes}`;
  const hit = segmentsOfCorpus(corpus).find(({ file, end }) => file === name && end > bytes);
  if (hit === undefined) return expectSame(copy, corpus, what);
  if (bytes >= FILE_HEADER_BYTES) return expectEndsAt(copy, corpus, hit, what);
  const { code, scan } = await resultOf(copy);
  if (name === chainNames(corpus).at(-1)) {
    // Nothing else tells of the newest file.
    expect(scan.neverStarted, what).toEqual([name]);
    return expectEndsAt(copy, corpus, hit, what);
  }
  expect(code, what).toBe('ERR_WAL_CORRUPT');
  expect(scan.damage[0], what).toMatchObject({ file: name, offset: 0 });
}

/** The highest `syncedThrough` in headers that stand where they were written, as they were written. */
function syncedStill(directory: Directory, corpus: Corpus): number {
  const present = new Set(directory.list());
  let highest = 0;
  for (const { file } of corpus.scan.chain.files) {
    if (!present.has(file.name) || file.header.incarnation !== corpus.scan.log.incarnation) continue;
    const [now, then] = [directory, corpus.directory].map((one) => Buffer.from(readFile(one, file.name)));
    const isWhole = (from: number, to: number): boolean =>
      now!.length >= to && now!.subarray(from, to).equals(then!.subarray(from, to));
    if (!isWhole(0, FILE_HEADER_BYTES)) continue;
    highest = Math.max(highest, file.header.syncedThrough);
    for (const { offset, ...segment } of segmentsOfCorpus(corpus).filter((one) => one.file === file.name)) {
      if (segment.file !== file.name || !isWhole(offset, offset + SEGMENT_HEADER.bytes)) continue;
      const header = decodeSegmentHeader(then!.subarray(offset, offset + SEGMENT_HEADER.bytes));
      if (!('refused' in header)) highest = Math.max(highest, header.syncedThrough);
    }
  }
  return highest;
}
