// Goal: a segment counts if and only if header, frames and certificate agree. Method: segments that are whole but for one
// thing, with all checksums right, so that only the one check can notice.

import { describe, expect, test } from 'vitest';
import { crc32c } from '../../../src/base/checksum.js';
import { frameSeed } from '../../../src/frame/codec.js';
import { FRAME_HEADER } from '../../../src/frame/layout.js';
import { RECORD_HEADER } from '../../../src/record/layout.js';
import type { Certificate } from '../../../src/segment/codec.js';
import { CommitReader } from '../../../src/segment/commit-reader.js';
import { FileWindow } from '../../../src/segment/file-window.js';
import {
  type CheckedHeader,
  chainFault,
  isAtHome,
  readSegmentHeader,
  verifySegment,
} from '../../../src/segment/reader.js';
import { MemoryDirectory } from '../../../src/storage/memory-directory.js';
import { buildSegment, type CommitSpec, flip, image, LOG_ID, PAGE_BYTES, pages } from '../../support/log-builder.js';

const SEED = frameSeed(LOG_ID, 1);
const PLACE = {
  logId: LOG_ID,
  incarnation: 1,
  fileNumber: 1,
  fileOffset: 4096,
  previous: { headerCrc: 0, certificateCrc: 0 },
  syncedThrough: 0,
  wallClockMs: 1,
};

type Change = (certificate: Certificate, frames: Uint8Array[]) => Certificate;

function segmentFile(
  commits: readonly CommitSpec[],
  change?: Change,
  lanes = 2,
): { directory: MemoryDirectory; header: CheckedHeader } {
  const directory = new MemoryDirectory({ pretendSync: true });
  directory.create({ sync: false });
  const file = directory.open('x', 'create');
  file.write(
    buildSegment(commits, 1, 1, { lanes, seed: SEED, pageBytes: PAGE_BYTES }, change).encode(PLACE).pieces,
    4096,
  );
  return { directory, header: readSegmentHeader(file, 4096) as CheckedHeader };
}

function verify({ directory, header }: ReturnType<typeof segmentFile>, windowBytes = 64 * 1024): unknown {
  const file = directory.open('x', 'read');
  const result = verifySegment(file, new FileWindow(file, new Uint8Array(windowBytes)), header, PAGE_BYTES);
  return 'reason' in result
    ? result.reason
    : { frames: result.frameCount, voids: result.voidCount, pages: result.pageCount };
}

/** Changes bytes of a frame, then makes all of its checksums and the digest right again. */
function reframe(index: number, edit: (view: DataView, frame: Uint8Array) => void): Change {
  return (certificate, frames) => {
    const frame = frames[index]!;
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    edit(view, frame);
    view.setUint32(FRAME_HEADER.at.payloadCrc, crc32c(frame.subarray(FRAME_HEADER.bytes)), true);
    view.setUint32(FRAME_HEADER.at.headerCrc, crc32c(frame.subarray(0, FRAME_HEADER.at.headerCrc), SEED), true);
    const crcs = new DataView(new ArrayBuffer(4 * frames.length));
    for (const [at, one] of frames.entries())
      crcs.setUint32(at * 4, new DataView(one.buffer).getUint32(FRAME_HEADER.at.headerCrc, true), true);
    return { ...certificate, framesDigest: crc32c(new Uint8Array(crcs.buffer)) };
  };
}

const THREE = [pages(1, 1, 2, 2), pages(3, 3), { dbSizePages: 9, ...pages(1, 4) }];

test('a whole segment is accepted, with voids, sizes, operations and any window', () => {
  const commits = [
    ...THREE,
    { isVoid: true },
    {
      operations: [
        { code: 1, bytes: new Uint8Array(0) },
        { code: 2, bytes: image(7, 100_001) },
      ],
    },
  ];
  for (const windowBytes of [64 * 1024, 4096, 2 ** 20]) {
    expect(verify(segmentFile(commits), windowBytes)).toEqual({ frames: 4, voids: 1, pages: 4 });
  }
});

test('an epoch of nothing but voids is accepted', () => {
  expect(verify(segmentFile([{ isVoid: true }, { isVoid: true }]))).toEqual({ frames: 0, voids: 2, pages: 0 });
});

