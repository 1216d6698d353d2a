// Where each field of a whole log stands, and how to make all of its checksums right again after fields were changed:
// frames, digests, certificates, headers, the chain over files, checkpoint records. What is wrong then is only what the
// fields say, so that the checks behind the checksums are reached.

import { crc32c } from '../../src/base/checksum.js';
import type { Layout } from '../../src/base/layout.js';
import { FRAME_HEADER } from '../../src/frame/layout.js';
import { CHECKPOINT_RECORD } from '../../src/log/checkpoint-layout.js';
import { FILE_HEADER } from '../../src/log/layout.js';
import { decodeRecordShape } from '../../src/record/codec.js';
import { RECORD_HEADER } from '../../src/record/layout.js';
import {
  CERTIFICATE,
  CERTIFICATE_CRC_BYTES,
  CERTIFICATE_LANE,
  CERTIFICATE_SIZE,
  CERTIFICATE_VOID,
  SEGMENT_HEADER,
} from '../../src/segment/layout.js';
import type { Directory } from '../../src/storage/directory.js';
import type { Unit } from './byte-corpus.js';
import { poke, readFile } from './log-builder.js';

/** One field of one structure. */
export interface FieldPlace {
  readonly file: string;
  readonly offset: number;
  readonly bytes: 2 | 4 | 8;
  /** `segment header.epoch`. */
  readonly name: string;
}

interface SegmentPlace {
  readonly file: string;
  readonly offset: number;
  readonly end: number;
  readonly certificateAt: number;
  readonly frames: readonly { readonly offset: number; readonly end: number }[];
}

/** Which checksums are made right. */
export interface Fixes {
  readonly frames: boolean;
  readonly certificates: boolean;
  readonly headers: boolean;
  /** The chain over segments and files, too. */
  readonly chain: boolean;
}

const FIELD_BYTES = { u16: 2, u32: 4, u64: 8 } as const;

function u32(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true);
}

function setU32(bytes: Uint8Array, offset: number, value: number): void {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(offset, value, true);
}

/** The map of a log that is whole. */
export class LogAnatomy {
  readonly fields: readonly FieldPlace[];
  /** Segments in order of the chain. */
  readonly segments: readonly SegmentPlace[];
  readonly files: readonly string[];
  /** For each file, the segment that its header's digest is of. */
  readonly #starts = new Map<string, number>();

  constructor(directory: Directory, map: readonly Unit[]) {
    this.files = directory.list().sort();
    const bytes = new Map(this.files.map((name) => [name, readFile(directory, name)]));
    this.fields = map.flatMap((unit) => fieldsOf(unit, bytes.get(unit.file)!));
    this.segments = segmentsOf(map);
    const digests = this.segments.map((segment) => digestAt(bytes.get(segment.file)!, segment));
    for (const { file } of map.filter(({ kind }) => kind === 'file header')) {
      const { startHeaderCrc, startCertificateCrc } = FILE_HEADER.at;
      const start = [u32(bytes.get(file)!, startHeaderCrc), u32(bytes.get(file)!, startCertificateCrc)];
      const index = digests.findIndex((digest) => digest[0] === start[0] && digest[1] === start[1]);
      if (index >= 0) this.#starts.set(file, index);
    }
  }

  /** Makes the checksums of the log right that `fixes` names; files that are gone or cut short are passed over. */
  fix(directory: Directory, fixes: Fixes): void {
    const files = new Map(directory.list().map((name) => [name, readFile(directory, name)]));
    const digests: [number, number][] = [];
    const started = new Set<string>();
    for (const segment of this.segments) {
      const bytes = files.get(segment.file);
      if (bytes !== undefined && !started.has(segment.file)) this.#fixFileHeader(segment.file, bytes, digests, fixes);
      started.add(segment.file);
      if (bytes === undefined || bytes.length < segment.end) digests.push([0, 0]);
      else digests.push(fixSegment(bytes, segment, digests.at(-1), fixes));
    }
    for (const [name, bytes] of files) {
      if (name.startsWith('checkpoint') && fixes.headers && bytes.length >= CHECKPOINT_RECORD.bytes)
        setU32(bytes, CHECKPOINT_RECORD.at.crc, crc32c(bytes.subarray(0, CHECKPOINT_RECORD.at.crc)));
      poke(directory, name, 0, bytes);
    }
  }

  #fixFileHeader(name: string, bytes: Uint8Array, digests: readonly [number, number][], fixes: Fixes): void {
    if (bytes.length < FILE_HEADER.bytes) return;
    const start = this.#starts.get(name);
    const digest = start === undefined ? undefined : digests[start];
    if (fixes.chain && digest !== undefined) {
      setU32(bytes, FILE_HEADER.at.startHeaderCrc, digest[0]);
      setU32(bytes, FILE_HEADER.at.startCertificateCrc, digest[1]);
    }
    if (fixes.headers) setU32(bytes, FILE_HEADER.at.headerCrc, crc32c(bytes.subarray(0, FILE_HEADER.at.headerCrc)));
  }
}

