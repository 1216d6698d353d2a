// File headers to bytes and back (design/format.md, "File header").

import { crc32c } from '../base/checksum.js';
import { FORMAT_VERSION } from '../base/format-version.js';
import { readU64, writeU64 } from '../base/layout.js';
import { FILE_FLAG, FILE_HEADER, FILE_HEADER_BYTES, FILE_MAGIC_HIGH, FILE_MAGIC_LOW } from './layout.js';

/** Where the log stands between two segments: what the next segment, or the next file, has to continue. */
export interface LogPosition {
  /** Last epoch so far; 0 before the first. */
  readonly epoch: number;
  /** The next commit sequence. */
  readonly nextSeq: number;
  /** Digest of the last segment; zeros before the first. */
  readonly headerCrc: number;
  readonly certificateCrc: number;
}

/** Everything a file header says, but for magic, version and checksum. */
export interface FileHeader {
  readonly flags: number;
  readonly incarnation: number;
  readonly logId: number;
  readonly fileNumber: number;
  readonly pageBytes: number;
  /** Where the log stood when the file was started. */
  readonly start: LogPosition;
  readonly syncedThrough: number;
  readonly wallClockMs: number;
  readonly fileBytes: number;
}

/** Why bytes were not accepted as a file header. */
export interface FileRefusal {
  readonly refused: 'foreign' | 'version' | 'damaged';
  readonly reason: string;
}

const { at } = FILE_HEADER;
const FLAGS_KNOWN = FILE_FLAG.opening | FILE_FLAG.recycled;

/** The 4 KiB a log file starts with. */
export function encodeFileHeader(header: FileHeader): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(FILE_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(at.magicLow, FILE_MAGIC_LOW, true);
  view.setUint32(at.magicHigh, FILE_MAGIC_HIGH, true);
  view.setUint16(at.version, FORMAT_VERSION, true);
  view.setUint16(at.flags, header.flags, true);
  view.setUint32(at.incarnation, header.incarnation, true);
  writeU64(view, at.logId, header.logId);
  writeU64(view, at.fileNumber, header.fileNumber);
  view.setUint32(at.pageBytes, header.pageBytes, true);
  writeU64(view, at.startEpoch, header.start.epoch);
  writeU64(view, at.startSeq, header.start.nextSeq);
  view.setUint32(at.startHeaderCrc, header.start.headerCrc, true);
  view.setUint32(at.startCertificateCrc, header.start.certificateCrc, true);
  writeU64(view, at.syncedThrough, header.syncedThrough);
  writeU64(view, at.wallClockMs, header.wallClockMs);
  writeU64(view, at.fileBytes, header.fileBytes);
  view.setUint32(at.headerCrc, crc32c(bytes.subarray(0, at.headerCrc)), true);
  return bytes;
}

/** Decodes the first 4 KiB of a log file; every byte of them is checked. */
export function decodeFileHeader(bytes: Uint8Array): FileHeader | FileRefusal {
  if (bytes.length < FILE_HEADER_BYTES) return { refused: 'foreign', reason: 'the file is shorter than a header' };
  const view = new DataView(bytes.buffer, bytes.byteOffset, FILE_HEADER_BYTES);
  const isOurs =
    view.getUint32(at.magicLow, true) === FILE_MAGIC_LOW && view.getUint32(at.magicHigh, true) === FILE_MAGIC_HIGH;
  if (!isOurs) return { refused: 'foreign', reason: 'no log file magic' };
  if (crc32c(bytes.subarray(0, at.headerCrc)) !== view.getUint32(at.headerCrc, true)) {
    return { refused: 'damaged', reason: 'the file header fails its checksum' };
  }
  if (view.getUint16(at.version, true) !== FORMAT_VERSION)
    return { refused: 'version', reason: 'the format version is unknown' };
  const flags = view.getUint16(at.flags, true);
  const reserved = bytes.subarray(at.reserved1, at.headerCrc).some((byte) => byte !== 0);
  if ((flags & ~FLAGS_KNOWN) !== 0 || reserved || view.getUint32(at.reserved0, true) !== 0) {
    return { refused: 'version', reason: 'a reserved bit of a file header is set' };
  }
  if (bytes.subarray(FILE_HEADER.bytes, FILE_HEADER_BYTES).some((byte) => byte !== 0)) {
    return { refused: 'damaged', reason: 'bytes behind the file header are not zero' };
  }
  const u64 = (offset: number): number => readU64(view, offset) ?? Number.NaN;
  const header = {
    flags,
    incarnation: view.getUint32(at.incarnation, true),
    logId: u64(at.logId),
    fileNumber: u64(at.fileNumber),
    pageBytes: view.getUint32(at.pageBytes, true),
    start: {
      epoch: u64(at.startEpoch),
      nextSeq: u64(at.startSeq),
      headerCrc: view.getUint32(at.startHeaderCrc, true),
      certificateCrc: view.getUint32(at.startCertificateCrc, true),
    },
    syncedThrough: u64(at.syncedThrough),
    wallClockMs: u64(at.wallClockMs),
    fileBytes: u64(at.fileBytes),
  };
  const { start } = header;
  const numbers = [header.logId, header.fileNumber, start.epoch, start.nextSeq, header.syncedThrough];
  numbers.push(header.wallClockMs, header.fileBytes);
  if (numbers.some(Number.isNaN) || start.nextSeq === 0 || header.fileNumber === 0) {
    return { refused: 'damaged', reason: 'a number of a file header is out of range' };
  }
  return header;
}
