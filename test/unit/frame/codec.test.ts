// Frame headers: the inverse law, and every flipped bit, foreign seed and impossible length refused.

import { describe, expect, test } from 'vitest';
import {
  decodeFrameHeader,
  encodeFrameHeader,
  type FrameHeader,
  frameSeed,
  reseedFrameHeader,
} from '../../../src/frame/codec.js';
import { FRAME_BYTES_MAX, FRAME_HEADER, FRAME_KIND } from '../../../src/frame/layout.js';
import { ByteRing } from '../../../src/memory/byte-ring.js';

const SEED = frameSeed(0x1234_5678_9abc, 3);
const HEADER: FrameHeader = {
  frameBytes: 128,
  kind: FRAME_KIND.commit,
  commitSeq: 2 ** 53 - 1,
  txnId: 2n ** 64n - 1n,
  txnEpoch: 2 ** 40,
  beginSeq: 7,
  recordCount: 2 ** 32 - 1,
  pageCount: 2,
  sizeCount: 3,
  lane: 65_534,
  payloadCrc: 0xffff_ffff,
};

function encoded(changes: Partial<FrameHeader> = {}, seed = SEED): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER.bytes);
  encodeFrameHeader(ByteRing.flat(bytes), 0, { ...HEADER, ...changes }, seed);
  return bytes;
}

test('a header decodes to what was encoded', () => {
  expect(decodeFrameHeader(encoded(), 128, SEED)).toMatchObject(HEADER);
  expect(decodeFrameHeader(encoded({ txnId: 0, beginSeq: 0 }), 128, SEED)).toMatchObject({ txnId: 0, beginSeq: 0 });
});

test('every flipped bit is noticed', () => {
  for (let bit = 0; bit < FRAME_HEADER.bytes * 8; bit += 1) {
    const bytes = encoded();
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(decodeFrameHeader(bytes, 128, SEED), `bit ${bit}`).toBeTypeOf('string');
  }
});

test('a frame of another log or incarnation never passes, until it is given the new seed', () => {
  const seeds = [frameSeed(0x1234_5678_9abc, 4), frameSeed(0x1234_5678_9abd, 3), frameSeed(0x9abc, 3)];
  for (const seed of seeds) {
    const bytes = encoded();
    expect(decodeFrameHeader(bytes, 128, seed)).toBeTypeOf('string');
    expect(reseedFrameHeader(bytes, seed)).toBe(
      (decodeFrameHeader(bytes, 128, seed) as { headerCrc: number }).headerCrc,
    );
    expect(decodeFrameHeader(bytes, 128, seed)).toMatchObject(HEADER);
  }
});

describe('refused although the checksum is right', () => {
  test.each<[string, Partial<FrameHeader>, number]>([
    ['a kind that was never written', { kind: 0 }, 128],
    ['a jumbo reference, which never leaves a lane', { kind: FRAME_KIND.jumboReference }, 128],
    ['sequence 0', { commitSeq: 0 }, 128],
    ['no payload', { frameBytes: 64 }, 128],
    ['length 0', { frameBytes: 0 }, 128],
    ['a length that is not aligned', { frameBytes: 130 }, 1000],
    ['a length beyond what is left', { frameBytes: 192 }, 191],
    ['a length beyond any frame', { frameBytes: FRAME_BYTES_MAX + 64 }, Number.MAX_SAFE_INTEGER],
  ])('%s', (_, changes, bytesLeft) => {
    expect(decodeFrameHeader(encoded(changes), bytesLeft, SEED)).toBeTypeOf('string');
  });

  test('a sequence at or above 2^53', () => {
    const bytes = encoded();
    bytes[FRAME_HEADER.at.commitSeq + 6] = 0x20;
    reseedFrameHeader(bytes, SEED);
    expect(decodeFrameHeader(bytes, 128, SEED)).toBeTypeOf('string');
  });

  test('a header that is cut short', () => {
    expect(decodeFrameHeader(encoded().subarray(0, 63), 128, SEED)).toBeTypeOf('string');
    expect(decodeFrameHeader(encoded(), 63, SEED)).toBeTypeOf('string');
    expect(decodeFrameHeader(new Uint8Array(64), 128, SEED)).toBeTypeOf('string');
  });
});

test('a header wraps around the end of a ring only between frames', () => {
  const ring = ByteRing.wrapping(new Uint8Array(256));
  encodeFrameHeader(ring, 256 * 7 + 192, HEADER, SEED);
  expect(decodeFrameHeader(ring.bytes.subarray(192), 128, SEED)).toMatchObject(HEADER);
  expect(ring.bytes.subarray(0, 192).every((byte) => byte === 0)).toBe(true);
});