describe('a certificate that disagrees', () => {
  const cases: [string, Change][] = [
    ['frames and certificate disagree', (one) => ({ ...one, framesDigest: one.framesDigest ^ 1 })],
    ['a certificate counts its pages wrong', (one) => ({ ...one, pageCount: one.pageCount + 1 })],
    ['a certificate lists sizes that its frames do not set', (one) => ({ ...one, sizes: [] })],
    ['a certificate lists sizes that its frames do not set', (one) => ({ ...one, sizes: [{ space: 0, pages: 8 }] })],
    ['a commit is missing and no void explains it', (one) => ({ ...one, voids: [] })],
    ['a void is listed for a commit that is there', (one) => ({ ...one, voids: [1] })],
    ['a void lies in another epoch', (one) => ({ ...one, voids: [5] })],
    ['a void lies in another epoch', (one) => ({ ...one, voids: [0] })],
    [
      'a frame stands among those of another lane',
      (one) => ({ ...one, lanes: one.lanes.map((lane) => ({ ...lane, lane: lane.lane + 1 })) }),
    ],
    [
      'a lane is listed twice or without frames',
      (one) => ({ ...one, lanes: one.lanes.map((lane) => ({ ...lane, lane: 1 })) }),
    ],
    [
      'the lanes of a certificate do not add up',
      (one) => ({ ...one, lanes: one.lanes.map((lane) => ({ ...lane, bytes: lane.bytes + 64 })) }),
    ],
  ];
  test.each(cases)('is refused: %s', (reason, change) => {
    expect(verify(segmentFile([...THREE, { isVoid: true }], change))).toBe(reason);
  });
});

test('a header that disagrees with its certificate is refused', () => {
  const { directory, header } = segmentFile(THREE);
  expect(verify({ directory, header: { ...header, epoch: 2 } })).toBe(
    'header and certificate disagree about the epoch',
  );
  expect(verify({ directory, header: { ...header, endSeq: 9 } })).toBe(
    'header and certificate disagree about the sequences',
  );
  expect(verify({ directory, header: { ...header, frameCount: 2 } })).toBe(
    'header and certificate disagree about the frames',
  );
  expect(verify({ directory, header: { ...header, laneCount: 1 } })).toBe(
    'header and certificate disagree about the lanes',
  );
});

describe('a frame that disagrees', () => {
  const record = FRAME_HEADER.bytes;
  const cases: [string, number, (view: DataView, frame: Uint8Array) => void][] = [
    ['a commit sequence stands twice in a segment', 0, (view) => view.setUint32(FRAME_HEADER.at.commitSeq, 2, true)],
    ['a frame has a sequence of another epoch', 2, (view) => view.setUint32(FRAME_HEADER.at.commitSeq, 9, true)],
    ['the sequences of a lane are out of order', 0, (view) => view.setUint32(FRAME_HEADER.at.commitSeq, 4, true)],
    ['a frame header counts its pages wrong', 0, (view) => view.setUint32(FRAME_HEADER.at.pageCount, 1, true)],
    ['a frame header counts its sizes wrong', 0, (view) => view.setUint32(FRAME_HEADER.at.sizeCount, 1, true)],
    ['a frame header counts its pages wrong', 0, (view) => view.setUint32(FRAME_HEADER.at.recordCount, 1, true)],
    ['a record is cut short by its frame', 0, (view) => view.setUint32(FRAME_HEADER.at.recordCount, 3, true)],
    ['a record has an unknown kind', 0, (view) => view.setUint32(record, 4, true)],
    ['a frame has an unknown kind', 0, (view) => view.setUint32(FRAME_HEADER.at.kind, 2, true)],
    ['a page has number 0', 0, (view) => view.setUint32(record + RECORD_HEADER.at.number, 0, true)],
    [
      'a page image has another length than the pages of the log',
      0,
      (view) => view.setUint32(record + RECORD_HEADER.at.bytes, 504, true),
    ],
    [
      'a record is longer than what is left of its frame',
      0,
      (view) => view.setUint32(record + RECORD_HEADER.at.bytes, 60_000, true),
    ],
    [
      'a frame is longer than what is left of its segment',
      2,
      (view) => view.setUint32(FRAME_HEADER.at.frameBytes, 64_000, true),
    ],
    ['a frame has an impossible length', 0, (view) => view.setUint32(FRAME_HEADER.at.frameBytes, 65, true)],
    ['bytes that are no record stand at the end of a frame', 1, (_, frame) => frame.fill(1, frame.length - 1)],
  ];
  test.each(cases)('is refused: %s', (reason, index, edit) => {
    expect(verify(segmentFile([...THREE, { isVoid: true }], reframe(index, edit)))).toBe(reason);
  });

  test('is refused when it is of another incarnation (F17)', () => {
    const { directory, header } = segmentFile(THREE);
    expect(verify({ directory, header: { ...header, incarnation: 2 } })).toBe('a frame header fails its checksum');
  });
});

