// Verification of one segment: everything that its header, its frames and its certificate say is compared, so that a
// segment counts if and only if all agree (design/format.md, "Segment": valid if and only if). Nothing is believed
// before it is checked and nothing is allocated from an unverified length (R12; faults.md F02, F31). Memory: one
// window. Not here: which segment should stand at a place when the chain goes on over files (recovery/).

import { crc32c } from '../base/checksum.js';
import { type DecodedFrameHeader, decodeFrameHeader, frameSeed } from '../frame/codec.js';
import { FRAME_HEADER } from '../frame/layout.js';
import { decodeRecordShape, type RecordShape } from '../record/codec.js';
import { RECORD_HEADER, RECORD_KIND } from '../record/layout.js';
import type { LogFile } from '../storage/directory.js';
import { type Certificate, decodeCertificate, decodeSegmentHeader, type Refusal, type SegmentHeader } from './codec.js';
import type { FileWindow } from './file-window.js';
import { CERTIFICATE_CRC_BYTES, SEGMENT_HEADER, SEGMENT_KIND } from './layout.js';
import type { RecordSink } from './record-sink.js';

/** What every segment of a file has to say about where it is. */
export interface SegmentHome {
  readonly logId: number;
  readonly incarnation: number;
  readonly fileNumber: number;
}

/** Where the log stands in front of a segment; the same as a LogPosition. */
export interface ChainPoint {
  readonly epoch: number;
  readonly nextSeq: number;
  readonly headerCrc: number;
  readonly certificateCrc: number;
}

/** A header that passed its own checks. */
export type CheckedHeader = SegmentHeader & { readonly headerCrc: number };

/** A certificate that passed its own checks and agrees with its header. */
export type CheckedCertificate = Certificate & { readonly crc: number };

/** Why a segment does not count, and where in the file that shows. */
export interface SegmentFault {
  readonly reason: string;
  readonly offset: number;
  /** The bytes are whole but of a version that is not known. */
  readonly isVersion: boolean;
}

/** What a verified segment holds. */
export interface SegmentSummary {
  readonly frameCount: number;
  readonly voidCount: number;
  readonly pageCount: number;
  readonly sizes: Certificate['sizes'];
  /** Spaces that have pages or sizes here, each with the last commit that does. */
  readonly spaces: ReadonlyMap<number, number>;
}

/** Largest certificate region that is read: 65,536 lanes, as many spaces, and a million voids fit. */
export const CERTIFICATE_BYTES_MAX = 16 * 2 ** 20;

/** The shortest frame there can be; bounds how many fit into a length. */
const FRAME_BYTES_MIN = 2 * FRAME_HEADER.bytes;

/** Bits of one piece of the set of sequences that were seen. */
const PIECE_BITS = 2 ** 16;

/** Reads the header at `offset`; undefined when the file ends within it. */
export function readSegmentHeader(file: LogFile, offset: number): CheckedHeader | Refusal | undefined {
  const bytes = new Uint8Array(SEGMENT_HEADER.bytes);
  return file.read(bytes, offset) < bytes.length ? undefined : decodeSegmentHeader(bytes);
}

/** Reads the checksum that ends the segment: the second half of its digest. Undefined when the file ends before it. */
export function readCertificateCrc(file: LogFile, header: SegmentHeader): number | undefined {
  const bytes = new Uint8Array(CERTIFICATE_CRC_BYTES);
  const offset = header.fileOffset + header.segmentBytes - bytes.length;
  return file.read(bytes, offset) < bytes.length ? undefined : new DataView(bytes.buffer).getUint32(0, true);
}

/** Whether a header says that it belongs exactly here: a stale, moved or foreign segment does not (F17, F20, F21). */
export function isAtHome(header: SegmentHeader, home: SegmentHome, offset: number): boolean {
  return (
    header.logId === home.logId &&
    header.incarnation === home.incarnation &&
    header.fileNumber === home.fileNumber &&
    header.fileOffset === offset
  );
}

