// Builds logs with the codecs of the package and damages them: the tiny language of the recovery tests (after leveldb's
// log_test): write, cut, flip, fixChecksum, read. Works over any Directory.

import { crc32c } from '../../src/base/checksum.js';
import type { WalError } from '../../src/base/errors.js';
import { encodeFrameHeader, frameSeed } from '../../src/frame/codec.js';
import { FRAME_ALIGNMENT, FRAME_HEADER, FRAME_KIND } from '../../src/frame/layout.js';
import { writeCheckpointRecord } from '../../src/log/checkpoint-record.js';
import { encodeFileHeader, type LogPosition } from '../../src/log/codec.js';
import { FILE_FLAG, FILE_HEADER, FILE_HEADER_BYTES } from '../../src/log/layout.js';
import { logFileName } from '../../src/log/names.js';
import { ByteRing } from '../../src/memory/byte-ring.js';
import { encodeRecords } from '../../src/record/codec.js';
import { type CommitInput, checkCommit } from '../../src/record/commit.js';
import { alignUp } from '../../src/record/layout.js';
import type { OpenedLog } from '../../src/recovery/opening.js';
import type { ReplayCommit } from '../../src/recovery/replay.js';
import type { Certificate } from '../../src/segment/codec.js';
import { SEGMENT_HEADER } from '../../src/segment/layout.js';
import { type BuiltSegment, buildEpochSegment, buildMarkSegment } from '../../src/segment/segment-writer.js';
import type { Directory } from '../../src/storage/directory.js';

/** One commit to write; `lane` defaults to its place in the epoch modulo the lanes, `isVoid` leaves only the number. */
export type CommitSpec = CommitInput & { readonly lane?: number; readonly isVoid?: boolean };

/** Where a segment was written. */
export interface WrittenSegment {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
  readonly epoch: number;
  readonly firstSeq: number;
  readonly endSeq: number;
}

export interface BuilderOptions {
  readonly logId?: number;
  readonly pageBytes?: number;
  readonly fileBytes?: number;
  readonly lanes?: number;
}

export const PAGE_BYTES = 512;
export const LOG_ID = 0x1234_5678_9abc;

/** A page of which every byte is `value`. */
export function image(value: number, pageBytes = PAGE_BYTES): Uint8Array {
  return new Uint8Array(pageBytes).fill(value);
}

/** A commit of single-byte-valued pages: `pages(1, 7, 2, 8)` sets page 1 to 7 and page 2 to 8. */
export function pages(...numbersAndValues: number[]): CommitSpec {
  const list = [];
  for (let index = 0; index < numbersAndValues.length; index += 2) {
    list.push({ pageNumber: numbersAndValues[index]!, image: image(numbersAndValues[index + 1]!) });
  }
  return { pages: list };
}

/** Bytes of one frame. */
export function encodeFrame(spec: CommitSpec, seq: number, lane: number, seed: number, pageBytes: number): Uint8Array {
  const commit = checkCommit(spec, { pageBytes, spaceCountMax: 65_536, sizePages: () => 0 });
  const frameBytes = alignUp(FRAME_HEADER.bytes + commit.recordsBytes, FRAME_ALIGNMENT);
  const bytes = new Uint8Array(frameBytes);
  const ring = ByteRing.flat(bytes);
  encodeRecords(ring, FRAME_HEADER.bytes, commit);
  const header = {
    frameBytes,
    kind: FRAME_KIND.commit,
    commitSeq: seq,
    txnId: commit.txnId,
    txnEpoch: commit.txnEpoch,
    beginSeq: commit.beginSeq,
    recordCount: commit.recordCount,
    pageCount: commit.pages.length,
    sizeCount: commit.sizes.length,
    lane,
    payloadCrc: crc32c(bytes.subarray(FRAME_HEADER.bytes)),
  };
  encodeFrameHeader(ring, 0, header, seed);
  return bytes;
}

