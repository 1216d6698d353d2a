// Single checks of segments that no damaged file reaches through another check first.

import { expect, test } from 'vitest';
import { crc32c } from '../../../src/base/checksum.js';
import { decodeCertificate, decodeSegmentHeader, encodeCertificate } from '../../../src/segment/codec.js';
import { FileWindow } from '../../../src/segment/file-window.js';
import {
  CERTIFICATE,
  CERTIFICATE_CRC_BYTES,
  CERTIFICATE_VOID,
  SEGMENT_HEADER,
  SEGMENT_KIND,
} from '../../../src/segment/layout.js';
import { type CheckedHeader, chainFault } from '../../../src/segment/reader.js';
import { buildMarkSegment } from '../../../src/segment/segment-writer.js';
import type { LogFile } from '../../../src/storage/directory.js';

test('R6: a segment that calls later epochs synced does not continue the chain', () => {
  const point = { epoch: 4, nextSeq: 9, headerCrc: 7, certificateCrc: 8 };
  for (const [kind, epoch] of [
    [SEGMENT_KIND.epoch, 5],
    [SEGMENT_KIND.mark, 4],
  ] as const) {
    const header = { kind, epoch, firstSeq: 9, previous: point } as unknown as CheckedHeader;
    expect(chainFault({ ...header, syncedThrough: epoch }, point)).toBeUndefined();
    expect(chainFault({ ...header, syncedThrough: epoch + 1 }, point)).toEqual(expect.any(String));
  }
});

test('each flipped bit of a segment header is noticed', () => {
  const header = new Uint8Array(SEGMENT_HEADER.bytes);
  const built = buildMarkSegment(4, 9, false);
  const previous = { headerCrc: 7, certificateCrc: 8 };
  const numbers = { logId: 1, incarnation: 2, fileNumber: 3, fileOffset: 4096, syncedThrough: 4, wallClockMs: 5 };
  header.set(built.encode({ ...numbers, previous }).pieces[0]!);
  expect(decodeSegmentHeader(header)).toMatchObject({ ...numbers, previous, epoch: 4, firstSeq: 9 });
  for (let at = 0; at < header.length * 8; at += 1) {
    header[at >> 3]! ^= 1 << (at & 7);
    expect(decodeSegmentHeader(header), `bit ${at}`).toHaveProperty('refused');
    header[at >> 3]! ^= 1 << (at & 7);
  }
});

test('R12: the lists of a certificate are not made before they are known to fit', () => {
  const numbers = { flags: 0, epoch: 1, firstSeq: 1, endSeq: 2, frameCount: 0, pageCount: 0, framesDigest: 0 };
  const { bytes } = encodeCertificate({ ...numbers, voids: [1], lanes: [], sizes: [] }, 0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (const voids of [1, 1000, 2 ** 28]) {
    view.setUint32(CERTIFICATE.at.voidCount, voids, true);
    view.setUint32(CERTIFICATE.at.certificateBytes, CERTIFICATE.bytes + voids * CERTIFICATE_VOID.bytes, true);
    const crcAt = bytes.length - CERTIFICATE_CRC_BYTES;
    view.setUint32(crcAt, crc32c(bytes.subarray(0, crcAt)), true);
    expect(decodeCertificate(bytes)).toMatchObject(voids === 1 ? { voids: [1] } : { refused: 'damaged' });
  }
});

test('F42: a window whose read failed holds nothing', () => {
  let isFailing = false;
  const file = {
    read(target: Uint8Array, position: number): number {
      target.fill(isFailing ? 0xff : position & 0xff);
      if (isFailing) throw new Error('EIO');
      return target.length;
    },
  } as unknown as LogFile;
  const window = new FileWindow(file, new Uint8Array(64));
  expect(window.view(1, 8)).toEqual(new Uint8Array(8).fill(1));
  isFailing = true;
  expect(() => window.view(200, 8)).toThrow('EIO');
  isFailing = false;
  expect(window.view(1, 8)).toEqual(new Uint8Array(8).fill(1));
});