/** Why a segment does not continue the chain at `point`, or undefined when it does (design/format.md, "Chain"). */
export function chainFault(header: SegmentHeader, point: ChainPoint): string | undefined {
  const { headerCrc, certificateCrc } = header.previous;
  if (headerCrc !== point.headerCrc || certificateCrc !== point.certificateCrc)
    return 'a segment does not continue the one before it';
  if (header.firstSeq !== point.nextSeq) return 'the sequences of a segment do not continue those before it';
  const isMark = header.kind === SEGMENT_KIND.mark;
  if (header.epoch !== (isMark ? point.epoch : point.epoch + 1))
    return 'the epoch of a segment does not continue the one before it';
  if (header.syncedThrough > header.epoch) return 'a segment calls an epoch synced that does not exist yet';
  return undefined;
}

/** A found fault on its way out of the checks below; never leaves this file. */
class Fault extends Error {
  constructor(
    reason: string,
    readonly offset: number,
    readonly isVersion = false,
  ) {
    super(reason);
  }
}

/**
 * Verifies frames and certificate of the segment whose header was checked before.
 *
 * @param header - checked, at home, and within the file
 * @param pageBytes - the log's page size: every page image has exactly this length
 * @param window - at least 64 KiB; its capacity is all the memory used, but for a certificate that is larger
 * @param sink - told of all commits, also of a segment that turns out to be bad
 * @throws {WalError} ERR_WAL_IO: an error while reading is never damage
 */
export function verifySegment(
  file: LogFile,
  window: FileWindow,
  header: CheckedHeader,
  pageBytes: number,
  sink?: RecordSink,
): SegmentSummary | SegmentFault {
  try {
    const certificate = readCertificate(file, window, header);
    const tally = new Tally(header, sink);
    const seed = frameSeed(header.logId, header.incarnation);
    let at = header.fileOffset + SEGMENT_HEADER.bytes;
    for (const share of certificate.lanes) {
      const end = at + share.bytes;
      let seqBefore = 0;
      for (let index = 0; index < share.frameCount; index += 1) {
        const frame = verifyFrame(window, at, end, seed, pageBytes, tally);
        if (frame.lane !== share.lane) throw new Fault('a frame stands among those of another lane', at);
        if (frame.commitSeq <= seqBefore) throw new Fault('the sequences of a lane are out of order', at);
        seqBefore = frame.commitSeq;
        at += frame.frameBytes;
      }
      if (at !== end) throw new Fault('the frames of a lane do not fill its bytes', at);
    }
    tally.compare(certificate, at);
    const { frameCount, pageCount, voids, sizes } = certificate;
    return { frameCount, pageCount, voidCount: voids.length, sizes, spaces: tally.spaces };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { reason: error.message, offset: error.offset, isVersion: error.isVersion };
  }
}

/**
 * Reads the certificate and compares all that it and the header say about each other.
 *
 * @returns the certificate, or why it does not count
 */
export function readSegmentCertificate(
  file: LogFile,
  window: FileWindow,
  header: SegmentHeader,
): CheckedCertificate | SegmentFault {
  try {
    return readCertificate(file, window, header);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { reason: error.message, offset: error.offset, isVersion: error.isVersion };
  }
}

function readCertificate(file: LogFile, window: FileWindow, header: SegmentHeader): CheckedCertificate {
  const { certificateBytes } = header;
  const at = header.fileOffset + SEGMENT_HEADER.bytes + header.framesBytes;
  if (certificateBytes > CERTIFICATE_BYTES_MAX) throw new Fault('a certificate has an impossible length', at);
  let region: Uint8Array | undefined;
  if (certificateBytes <= window.capacity) region = window.view(at, certificateBytes);
  else {
    const large = new Uint8Array(certificateBytes);
    if (file.read(large, at) === certificateBytes) region = large;
  }
  if (region === undefined) throw new Fault('the file ends within a segment', at);
  const certificate = decodeCertificate(region);
  if ('refused' in certificate) throw new Fault(certificate.reason, at, certificate.refused === 'version');
  const disagreement = disagreementOf(certificate, header);
  if (disagreement !== undefined) throw new Fault(disagreement, at);
  return certificate;
}