/** The segment of an epoch whose first commit is `firstSeq`. */
export function buildSegment(
  commits: readonly CommitSpec[],
  epoch: number,
  firstSeq: number,
  { lanes, seed, pageBytes }: { lanes: number; seed: number; pageBytes: number },
  change: (certificate: Certificate, frames: Uint8Array[]) => Certificate = (certificate) => certificate,
): BuiltSegment {
  const byLane = new Map<number, { frames: Uint8Array[]; bytes: number }>();
  const voids: number[] = [];
  const sizes = new Map<number, number>();
  let pageCount = 0;
  for (const [index, spec] of commits.entries()) {
    const seq = firstSeq + index;
    if (spec.isVoid) {
      voids.push(seq);
      continue;
    }
    const lane = spec.lane ?? index % lanes;
    const frame = encodeFrame(spec, seq, lane, seed, pageBytes);
    const share = byLane.get(lane) ?? { frames: [], bytes: 0 };
    byLane.set(lane, { frames: [...share.frames, frame], bytes: share.bytes + frame.length });
    pageCount += spec.pages?.length ?? 0;
    if (spec.dbSizePages !== undefined) sizes.set(0, spec.dbSizePages);
    for (const { space, pages } of spec.sizes ?? []) sizes.set(space, pages);
  }
  const inOrder = [...byLane].sort(([one], [other]) => one - other);
  const frames = inOrder.flatMap(([, share]) => share.frames);
  const digest = new DataView(new ArrayBuffer(frames.length * 4));
  for (const [index, frame] of frames.entries()) {
    digest.setUint32(index * 4, new DataView(frame.buffer).getUint32(FRAME_HEADER.at.headerCrc, true), true);
  }
  const certificate: Certificate = {
    flags: 0,
    epoch,
    firstSeq,
    endSeq: firstSeq + commits.length,
    frameCount: frames.length,
    pageCount,
    framesDigest: crc32c(new Uint8Array(digest.buffer)),
    voids,
    lanes: inOrder.map(([lane, share]) => ({ lane, frameCount: share.frames.length, bytes: share.bytes })),
    sizes: [...sizes].sort(([one], [other]) => one - other).map(([space, pages]) => ({ space, pages })),
  };
  return buildEpochSegment(change(certificate, frames), frames);
}

/** Writes a log. Every method appends; `sync` only moves what the log says about itself. */
export class LogBuilder {
  readonly directory: Directory;
  readonly segments: WrittenSegment[] = [];
  readonly #fileBytes: number;
  readonly #lanes: number;
  readonly #pageBytes: number;
  logId: number;
  incarnation = 1;
  fileNumber = 1;
  offset = FILE_HEADER_BYTES;
  position: LogPosition = { epoch: 0, nextSeq: 1, headerCrc: 0, certificateCrc: 0 };
  syncedThrough = 0;
  /** What segments and file headers say from here on. */
  wallClockMs = 1;

  constructor(directory: Directory, options: BuilderOptions = {}) {
    this.directory = directory;
    this.logId = options.logId ?? LOG_ID;
    this.#pageBytes = options.pageBytes ?? PAGE_BYTES;
    this.#fileBytes = options.fileBytes ?? 64 * 1024;
    this.#lanes = options.lanes ?? 2;
    directory.create({ sync: false });
  }

  /** Starts the first file of a new log. */
  start(): this {
    this.#startFile(FILE_FLAG.opening);
    return this;
  }

  /** Goes on where an opening left off. */
  static resume(directory: Directory, opened: OpenedLog, options: BuilderOptions = {}): LogBuilder {
    const builder = new LogBuilder(directory, { ...options, logId: opened.logId, pageBytes: opened.pageBytes });
    builder.incarnation = opened.incarnation;
    builder.fileNumber = opened.fileNumber;
    builder.offset = opened.writeOffset;
    builder.position = opened.position;
    builder.syncedThrough = opened.syncedThrough;
    return builder;
  }

  get name(): string {
    return logFileName(this.fileNumber);
  }

  /** Writes one epoch. */
  epoch(...commits: CommitSpec[]): this {
    return this.epochWith((certificate) => certificate, ...commits);
  }

