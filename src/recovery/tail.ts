// The part of a log that is not known to be on disk: every epoch above S. Opening copies it (R9).

import type { LogPosition } from '../log/codec.js';
import { FILE_HEADER_BYTES } from '../log/layout.js';
import { SEGMENT_KIND } from '../segment/layout.js';
import { type CheckedHeader, readCertificateCrc } from '../segment/reader.js';
import type { Directory, LogFile } from '../storage/directory.js';
import { segmentsOf } from './replay.js';
import type { LogScan } from './scan.js';

/** The epochs above some epoch of a chain. */
export interface LogTail {
  /** Where the log stands in front of them: right behind the segment of the last epoch that is not in the tail. */
  readonly base: LogPosition;
  /** Bytes of its segments. */
  readonly bytes: number;
  /** Its segments in order, marks left out: they say nothing that the new file's header does not. */
  segments(): Generator<{ readonly file: LogFile; readonly header: CheckedHeader }, void, void>;
}

/**
 * The tail of the scanned chain above `epoch`.
 *
 * The base is never behind a mark: a mark that was just read need not be on disk, and a file that starts behind it
 * would not connect after a power cut.
 */
export function tailAbove(directory: Directory, scan: LogScan, epoch: number): LogTail {
  const { files } = scan.chain;
  const first = files[0];
  const isRestarted = scan.position !== files.at(-1)?.end;
  if (first === undefined || isRestarted) return { base: scan.position, bytes: 0, *segments() {} };
  const last = Math.min(epoch, scan.position.epoch);
  let base: LogPosition = first.file.header.start;
  let bytes = 0;
  for (const part of files) {
    if (part.end.epoch < last) continue;
    let before: CheckedHeader | undefined;
    const file = directory.open(part.file.name, 'read');
    try {
      for (const header of segmentsOf(file, part.file, FILE_HEADER_BYTES, part.endOffset)) {
        if (header.kind !== SEGMENT_KIND.epoch) continue;
        if (header.epoch > last) bytes += header.segmentBytes;
        else before = header;
      }
      if (before !== undefined) base = positionBehind(file, before);
    } finally {
      file.close();
    }
  }
  return { base, bytes, segments: () => segmentsAbove(directory, scan, last) };
}

function* segmentsAbove(
  directory: Directory,
  { chain }: LogScan,
  epoch: number,
): Generator<{ file: LogFile; header: CheckedHeader }, void, void> {
  for (const part of chain.files) {
    if (part.end.epoch <= epoch) continue;
    const file = directory.open(part.file.name, 'read');
    try {
      for (const header of segmentsOf(file, part.file, FILE_HEADER_BYTES, part.endOffset)) {
        if (header.kind === SEGMENT_KIND.epoch && header.epoch > epoch) yield { file, header };
      }
    } finally {
      file.close();
    }
  }
}

function positionBehind(file: LogFile, header: CheckedHeader): LogPosition {
  const { epoch, endSeq: nextSeq, headerCrc } = header;
  return { epoch, nextSeq, headerCrc, certificateCrc: readCertificateCrc(file, header) ?? 0 };
}