function disagreementOf(certificate: Certificate, header: SegmentHeader): string | undefined {
  const { voids, lanes, sizes, frameCount } = certificate;
  if (certificate.epoch !== header.epoch) return 'header and certificate disagree about the epoch';
  if (certificate.firstSeq !== header.firstSeq || certificate.endSeq !== header.endSeq) {
    return 'header and certificate disagree about the sequences';
  }
  if (frameCount !== header.frameCount) return 'header and certificate disagree about the frames';
  if (lanes.length !== header.laneCount) return 'header and certificate disagree about the lanes';
  if (frameCount + voids.length !== header.endSeq - header.firstSeq)
    return 'a commit is missing and no void explains it';
  let frames = 0;
  let bytes = 0;
  const seen = new Set<number>();
  for (const share of lanes) {
    if (share.frameCount === 0 || seen.has(share.lane)) return 'a lane is listed twice or without frames';
    if (!(share.bytes >= share.frameCount * FRAME_BYTES_MIN)) return 'a lane has more frames than bytes for them';
    seen.add(share.lane);
    frames += share.frameCount;
    bytes += share.bytes;
  }
  if (frames !== frameCount || bytes !== header.framesBytes) return 'the lanes of a certificate do not add up';
  if (!ascends(voids)) return 'the voids of a certificate are out of order';
  if (!ascends(sizes.map(({ space }) => space))) return 'the sizes of a certificate are out of order';
  return undefined;
}

function ascends(numbers: readonly number[]): boolean {
  // Written so that a number out of range (NaN) is out of order too.
  return numbers.every((number, index) => (index === 0 ? number >= 0 : number > (numbers[index - 1] as number)));
}

/** Verifies the frame at `at`, which may reach up to `end`. */
function verifyFrame(
  window: FileWindow,
  at: number,
  end: number,
  seed: number,
  pageBytes: number,
  tally: Tally,
): DecodedFrameHeader {
  const bytes = end - at >= FRAME_HEADER.bytes ? window.view(at, FRAME_HEADER.bytes) : undefined;
  if (bytes === undefined) throw new Fault('a frame header is cut short', at);
  const frame = decodeFrameHeader(bytes, end - at, seed);
  if (typeof frame === 'string') throw new Fault(frame, at);
  const payloadAt = at + FRAME_HEADER.bytes;
  const frameEnd = at + frame.frameBytes;
  // First the checksum over everything: from then on the records are what the writer wrote.
  if (checksumOf(window, payloadAt, frameEnd) !== frame.payloadCrc) throw new Fault('a frame fails its checksum', at);
  const sizes = verifyRecords(window, payloadAt, frameEnd, frame, pageBytes, tally);
  const refusal = tally.add(frame, sizes);
  if (refusal !== undefined) throw new Fault(refusal, at);
  return frame;
}

function checksumOf(window: FileWindow, from: number, end: number): number {
  let crc = 0;
  for (let at = from; at < end; ) {
    const length = Math.min(window.capacity, end - at);
    const piece = window.view(at, length);
    if (piece === undefined) throw new Fault('the file ends within a frame', at);
    crc = crc32c(piece, crc);
    at += length;
  }
  return crc;
}

/** Whether `recordCount` records, sizes first, fill the frame up to padding of less than one alignment. */
function verifyRecords(
  window: FileWindow,
  from: number,
  end: number,
  frame: DecodedFrameHeader,
  pageBytes: number,
  tally: Tally,
): { space: number; pages: number }[] {
  const sizes: { space: number; pages: number }[] = [];
  let at = from;
  let pageCount = 0;
  for (let index = 0; index < frame.recordCount; index += 1) {
    const place = end - at >= RECORD_HEADER.bytes ? window.find(at, RECORD_HEADER.bytes) : undefined;
    if (place === undefined) throw new Fault('a record is cut short by its frame', at);
    const record = decodeRecordShape(window.numbers, end - at, place);
    if (typeof record === 'string') throw new Fault(record, at);
    if (record.kind === RECORD_KIND.size) {
      if (sizes.length !== index) throw new Fault('a size record stands behind other records', at);
      sizes.push({ space: record.space, pages: record.number });
    } else if (record.kind === RECORD_KIND.page) {
      if (record.bytes !== pageBytes) throw new Fault('a page image has another length than the pages of the log', at);
      pageCount += 1;
    }
    tally.record(frame.commitSeq, record, at + RECORD_HEADER.bytes);
    at += record.recordBytes;
  }
  if (pageCount !== frame.pageCount) throw new Fault('a frame header counts its pages wrong', from);
  if (sizes.length !== frame.sizeCount) throw new Fault('a frame header counts its sizes wrong', from);
  const padding = end - at < FRAME_HEADER.bytes ? window.view(at, end - at) : undefined;
  if (padding === undefined || padding.some((byte) => byte !== 0)) {
    throw new Fault('bytes that are no record stand at the end of a frame', at);
  }
  return sizes;
}