  /** Writes one epoch whose certificate was changed first. */
  epochWith(change: (certificate: Certificate, frames: Uint8Array[]) => Certificate, ...commits: CommitSpec[]): this {
    const seed = frameSeed(this.logId, this.incarnation);
    const { epoch, nextSeq } = this.position;
    const settings = { lanes: this.#lanes, seed, pageBytes: this.#pageBytes };
    return this.#write(buildSegment(commits, epoch + 1, nextSeq, settings, change));
  }

  mark({ isClean = false } = {}): this {
    return this.#write(buildMarkSegment(this.position.epoch, this.position.nextSeq, isClean));
  }

  /** From here on the log says that everything so far is synced. */
  sync(): this {
    this.syncedThrough = this.position.epoch;
    return this;
  }

  rotate(): this {
    this.fileNumber += 1;
    this.offset = FILE_HEADER_BYTES;
    this.#startFile(0);
    return this;
  }

  checkpoint(throughSeq: number, throughEpoch: number, generation = 1): this {
    const { logId, incarnation, syncedThrough, wallClockMs } = this;
    const record = { logId, incarnation, syncedThrough, throughSeq, throughEpoch, generation, wallClockMs };
    writeCheckpointRecord(this.directory, record, { sync: false });
    return this;
  }

  #write(built: BuiltSegment): this {
    if (this.offset + built.segmentBytes > this.#fileBytes) this.rotate();
    const { logId, incarnation, fileNumber, offset: fileOffset, syncedThrough, position: previous, wallClockMs } = this;
    const place = { logId, incarnation, fileNumber, fileOffset, previous, syncedThrough, wallClockMs };
    const { pieces, headerCrc, certificateCrc } = built.encode(place);
    const file = this.directory.open(this.name, 'write');
    file.write(pieces, fileOffset);
    file.close();
    const { segmentBytes: bytes, epoch, endSeq } = built;
    this.segments.push({ name: this.name, offset: fileOffset, bytes, epoch, firstSeq: this.position.nextSeq, endSeq });
    this.offset += bytes;
    this.position = { epoch, nextSeq: endSeq, headerCrc, certificateCrc };
    return this;
  }

  #startFile(flags: number): void {
    const { logId, incarnation, fileNumber, syncedThrough, position: start } = this;
    const fileBytes = this.#fileBytes;
    const header = {
      flags,
      logId,
      incarnation,
      fileNumber,
      syncedThrough,
      start,
      fileBytes,
      pageBytes: this.#pageBytes,
    };
    const file = this.directory.open(this.name, 'create');
    file.truncate(fileBytes);
    file.write([encodeFileHeader({ ...header, wallClockMs: this.wallClockMs })], 0);
    file.close();
  }
}

/** All bytes of a file. */
export function readFile(directory: Directory, name: string): Uint8Array {
  const file = directory.open(name, 'read');
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0);
  file.close();
  return bytes;
}

/** Overwrites part of a file. */
export function poke(directory: Directory, name: string, offset: number, bytes: Uint8Array): void {
  const file = directory.open(name, 'write');
  file.write([bytes], offset);
  file.close();
}

/** Inverts one bit. */
export function flip(directory: Directory, name: string, offset: number, bit = 0): void {
  const file = directory.open(name, 'write');
  const byte = new Uint8Array(1);
  file.read(byte, offset);
  byte[0]! ^= 1 << bit;
  file.write([byte], offset);
  file.close();
}

/** Cuts a file off. */
export function cut(directory: Directory, name: string, bytes: number): void {
  const file = directory.open(name, 'write');
  file.truncate(bytes);
  file.close();
}

/** Makes the checksum of a segment header right again, so that only its contents are wrong. */
export function fixSegmentHeader(directory: Directory, name: string, offset: number): void {
  fix(directory, name, offset, SEGMENT_HEADER.at.headerCrc);
}

/** Makes the checksum of a file header right again. */
export function fixFileHeader(directory: Directory, name: string): void {
  fix(directory, name, 0, FILE_HEADER.at.headerCrc);
}

function fix(directory: Directory, name: string, offset: number, length: number): void {
  const file = directory.open(name, 'write');
  const bytes = new Uint8Array(length);
  file.read(bytes, offset);
  const crc = new Uint8Array(4);
  new DataView(crc.buffer).setUint32(0, crc32c(bytes), true);
  file.write([crc], offset + length);
  file.close();
}

/** Copies all files of one directory into another. */
export function copyDirectory(from: Directory, to: Directory): void {
  to.create({ sync: false });
  for (const name of from.list()) {
    const file = to.open(name, 'create');
    file.write([readFile(from, name)], 0);
    file.close();
  }
}

/** One line per commit: sequence and what its records say. */
export function transcript(): { readonly lines: string[]; commit(commit: ReplayCommit): void } {
  const lines: string[] = [];
  return {
    lines,
    commit(commit): void {
      const parts: string[] = [];
      for (const record of commit.records()) {
        if (record.kind === 'page') parts.push(`p${record.space}.${record.pageNumber}=${record.image[0]}`);
        else if (record.kind === 'size') parts.push(`s${record.space}=${record.pages}`);
        else parts.push(`o${record.code}:${record.bytes.length}`);
      }
      lines.push(`${commit.seq} ${parts.join(' ')}`);
    },
  };
}

/** The code of what a promise is rejected with, or what it resolves to. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    return (error as WalError).code ?? error;
  }
}
