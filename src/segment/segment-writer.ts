// Builds segments: an epoch's frames with header and certificate, or a mark. Knows nothing of files: the place is
// given.

import { type Certificate, encodeCertificate, encodeSegmentHeader, type SegmentDigest } from './codec.js';
import { SEGMENT_ALIGNMENT, SEGMENT_FLAG, SEGMENT_HEADER, SEGMENT_KIND } from './layout.js';

/** Where a segment will stand, and behind what. */
export interface Place {
  readonly logId: number;
  readonly incarnation: number;
  readonly fileNumber: number;
  readonly fileOffset: number;
  readonly previous: SegmentDigest;
  readonly syncedThrough: number;
  readonly wallClockMs: number;
}

/** A segment whose parts are there, all but the header that needs its place. */
export interface BuiltSegment {
  /** Whole length in bytes, a multiple of 4 KiB. */
  readonly segmentBytes: number;
  readonly epoch: number;
  readonly endSeq: number;
  encode(place: Place): { pieces: Uint8Array[] } & SegmentDigest;
}

/** Memory that one segment after the other is built in; a segment is written before the next one is built. */
export class SegmentScratch {
  readonly header = new Uint8Array(SEGMENT_HEADER.bytes);
  /** Enough for most certificates; a larger one gets memory of its own. */
  readonly certificate = new Uint8Array(2 * SEGMENT_ALIGNMENT);
}

/** The segment of one sealed epoch; `frames` are its bytes in order, views of lane memory. */
export function buildEpochSegment(
  certificate: Certificate,
  frames: readonly Uint8Array[],
  scratch = new SegmentScratch(),
): BuiltSegment {
  return build(SEGMENT_KIND.epoch, 0, certificate, frames, scratch);
}

/** A mark behind `epoch`: no frames; carries what was synced, and whether the log was closed in order. */
export function buildMarkSegment(epoch: number, nextSeq: number, isClean: boolean): BuiltSegment {
  const certificate: Certificate = {
    flags: 0,
    epoch,
    firstSeq: nextSeq,
    endSeq: nextSeq,
    frameCount: 0,
    pageCount: 0,
    framesDigest: 0,
    voids: [],
    lanes: [],
    sizes: [],
  };
  return build(SEGMENT_KIND.mark, isClean ? SEGMENT_FLAG.clean : 0, certificate, [], new SegmentScratch());
}

function build(
  kind: number,
  flags: number,
  certificate: Certificate,
  frames: readonly Uint8Array[],
  scratch: SegmentScratch,
): BuiltSegment {
  const { epoch, firstSeq, endSeq, frameCount, lanes } = certificate;
  const framesBytes = frames.reduce((sum, piece) => sum + piece.length, 0);
  const { bytes, crc } = encodeCertificate(certificate, framesBytes, scratch.certificate);
  const segmentBytes = SEGMENT_HEADER.bytes + framesBytes + bytes.length;
  return {
    segmentBytes,
    epoch,
    endSeq,
    encode(place) {
      const { header } = scratch;
      const headerCrc = encodeSegmentHeader(header, {
        // Named one by one: a spread of the place took 14 us of the 30 that the flusher needs before it writes.
        kind,
        logId: place.logId,
        incarnation: place.incarnation,
        flags,
        epoch,
        firstSeq,
        endSeq,
        fileNumber: place.fileNumber,
        fileOffset: place.fileOffset,
        segmentBytes,
        framesBytes,
        frameCount,
        laneCount: lanes.length,
        previous: place.previous,
        syncedThrough: place.syncedThrough,
        wallClockMs: place.wallClockMs,
        certificateBytes: bytes.length,
      });
      return { pieces: [header, ...frames, bytes], headerCrc, certificateCrc: crc };
    },
  };
}