test('R12: no more memory than the window is used, whatever a header claims (F31)', () => {
  const { directory, header } = segmentFile(THREE);
  const huge = { ...header, framesBytes: 2 ** 40, segmentBytes: 2 ** 40 + 4096 };
  expect(verify({ directory, header: huge }, 4096)).toBe('the file ends within a segment');
  expect(verify({ directory, header: { ...header, certificateBytes: 2 ** 31 } }, 4096)).toBe(
    'a certificate has an impossible length',
  );
});

test('each flipped bit of frames and certificate is noticed', () => {
  const file = segmentFile(THREE);
  for (let at = 4096 + 128; at < 4096 + file.header.segmentBytes; at += 1) {
    flip(file.directory, 'x', at, at % 8);
    expect(typeof verify(file), `offset ${at}`).toBe('string');
    flip(file.directory, 'x', at, at % 8);
  }
});

test('a segment belongs where it says, and continues only the position in front of it', () => {
  const { header } = segmentFile(THREE);
  const start = { epoch: 0, nextSeq: 1, headerCrc: 0, certificateCrc: 0 };
  expect(isAtHome(header, PLACE, 4096)).toBe(true);
  for (const field of ['logId', 'incarnation', 'fileNumber'] as const)
    expect(isAtHome(header, { ...PLACE, [field]: 99 }, 4096)).toBe(false);
  expect(isAtHome(header, PLACE, 8192)).toBe(false);
  expect(chainFault(header, start)).toBeUndefined();
  for (const field of ['epoch', 'nextSeq', 'headerCrc', 'certificateCrc'] as const) {
    expect(chainFault(header, { ...start, [field]: 7 })).toEqual(expect.any(String));
  }
});

describe('commits of a segment', () => {
  function sequencesOf(commits: readonly CommitSpec[], lanes: number, bufferBytes: number): string[] {
    const { directory, header } = segmentFile(commits, undefined, lanes);
    const lines: string[] = [];
    for (const { frame, records } of new CommitReader(bufferBytes).commits(directory.open('x', 'read'), header)) {
      const parts = [...records()].map((record) =>
        record.kind === 'page' ? record.pageNumber : record.kind === 'size' ? -record.pages : record.bytes.length,
      );
      lines.push(`${frame.commitSeq}: ${parts.join(' ')}`);
    }
    return lines;
  }

  test.each([1, 2, 7, 40])('come in sequence order from %i lanes', (lanes) => {
    const commits = Array.from({ length: 100 }, (_, index) => ({
      ...pages(index + 1, index % 200),
      lane: (index * 7919) % lanes,
    }));
    for (const bufferBytes of [64 * 1024, 2 ** 20]) {
      expect(sequencesOf(commits, lanes, bufferBytes)).toEqual(commits.map((_, index) => `${index + 1}: ${index + 1}`));
    }
  });

  test('may hold records larger than the buffer, and need not be looked at', () => {
    const commits = [
      pages(1, 1),
      { operations: [{ code: 1, bytes: image(1, 300_000) }], ...pages(2, 2) },
      { dbSizePages: 4, ...pages(3, 3) },
    ];
    expect(sequencesOf(commits, 2, 64 * 1024)).toEqual(['1: 1', '2: 2 300000', '3: -4 3']);
    const { directory, header } = segmentFile(commits);
    const found = [...new CommitReader(0).commits(directory.open('x', 'read'), header)].map(
      ({ frame }) => frame.commitSeq,
    );
    expect(found).toEqual([1, 2, 3]);
  });

  test('that read differently than they were verified are an error, not an end', () => {
    const { directory, header } = segmentFile(THREE);
    flip(directory, 'x', 4096 + 128 + 8);
    expect(() => [...new CommitReader(0).commits(directory.open('x', 'read'), header)]).toThrow(
      expect.objectContaining({ code: 'ERR_WAL_CORRUPT' }),
    );
  });
});
