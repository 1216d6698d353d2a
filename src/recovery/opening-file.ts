// Builds the first file of a new incarnation under a temporary name. The order is the protocol: tail, sync, header,
// sync, rename, sync of the directory. A file with its final name and a valid header takes part in the log, and before
// that it does not, so each crash leaves either the old log or the new one (R9).

import { crc32c } from '../base/checksum.js';
import { wallClockMs } from '../base/clock.js';
import { WalError } from '../base/errors.js';
import { frameSeed, reseedFrameHeader } from '../frame/codec.js';
import { FRAME_HEADER } from '../frame/layout.js';
import { encodeFileHeader, type LogPosition } from '../log/codec.js';
import { FILE_FLAG, FILE_HEADER_BYTES } from '../log/layout.js';
import { logFileName, parseSpareFileName, UNFINISHED_SUFFIX } from '../log/names.js';
import { encodeCertificate, encodeSegmentHeader } from '../segment/codec.js';
import { FileWindow } from '../segment/file-window.js';
import { SEGMENT_HEADER } from '../segment/layout.js';
import { type CheckedHeader, readSegmentCertificate } from '../segment/reader.js';
import type { Directory, LogFile } from '../storage/directory.js';
import type { LogTail } from './tail.js';

/** What tells the new file from all others. */
export interface OpeningIdentity {
  readonly logId: number;
  readonly incarnation: number;
  readonly fileNumber: number;
  readonly pageBytes: number;
}

/** Settings of the new file. */
export interface OpeningFileSettings {
  readonly logFileBytes: number;
  readonly sync: boolean;
  /** Last epoch known to be synced before; without `sync` it stays that. */
  readonly syncedBefore: number;
}

/** The new file, in place. */
export interface OpeningFile {
  readonly position: LogPosition;
  readonly writeOffset: number;
  readonly fileBytes: number;
  readonly syncedThrough: number;
}

/** Zeros are written in pieces of this size: large enough for full speed, small enough for memory. */
const FILL_BYTES = 4 * 2 ** 20;
/** Frames are copied in pieces of this size, a multiple of the alignment of frames. */
const COPY_BYTES = 2 ** 20;

/**
 * Makes the opening file.
 *
 * @throws {WalError} ERR_WAL_STORAGE_FULL (nothing has changed but a spare's contents), ERR_WAL_IO
 */
export function buildOpeningFile(
  directory: Directory,
  tail: LogTail,
  identity: OpeningIdentity,
  { logFileBytes, sync, syncedBefore }: OpeningFileSettings,
): OpeningFile {
  const name = logFileName(identity.fileNumber);
  const bytesNeeded = FILE_HEADER_BYTES + tail.bytes;
  const spare = chooseSpare(directory, bytesNeeded, logFileBytes);
  // A spare keeps its blocks under the new name: with one, opening needs no space on a full disk. It keeps its name to
  // the end: of two renames of one file the second alone may become durable (A4), and the file then has two names.
  const unfinished = spare ?? `${name}${UNFINISHED_SUFFIX}`;
  const file = directory.open(unfinished, spare === undefined ? 'create' : 'write');
  try {
    const isScrubbed = spare !== undefined && scrub(file);
    const fileBytes = fill(file, Math.max(logFileBytes, bytesNeeded), spare === undefined ? undefined : bytesNeeded);
    const copied = copyTail(file, tail, identity);
    // The header must not become durable before what it vouches for.
    if (sync && (tail.bytes > 0 || isScrubbed)) file.sync();
    const syncedThrough = sync ? copied.position.epoch : syncedBefore;
    const header = {
      ...identity,
      flags: FILE_FLAG.opening,
      start: tail.base,
      syncedThrough,
      wallClockMs: wallClockMs(),
      fileBytes,
    };
    file.write([encodeFileHeader(header)], 0);
    if (sync) file.sync();
    directory.rename(unfinished, name);
    if (sync) directory.sync();
    return { ...copied, fileBytes, syncedThrough };
  } catch (error) {
    // The space a half-made file took may be what is missing elsewhere; a spare stays one.
    if (spare === undefined && error instanceof WalError && error.code === 'ERR_WAL_STORAGE_FULL')
      directory.remove(unfinished);
    throw error;
  } finally {
    file.close();
  }
}

/** The smallest spare of full size, or else the largest: on a full disk a short file is better than none. */
function chooseSpare(directory: Directory, bytesNeeded: number, logFileBytes: number): string | undefined {
  const wanted = Math.max(bytesNeeded, logFileBytes);
  let best: { name: string; bytes: number } | undefined;
  for (const name of directory.list().sort()) {
    if (parseSpareFileName(name) === undefined) continue;
    const bytes = sizeOf(directory, name);
    const isBetter =
      best === undefined || (best.bytes < wanted ? bytes > best.bytes : bytes >= wanted && bytes < best.bytes);
    if (isBetter) best = { name, bytes };
  }
  return best?.name;
}

/** Size of a file in bytes. */
export function sizeOf(directory: Directory, name: string): number {
  const file = directory.open(name, 'read');
  try {
    return file.size();
  } finally {
    file.close();
  }
}