function digestAt(bytes: Uint8Array, { offset, end }: SegmentPlace): [number, number] {
  return [u32(bytes, offset + SEGMENT_HEADER.at.headerCrc), u32(bytes, end - CERTIFICATE_CRC_BYTES)];
}

function fixSegment(
  bytes: Uint8Array,
  segment: SegmentPlace,
  before: readonly [number, number] | undefined,
  fixes: Fixes,
): [number, number] {
  const { offset, end, certificateAt, frames } = segment;
  // The log's id and the incarnation stand next to each other, as in the seed.
  const seed = crc32c(bytes.subarray(offset + SEGMENT_HEADER.at.logId, offset + SEGMENT_HEADER.at.flags));
  let digest = 0;
  for (const frame of frames) {
    const { payloadCrc, headerCrc } = FRAME_HEADER.at;
    if (fixes.frames) {
      setU32(bytes, frame.offset + payloadCrc, crc32c(bytes.subarray(frame.offset + FRAME_HEADER.bytes, frame.end)));
      setU32(bytes, frame.offset + headerCrc, crc32c(bytes.subarray(frame.offset, frame.offset + headerCrc), seed));
    }
    digest = crc32c(bytes.subarray(frame.offset + headerCrc, frame.offset + FRAME_HEADER.bytes), digest);
  }
  if (fixes.certificates) {
    if (fixes.frames) setU32(bytes, certificateAt + CERTIFICATE.at.framesDigest, digest);
    const crcAt = end - CERTIFICATE_CRC_BYTES;
    setU32(bytes, crcAt, crc32c(bytes.subarray(certificateAt, crcAt)));
  }
  if (fixes.chain && before !== undefined) {
    setU32(bytes, offset + SEGMENT_HEADER.at.previousHeaderCrc, before[0]);
    setU32(bytes, offset + SEGMENT_HEADER.at.previousCertificateCrc, before[1]);
  }
  const headerCrcAt = offset + SEGMENT_HEADER.at.headerCrc;
  if (fixes.headers) setU32(bytes, headerCrcAt, crc32c(bytes.subarray(offset, headerCrcAt)));
  return digestAt(bytes, segment);
}

function segmentsOf(map: readonly Unit[]): SegmentPlace[] {
  return map.flatMap((unit, index) => {
    if (unit.kind !== 'segment header') return [];
    const certificate = map.slice(index).find(({ kind }) => kind === 'certificate')!;
    const frames = map.slice(index, map.indexOf(certificate)).filter(({ kind }) => kind === 'frame');
    return [{ ...unit, end: certificate.end, certificateAt: certificate.offset, frames }];
  });
}

function place(layout: Layout, file: string, at: number): FieldPlace[] {
  return layout.fields.map(([offset, type, name]) => {
    return { file, offset: at + offset, bytes: FIELD_BYTES[type], name: `${layout.title}.${name}` };
  });
}

function fieldsOf({ kind, file, offset, end }: Unit, bytes: Uint8Array): FieldPlace[] {
  if (kind === 'file header') return place(FILE_HEADER, file, offset);
  if (kind === 'segment header') return place(SEGMENT_HEADER, file, offset);
  if (kind === 'checkpoint') return place(CHECKPOINT_RECORD, file, offset);
  if (kind === 'frame') return [...place(FRAME_HEADER, file, offset), ...recordFields(file, offset, end, bytes)];
  if (kind !== 'certificate') return [];
  const fields = place(CERTIFICATE, file, offset);
  let at = offset + CERTIFICATE.bytes;
  for (const [count, layout] of [
    [CERTIFICATE.at.voidCount, CERTIFICATE_VOID],
    [CERTIFICATE.at.laneCount, CERTIFICATE_LANE],
    [CERTIFICATE.at.sizeCount, CERTIFICATE_SIZE],
  ] as const) {
    for (let left = u32(bytes, offset + count); left > 0; left -= 1) {
      fields.push(...place(layout, file, at));
      at += layout.bytes;
    }
  }
  return fields;
}

function recordFields(file: string, offset: number, end: number, bytes: Uint8Array): FieldPlace[] {
  const fields: FieldPlace[] = [];
  let at = offset + FRAME_HEADER.bytes;
  for (let left = u32(bytes, offset + FRAME_HEADER.at.recordCount); left > 0; left -= 1) {
    fields.push(...place(RECORD_HEADER, file, at));
    const shape = decodeRecordShape(new DataView(bytes.buffer, at), end - at);
    if (typeof shape === 'string') throw new Error(shape);
    at += shape.recordBytes;
  }
  return fields;
}
