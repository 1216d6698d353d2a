// Reads frames back out of bytes: what was written to disk, or what stands in a ring.

import { crc32c } from '../../../src/base/checksum.js';
import { decodeFrameHeader } from '../../../src/frame/codec.js';
import { FRAME_HEADER } from '../../../src/frame/layout.js';
import { decodeRecord } from '../../../src/record/codec.js';
import type { WrittenFrame } from './ghost.js';

/** Every commit of a scope is one operation of this many bytes, all with the commit's value: a frame of 128 bytes. */
export const PAYLOAD_BYTES = 40;

/** The frames in `bytes`, each checked down to its last byte; or what is wrong with them. */
export function readFrames(bytes: Uint8Array, seed: number): WrittenFrame[] | string {
  const frames: WrittenFrame[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const rest = bytes.subarray(offset);
    const header = decodeFrameHeader(rest, rest.length, seed);
    if (typeof header === 'string') return header;
    const payload = rest.subarray(FRAME_HEADER.bytes, header.frameBytes);
    if (crc32c(payload) !== header.payloadCrc) return 'a payload fails its checksum';
    const value = Number(header.txnId);
    const broken = brokenRecords(payload, header.recordCount, value);
    if (broken !== undefined) return broken;
    frames.push({ seq: header.commitSeq, lane: header.lane, value });
    offset += header.frameBytes;
  }
  return frames;
}

function brokenRecords(payload: Uint8Array, recordCount: number, value: number): string | undefined {
  let offset = 0;
  for (let index = 0; index < recordCount; index += 1) {
    const decoded = decodeRecord(payload, offset);
    if (typeof decoded === 'string') return decoded;
    const { record, recordBytes } = decoded;
    if (record.kind === 'operation' && !record.bytes.every((byte) => byte === value)) {
      return 'an operation has bytes of another commit';
    }
    if (record.kind === 'size' && record.pages !== value) return "a size is another commit's";
    offset += recordBytes;
  }
  return undefined;
}
