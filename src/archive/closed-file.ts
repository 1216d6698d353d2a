// How far a closed log file is used: the walk over its segment headers, as far as they go on with each other. What
// stands behind is zeros, leftovers of older times, or the torn end of an incarnation; none of it is part of the log.
// Not here: frames and certificates, which only recovery verifies.

import type { FileHeader, LogPosition } from '../log/codec.js';
import { FILE_HEADER_BYTES } from '../log/layout.js';
import { chainFault, isAtHome, readCertificateCrc, readSegmentHeader } from '../segment/reader.js';
import type { LogFile } from '../storage/directory.js';

/** Where the chain of a file's segments ends. */
export interface UsedEnd {
  /** Bytes from the start of the file. */
  readonly bytes: number;
  /** Where the log stands there: two files with the same start and the same end hold the same commits. */
  readonly position: LogPosition;
}

/**
 * Walks the segments of a file.
 *
 * @param bytesMax - where to stop at the latest, a place between two segments
 * @throws {WalError} ERR_WAL_IO
 */
export function usedEndOf(file: LogFile, header: FileHeader, bytesMax = Number.POSITIVE_INFINITY): UsedEnd {
  let position = header.start;
  let bytes = FILE_HEADER_BYTES;
  const size = file.size();
  while (bytes < bytesMax) {
    const segment = readSegmentHeader(file, bytes);
    if (segment === undefined || 'refused' in segment || !isAtHome(segment, header, bytes)) break;
    if (chainFault(segment, position) !== undefined || bytes + segment.segmentBytes > size) break;
    const certificateCrc = readCertificateCrc(file, segment);
    if (certificateCrc === undefined) break;
    const { epoch, endSeq: nextSeq, headerCrc } = segment;
    position = { epoch, nextSeq, headerCrc, certificateCrc };
    bytes += segment.segmentBytes;
  }
  return { bytes, position };
}
