// A commit certificate as `lanewal inspect` prints it: every field, and the two of its header that say whose it is and
// what was durable then. What it proves is in design/certificates.md.

import { FORMAT_VERSION } from '../base/format-version.js';
import { CERTIFICATE_FLAG, SEGMENT_KIND } from '../segment/layout.js';
import type { VisitedSegment } from './log-reading.js';

/** Columns of the table for people. */
export const CERTIFICATE_HEAD = [
  'epoch',
  'commits',
  'frames',
  'by lane',
  'voids',
  'pages',
  'sizes',
  'synced through',
  'digest',
  'crc32c',
  'fallback',
];

/** Entries of a list in one cell; the JSON document has them all. */
const ENTRIES_PER_CELL = 8;

/** All that a certificate says. A segment of another format version is not read at all, so the version is ours. */
export function certificateOf({ header, certificate }: VisitedSegment) {
  const { voids, lanes, sizes, frameCount, pageCount, framesDigest, flags, epoch, firstSeq, endSeq, crc } = certificate;
  return {
    formatVersion: FORMAT_VERSION,
    incarnation: header.incarnation,
    epoch,
    firstSeq,
    endSeq,
    syncedThrough: header.syncedThrough,
    frameCount,
    pageCount,
    voids,
    lanes,
    sizes,
    framesDigest,
    crc,
    isFallback: (flags & CERTIFICATE_FLAG.fallback) !== 0,
  };
}

/** One row of the table for people. */
export function certificateRow(segment: VisitedSegment): (string | number)[] {
  const { epoch, firstSeq, endSeq, frameCount, lanes, voids, pageCount, sizes, ...rest } = certificateOf(segment);
  const isMark = segment.header.kind === SEGMENT_KIND.mark;
  return [
    epoch,
    isMark ? 'none, a mark' : `${firstSeq}-${endSeq - 1}`,
    frameCount,
    cell(lanes.map((share) => `${share.lane}:${share.frameCount}`)),
    cell(voids.map(String)),
    pageCount,
    cell(sizes.map(({ space, pages }) => `${space}:${pages}`)),
    rest.syncedThrough,
    hexadecimal(rest.framesDigest),
    hexadecimal(rest.crc),
    rest.isFallback ? 'yes' : '',
  ];
}

function cell(entries: readonly string[]): string {
  const more = entries.length - ENTRIES_PER_CELL;
  return [...entries.slice(0, ENTRIES_PER_CELL), ...(more > 0 ? [`and ${more} more`] : [])].join(' ');
}

function hexadecimal(word: number): string {
  return word.toString(16).padStart(8, '0');
}