/**
 * Makes a spare all zeros; returns whether it was not.
 *
 * An opening that a power cut undid gave the spare its name back, with a copied tail in it, under the very incarnation
 * and file number that this opening uses. The tail found now may be shorter, and then the old copy would go on with it.
 */
function scrub(file: LogFile): boolean {
  const pieceBytes = Math.min(COPY_BYTES, file.size());
  const piece = Buffer.alloc(pieceBytes);
  const zeros = Buffer.alloc(pieceBytes);
  let isScrubbed = false;
  for (let at = 0; ; ) {
    const bytes = file.read(piece, at);
    if (bytes === 0) return isScrubbed;
    const blank = zeros.subarray(0, bytes);
    if (!piece.subarray(0, bytes).equals(blank)) {
      file.write([blank], at);
      isScrubbed = true;
    }
    at += bytes;
  }
}

/**
 * Writes zeros from the end of the file up to `bytes`: overwriting written blocks is ten times as fast as growing.
 *
 * @param bytesEnough - a file of this size will do when the disk is full; undefined when it will not
 * @returns the size of the file
 */
function fill(file: LogFile, bytes: number, bytesEnough: number | undefined): number {
  const before = file.size();
  if (before >= bytes) return before;
  const zeros = new Uint8Array(Math.min(FILL_BYTES, bytes - before));
  try {
    for (let at = before; at < bytes; at += zeros.length) file.write([zeros.subarray(0, bytes - at)], at);
    return bytes;
  } catch (error) {
    const isFull = error instanceof WalError && error.code === 'ERR_WAL_STORAGE_FULL';
    const wholeBytes = before - (before % FILE_HEADER_BYTES);
    if (!isFull || bytesEnough === undefined || wholeBytes < bytesEnough) throw error;
    return wholeBytes;
  }
}

/** Writes the tail behind the header's place: same epochs and sequences, new incarnation, chain computed anew. */
function copyTail(
  file: LogFile,
  tail: LogTail,
  identity: OpeningIdentity,
): { position: LogPosition; writeOffset: number } {
  let position = tail.base;
  let writeOffset = FILE_HEADER_BYTES;
  const buffer = new Uint8Array(COPY_BYTES);
  for (const { file: source, header } of tail.segments()) {
    position = copySegment(source, header, file, { ...identity, fileOffset: writeOffset, previous: position }, buffer);
    writeOffset += header.segmentBytes;
  }
  return { position, writeOffset };
}

function copySegment(
  source: LogFile,
  header: CheckedHeader,
  target: LogFile,
  place: OpeningIdentity & { fileOffset: number; previous: LogPosition },
  buffer: Uint8Array,
): LogPosition {
  const certificate = readSegmentCertificate(source, new FileWindow(source, buffer), header);
  if ('reason' in certificate) throw changed(source, certificate.offset, certificate.reason);
  const seed = frameSeed(place.logId, place.incarnation);
  const from = header.fileOffset + SEGMENT_HEADER.bytes;
  const to = place.fileOffset + SEGMENT_HEADER.bytes;
  const digest = new Uint8Array(4);
  const digestView = new DataView(digest.buffer);
  let framesDigest = 0;
  let frameAt = 0;
  for (let done = 0; done < header.framesBytes; ) {
    const piece = buffer.subarray(0, Math.min(buffer.length, header.framesBytes - done));
    if (source.read(piece, from + done) < piece.length)
      throw changed(source, from + done, 'the file ends within a segment');
    // Frames and pieces are multiples of 64 bytes, so a frame's header is never split between two pieces.
    while (frameAt < done + piece.length) {
      const frame = piece.subarray(frameAt - done, frameAt - done + FRAME_HEADER.bytes);
      digestView.setUint32(0, reseedFrameHeader(frame, seed), true);
      framesDigest = crc32c(digest, framesDigest);
      const frameBytes = new DataView(frame.buffer, frame.byteOffset, frame.length).getUint32(
        FRAME_HEADER.at.frameBytes,
        true,
      );
      if (frameBytes === 0) throw changed(source, from + frameAt, 'a frame has an impossible length');
      frameAt += frameBytes;
    }
    target.write([piece], to + done);
    done += piece.length;
  }
  const { bytes, crc } = encodeCertificate({ ...certificate, framesDigest }, header.framesBytes);
  const { logId, incarnation, fileNumber, fileOffset, previous } = place;
  const encoded = new Uint8Array(SEGMENT_HEADER.bytes);
  const own = { ...header, logId, incarnation, fileNumber, fileOffset, previous, certificateBytes: bytes.length };
  const headerCrc = encodeSegmentHeader(encoded, own);
  target.write([encoded], place.fileOffset);
  target.write([bytes], to + header.framesBytes);
  return { epoch: header.epoch, nextSeq: header.endSeq, headerCrc, certificateCrc: crc };
}

function changed(file: LogFile, offset: number, reason: string): WalError {
  const message = `${file.name} was whole when it was verified and is not now: ${reason}. Check the disk.`;
  return new WalError('ERR_WAL_CORRUPT', message, { file: file.name, offset, reason });
}