/** Adds the frames of a segment up, to be compared with its certificate. */
class Tally {
  readonly #header: SegmentHeader;
  readonly #sink: RecordSink | undefined;
  /** Which sequences were seen, in pieces made when a verified frame needs them. */
  readonly #pieces = new Map<number, Uint8Array>();
  readonly #sizes = new Map<number, { seq: number; pages: number }>();
  readonly #word = new Uint8Array(4);
  readonly #wordView = new DataView(this.#word.buffer);
  readonly spaces = new Map<number, number>();
  #digest = 0;
  #pageCount = 0;

  constructor(header: SegmentHeader, sink: RecordSink | undefined) {
    this.#header = header;
    this.#sink = sink;
  }

  /** @returns why the frame cannot be one of this segment's */
  add(frame: DecodedFrameHeader, sizes: readonly { space: number; pages: number }[]): string | undefined {
    const { commitSeq } = frame;
    const { firstSeq, endSeq } = this.#header;
    if (commitSeq < firstSeq || commitSeq >= endSeq) return 'a frame has a sequence of another epoch';
    if (this.#mark(commitSeq - firstSeq)) return 'a commit sequence stands twice in a segment';
    this.#pageCount += frame.pageCount;
    this.#wordView.setUint32(0, frame.headerCrc, true);
    this.#digest = crc32c(this.#word, this.#digest);
    for (const { space, pages } of sizes) {
      const known = this.#sizes.get(space);
      if (known === undefined || known.seq <= commitSeq) this.#sizes.set(space, { seq: commitSeq, pages });
    }
    this.#sink?.commit(commitSeq);
    return undefined;
  }

  record(commitSeq: number, shape: RecordShape, bytesAt: number): void {
    if (shape.kind === RECORD_KIND.operation) return;
    const last = this.spaces.get(shape.space);
    if (last === undefined || last < commitSeq) this.spaces.set(shape.space, commitSeq);
    this.#sink?.record(commitSeq, shape, bytesAt);
  }

  compare(certificate: Certificate, at: number): void {
    const { firstSeq, endSeq } = this.#header;
    for (const commitSeq of certificate.voids) {
      if (commitSeq < firstSeq || commitSeq >= endSeq) throw new Fault('a void lies in another epoch', at);
      if (this.#mark(commitSeq - firstSeq)) throw new Fault('a void is listed for a commit that is there', at);
    }
    if (certificate.framesDigest !== this.#digest) throw new Fault('frames and certificate disagree', at);
    if (certificate.pageCount !== this.#pageCount) throw new Fault('a certificate counts its pages wrong', at);
    const { sizes } = certificate;
    const agree = ({ space, pages }: { space: number; pages: number }): boolean =>
      this.#sizes.get(space)?.pages === pages;
    if (sizes.length !== this.#sizes.size || !sizes.every(agree)) {
      throw new Fault('a certificate lists sizes that its frames do not set', at);
    }
  }

  /** Notes a sequence; returns whether it was noted before. */
  #mark(index: number): boolean {
    const number = Math.floor(index / PIECE_BITS);
    let piece = this.#pieces.get(number);
    if (piece === undefined) {
      piece = new Uint8Array(PIECE_BITS / 8);
      this.#pieces.set(number, piece);
    }
    const bit = index % PIECE_BITS;
    const byte = piece[bit >> 3] as number;
    piece[bit >> 3] = byte | (1 << (bit & 7));
    return (byte & (1 << (bit & 7))) !== 0;
  }
}
