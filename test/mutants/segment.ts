// Mutants of what makes a segment, a frame, a record count.

import type { Mutant } from '../support/mutation.js';

const READER = 'src/segment/reader.ts';
const CODEC = 'src/segment/codec.ts';
const FRAME = 'src/frame/codec.ts';
const READER_TEST = 'test/unit/segment/reader.test.ts';
const HOME_TEST = {
  file: READER_TEST,
  title: 'a segment belongs where it says, and continues only the position in front',
};
const FLIPS = { file: READER_TEST, title: 'each flipped bit of frames and certificate is noticed' };
const HEADER = { file: 'test/unit/segment/chain.test.ts', title: 'each flipped bit of a segment header is noticed' };
const CHAIN_TEST = 'test/unit/segment/chain.test.ts';

export const SEGMENT_MUTANTS: readonly Mutant[] = [
  {
    name: 'accepts a broken chain',
    file: READER,
    find: `  if (headerCrc !== point.headerCrc || certificateCrc !== point.certificateCrc)
    return 'a segment does not continue the one before it';`,
    replace: ``,
    killedBy: HOME_TEST,
  },
  {
    name: 'chains by the header alone',
    file: READER,
    find: `if (headerCrc !== point.headerCrc || certificateCrc !== point.certificateCrc)`,
    replace: `if (headerCrc !== point.headerCrc)`,
    killedBy: HOME_TEST,
  },
  {
    name: 'accepts sequences that do not go on',
    file: READER,
    find: `if (header.firstSeq !== point.nextSeq) return`,
    replace: `if (header.firstSeq < 0) return`,
    killedBy: HOME_TEST,
  },
  {
    name: 'accepts epochs that do not go on',
    file: READER,
    find: `if (header.epoch !== (isMark ? point.epoch : point.epoch + 1))`,
    replace: `if (header.epoch < (isMark ? point.epoch : point.epoch - 8))`,
    killedBy: HOME_TEST,
  },
  {
    name: 'a segment may call later epochs synced',
    file: READER,
    find: `if (header.syncedThrough > header.epoch) return`,
    replace: `if (header.syncedThrough < 0) return`,
    killedBy: { file: CHAIN_TEST, title: 'R6: a segment that calls later epochs synced does not continue the chain' },
  },
  {
    name: 'accepts a stale incarnation',
    file: READER,
    find: `    header.incarnation === home.incarnation &&`,
    replace: ``,
    killedBy: HOME_TEST,
  },
  {
    name: 'accepts a segment of another log',
    file: READER,
    find: `    header.logId === home.logId &&`,
    replace: ``,
    killedBy: HOME_TEST,
  },
  {
    name: 'accepts a segment of another file',
    file: READER,
    find: `    header.fileNumber === home.fileNumber &&`,
    replace: ``,
    killedBy: HOME_TEST,
  },
  {
    name: 'accepts a segment of another place in its file',
    file: READER,
    find: `    header.fileNumber === home.fileNumber &&
    header.fileOffset === offset`,
    replace: `    header.fileNumber === home.fileNumber`,
    killedBy: HOME_TEST,
  },
  {
    name: 'believes a frame whose checksum is wrong',
    file: READER,
    find: `if (checksumOf(window, payloadAt, frameEnd) !== frame.payloadCrc)`,
    replace: `if (payloadAt > frameEnd)`,
    killedBy: FLIPS,
  },
  {
    name: 'believes a certificate whose digest is not that of the frames',
    file: READER,
    find: `    if (certificate.framesDigest !== this.#digest) throw new Fault('frames and certificate disagree', at);`,
    replace: ``,
    killedBy: { file: READER_TEST, title: 'is refused: frames and certificate disagree' },
  },
  {
    name: 'accepts an epoch in which a commit is missing',
    file: READER,
    find: `  if (frameCount + voids.length !== header.endSeq - header.firstSeq)
    return 'a commit is missing and no void explains it';`,
    replace: ``,
    killedBy: { file: READER_TEST, title: 'is refused: a commit is missing and no void explains it' },
  },
  {
    name: 'accepts a void for a commit that is there',
    file: READER,
    find: `      if (this.#mark(commitSeq - firstSeq)) throw new Fault('a void is listed for a commit that is there', at);`,
    replace: ``,
    killedBy: { file: READER_TEST, title: 'is refused: a void is listed for a commit that is there' },
  },
  {
    name: 'accepts a sequence twice',
    file: READER,
    find: `    if (this.#mark(commitSeq - firstSeq)) return 'a commit sequence stands twice in a segment';`,
    replace: `    this.#mark(commitSeq - firstSeq);`,
    killedBy: { file: READER_TEST, title: 'is refused: a commit sequence stands twice in a segment' },
  },
  {
    name: 'accepts sequences of a lane that do not ascend',
    file: READER,
    find: `        if (frame.commitSeq <= seqBefore) throw new Fault('the sequences of a lane are out of order', at);`,
    replace: ``,
    killedBy: { file: READER_TEST, title: 'is refused: the sequences of a lane are out of order' },
  },
  {
    name: 'accepts a page image of another length',
    file: READER,
    find: `      if (record.bytes !== pageBytes) throw new Fault('a page image has another length than the pages of the log', at);`,
    replace: ``,
    killedBy: { file: READER_TEST, title: 'is refused: a page image has another length than the pages of the log' },
  },
  {
    name: 'R12: allocates what a header claims',
    file: READER,
    find: `  if (certificateBytes > CERTIFICATE_BYTES_MAX) throw new Fault('a certificate has an impossible length', at);`,
    replace: ``,
    killedBy: { file: READER_TEST, title: 'R12: no more memory than the window is used' },
  },
  {
    name: 'takes an old frame of a recycled file for one of this incarnation',
    file: FRAME,
    find: `  view.setUint32(8, incarnation, true);`,
    replace: ``,
    killedBy: { file: READER_TEST, title: 'is refused when it is of another incarnation (F17)' },
  },
  {
    name: 'believes a frame header whose checksum is wrong',
    file: FRAME,
    find: `if (crc32c(bytes.subarray(0, CRC_COVERS), seed) !== headerCrc) return`,
    replace: `if (bytes.length < CRC_COVERS) return`,
    killedBy: { file: READER_TEST, title: 'is refused when it is of another incarnation (F17)' },
  },
  {
    name: 'believes a frame that is longer than its segment',
    file: FRAME,
    find: `  if (frameBytes > bytesLeft) return 'a frame is longer than what is left of its segment';`,
    replace: ``,
    killedBy: { file: READER_TEST, title: 'is refused: a frame is longer than what is left of its segment' },
  },
  {
    name: 'believes a record that is longer than its frame',
    file: 'src/record/codec.ts',
    find: `  if (recordBytes > bytesLeft) return 'a record is longer than what is left of its frame';`,
    replace: ``,
    killedBy: { file: READER_TEST, title: 'is refused: a record is longer than what is left of its frame' },
  },
  {
    name: 'believes a segment header whose checksum is wrong',
    file: CODEC,
    find: `if (crc32c(bytes.subarray(0, H.headerCrc)) !== headerCrc) return`,
    replace: `if (bytes.length < H.headerCrc) return`,
    killedBy: HEADER,
  },
  {
    name: 'believes a certificate whose checksum is wrong',
    file: CODEC,
    find: `if (crc32c(region.subarray(0, crcOffset)) !== crc) return`,
    replace: `if (crcOffset < 0) return`,
    killedBy: FLIPS,
  },
  {
    name: 'makes lists of any length that a certificate claims',
    file: CODEC,
    find: `if (listed !== view.getUint32(C.certificateBytes, true) || listed > crcOffset) {`,
    replace: `if (listed !== view.getUint32(C.certificateBytes, true)) {`,
    killedBy: { file: CHAIN_TEST, title: 'R12: the lists of a certificate are not made before they are known to fit' },
  },
  {
    name: 'takes an unknown version of a segment for damage',
    file: CODEC,
    find: `if (view.getUint16(H.version, true) !== FORMAT_VERSION) return version('the format version is unknown');`,
    replace: `if (view.getUint16(H.version, true) !== FORMAT_VERSION) return damaged('the format version is unknown');`,
    killedBy: {
      file: 'test/unit/recovery/damage.test.ts',
      title: 'of another log are refused, and so are those of another version',
    },
  },
  {
    name: 'replays the commits of a segment lane by lane',
    file: 'src/segment/commit-reader.ts',
    find: `        cursor.frame = frameAt(file, window, cursor.at, cursor.end, seed);
        sink(heap, 0);`,
    replace: `        cursor.frame = frameAt(file, window, cursor.at, cursor.end, seed);`,
    killedBy: { file: READER_TEST, title: 'come in sequence order from 2 lanes' },
  },
  {
    name: 'gives out frames that read differently than they were verified',
    file: 'src/segment/commit-reader.ts',
    find: `  if (typeof frame === 'string') throw changed(file, at, frame);
  return frame;`,
    replace: `  return typeof frame === 'string' ? decodeFrameHeader(new Uint8Array(64), 0, 0) as never : frame;`,
    killedBy: { file: READER_TEST, title: 'that read differently than they were verified are an error, not an end' },
  },
  {
    name: 'reads on in what the window held before a read failed',
    file: 'src/segment/file-window.ts',
    find: `      this.#bytes = 0;
      this.#bytes = this.#file.read(`,
    replace: `      this.#bytes = this.#file.read(`,
    killedBy: { file: CHAIN_TEST, title: 'F42: a window whose read failed holds nothing' },
  },
];
