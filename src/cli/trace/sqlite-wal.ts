// Reads a SQLite write-ahead log: which transactions it commits, and where each page image lies in the source bytes.
// Images are never copied, and no object is made per frame, so a trace over shared memory goes to worker threads as it
// is. Which frames count is SQLite's rule (test/traces/README.md): the first invalid frame ends the log, and of the
// valid ones only those up to the last commit marker count. Bytes SQLite would ignore are ignored and counted here;
// bytes that are no SQLite log at all are refused.

import { invalidArgument } from '../../base/errors.js';
import { defineLayout } from '../../base/layout.js';

// SQLite's own layouts. Every field is big-endian, unlike the formats of this package.
const HEADER = defineLayout('SQLite log header', 32, [
  [0, 'u32', 'magic'],
  [4, 'u32', 'version'],
  [8, 'u32', 'pageBytes'],
  [12, 'u32', 'checkpointSequence'],
  [16, 'u32', 'salt1'],
  [20, 'u32', 'salt2'],
  [24, 'u32', 'checksum1'],
  [28, 'u32', 'checksum2'],
]);
const FRAME = defineLayout('SQLite log frame header', 24, [
  [0, 'u32', 'pageNumber'],
  [4, 'u32', 'commitSizePages'],
  [8, 'u32', 'salt1'],
  [12, 'u32', 'salt2'],
  [16, 'u32', 'checksum1'],
  [20, 'u32', 'checksum2'],
]);

/** The lowest bit of the magic is set when the checksum reads its input as big-endian words. */
const MAGIC = 0x377f0682;
const FORMAT_VERSION = 3007000;
export const SQLITE_PAGE_BYTES_MIN = 512;
export const SQLITE_PAGE_BYTES_MAX = 65536;
/** What SQLite's 16-bit fields hold for 65,536. Its logs hold 0x00010000; 1 is accepted there too. */
export const SQLITE_PAGE_BYTES_MAX_CODE = 1;

/** The frame header bytes under the checksum: page number and commit marker, not the salts. */
const CHECKED_HEADER_BYTES = FRAME.at.salt1;

const HOST_IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** `missing`: shorter than a header. `checksum`: the header's sum fails, so SQLite takes the log as empty. */
export type HeaderState = 'valid' | 'missing' | 'checksum';

/** Why the first frame that does not count fails, in the order SQLite looks; null when none was found to fail. */
export type InvalidFrameReason = 'salt' | 'page-number' | 'checksum' | null;

/** What was found in the file, by SQLite's rules. */
export interface SqliteTraceCounts {
  /** Whole frames in the file, valid or not. */
  readonly framesInFile: number;
  readonly trailingPartialFrameBytes: number;
  readonly framesValid: number;
  readonly firstInvalidFrameReason: InvalidFrameReason;
  readonly framesCommitted: number;
  /** All whole frames behind the last commit, and those of them that are valid: a transaction left open. */
  readonly framesAfterLastCommit: number;
  readonly validFramesAfterLastCommit: number;
  readonly transactions: number;
  /** Committed frames of a page that occurs earlier in its own transaction. */
  readonly framesRepeatingAPage: number;
  /** Committed frames whose page number is larger than the size their own commit sets. */
  readonly framesBeyondCommitSize: number;
}

/**
 * The committed transactions of a SQLite log as plain cloneable data, numbered from 0.
 *
 * The entries of transaction t are `entryStarts[t]` up to, not including, `entryStarts[t + 1]`: one per page, in the
 * order of the frames. A transaction may have no entry at all and still set a size.
 */
export interface SqliteTrace {
  /** The whole source file; images are read from here. */
  readonly bytes: Uint8Array;
  readonly headerState: HeaderState;
  /** Undefined when there is no header to say it. */
  readonly pageBytes: number | undefined;
  readonly checksumWords: 'little-endian' | 'big-endian' | undefined;
  readonly counts: SqliteTraceCounts;
  readonly entryStarts: Uint32Array;
  /** By entry: counted from 1, never beyond the size of its own commit. */
  readonly pageNumbers: Uint32Array;
  /** By entry: where its image of `pageBytes` bytes starts in `bytes`. Floats, because 32 bits end at 4 GiB. */
  readonly imageOffsets: Float64Array;
  /** By transaction: pages of the database after it, at least 1. */
  readonly commitSizePages: Uint32Array;
  /** Committed frames that are in no entry, because they lie beyond the size of their own commit. */
  readonly beyond: BeyondFrames;
}

/** Frames beyond their commit's size, the last one of each page in its transaction; one row each, in file order. */
export interface BeyondFrames {
  readonly transactions: Uint32Array;
  readonly pageNumbers: Uint32Array;
  readonly imageOffsets: Float64Array;
}

interface Header {
  readonly pageBytes: number;
  readonly bigEndianWords: boolean;
  readonly salt1: number;
  readonly salt2: number;
}

/**
 * Finds the committed transactions of a SQLite write-ahead log.
 *
 * @param bytes - the whole file; kept in the result, never changed
 * @param label - names the input in messages
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT when the bytes are no SQLite log: magic, version or page size
 *
 * A file shorter than a header, or with a header whose checksum fails, is an empty log, as for SQLite: `headerState`.
 * Source: sqlite.org/fileformat2.html, "The Write-Ahead Log".
 */
export function readSqliteWal(bytes: Uint8Array, label = 'the SQLite log'): SqliteTrace {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  refuseOtherMagic(view, label);
  if (bytes.length < HEADER.bytes) return traceOf(bytes, 'missing', undefined, new Collector(0), 0, null);

  const header = readHeader(view, label);
  const words = wordsOf(bytes);
  const sums = new Uint32Array(2);
  addWords(words, 0, HEADER.at.checksum1, swaps(header), sums);
  const collector = new Collector(framesIn(bytes, header.pageBytes));
  if (!sumsMatch(view, HEADER.at.checksum1, sums)) return traceOf(bytes, 'checksum', header, collector, 0, null);

  const { framesValid, reason } = scanFrames(view, words, header, sums, collector);
  return traceOf(bytes, 'valid', header, collector, framesValid, reason);
}

/** The image of one entry: a view into the source bytes, not a copy. */
export function pageImage(trace: SqliteTrace, entry: number): Uint8Array {
  const start = trace.imageOffsets[entry] ?? 0;
  return trace.bytes.subarray(start, start + (trace.pageBytes ?? 0));
}

/**
 * Which transactions change the size of the database: 1 where the size differs from that of the commit before.
 *
 * @param basePages - the size before the first transaction
 */
export function sizeChanges(trace: SqliteTrace, basePages: number): Uint8Array {
  let before = basePages;
  return Uint8Array.from(trace.commitSizePages, (pages) => {
    const changes = pages === before ? 0 : 1;
    before = pages;
    return changes;
  });
}

/** Whether SQLite allows a page size: a power of two from 512 to 65,536. */
export function isSqlitePageBytes(bytes: number): boolean {
  return bytes >= SQLITE_PAGE_BYTES_MIN && bytes <= SQLITE_PAGE_BYTES_MAX && (bytes & (bytes - 1)) === 0;
}

/** Looks at as much of the magic as there is, so that a short text file is refused and a cut log is not. */
function refuseOtherMagic(view: DataView, label: string): void {
  for (let index = 0; index < Math.min(4, view.byteLength); index++) {
    const shift = 24 - 8 * index;
    const differs = view.getUint8(index) ^ ((MAGIC >>> shift) & 0xff);
    // The lowest bit of the last byte is the choice of words, both allowed.
    if (index < 3 ? differs === 0 : differs <= 1) continue;
    throw invalidArgument(`${label} does not start with the magic number of a SQLite write-ahead log`, {
      input: label,
    });
  }
}

function readHeader(view: DataView, label: string): Header {
  const { at } = HEADER;
  const version = view.getUint32(at.version);
  if (version !== FORMAT_VERSION) {
    throw invalidArgument(`${label} has the SQLite log format version ${version}; only ${FORMAT_VERSION} is known`, {
      input: label,
      version,
    });
  }
  const stored = view.getUint32(at.pageBytes);
  const pageBytes = stored === SQLITE_PAGE_BYTES_MAX_CODE ? SQLITE_PAGE_BYTES_MAX : stored;
  if (!isSqlitePageBytes(pageBytes)) {
    throw invalidArgument(
      `${label} names a page size of ${stored} bytes; it must be a power of two from ${SQLITE_PAGE_BYTES_MIN} to ` +
        `${SQLITE_PAGE_BYTES_MAX}`,
      { input: label, pageBytes: stored },
    );
  }
  return {
    pageBytes,
    bigEndianWords: view.getUint32(at.magic) !== MAGIC,
    salt1: view.getUint32(at.salt1),
    salt2: view.getUint32(at.salt2),
  };
}

function framesIn(bytes: Uint8Array, pageBytes: number): number {
  return Math.floor((bytes.length - HEADER.bytes) / (FRAME.bytes + pageBytes));
}

/** Hands every valid frame to the collector, up to the first invalid one. `sums` holds the header's sums at first. */
function scanFrames(
  view: DataView,
  words: Uint32Array,
  header: Header,
  sums: Uint32Array,
  collector: Collector,
): { framesValid: number; reason: InvalidFrameReason } {
  const { at } = FRAME;
  const { pageBytes, salt1, salt2 } = header;
  const swapped = swaps(header);
  for (let frame = 0; frame < collector.framesInFile; frame++) {
    const start = HEADER.bytes + frame * (FRAME.bytes + pageBytes);
    if (view.getUint32(start + at.salt1) !== salt1 || view.getUint32(start + at.salt2) !== salt2) {
      return { framesValid: frame, reason: 'salt' };
    }
    const pageNumber = view.getUint32(start + at.pageNumber);
    if (pageNumber === 0) return { framesValid: frame, reason: 'page-number' };
    addWords(words, start, CHECKED_HEADER_BYTES, swapped, sums);
    addWords(words, start + FRAME.bytes, pageBytes, swapped, sums);
    if (!sumsMatch(view, start + at.checksum1, sums)) return { framesValid: frame, reason: 'checksum' };
    collector.add(pageNumber, start + FRAME.bytes, view.getUint32(start + at.commitSizePages));
  }
  return { framesValid: collector.framesInFile, reason: null };
}

/** Gathers valid frames and turns them into a transaction at each commit marker. */
class Collector {
  readonly framesInFile: number;
  readonly entryStarts: number[] = [0];
  readonly commitSizePages: number[] = [];
  framesCommitted = 0;
  framesRepeatingAPage = 0;
  framesBeyondCommitSize = 0;
  readonly beyond = { transactions: [] as number[], pageNumbers: [] as number[], imageOffsets: [] as number[] };
  entryCount = 0;
  // Entries of finished transactions first, behind them the frames of the open one, which only shrink in place.
  readonly #pageNumbers: Uint32Array;
  readonly #imageOffsets: Float64Array;
  #openFrames = 0;
  readonly #lastOffset = new Map<number, number>();

  constructor(framesInFile: number) {
    this.framesInFile = framesInFile;
    this.#pageNumbers = new Uint32Array(framesInFile);
    this.#imageOffsets = new Float64Array(framesInFile);
  }

  add(pageNumber: number, imageOffset: number, commitSizePages: number): void {
    const entry = this.entryCount + this.#openFrames++;
    this.#pageNumbers[entry] = pageNumber;
    this.#imageOffsets[entry] = imageOffset;
    this.#lastOffset.set(pageNumber, imageOffset);
    if (commitSizePages !== 0) this.#commit(commitSizePages);
  }

  #commit(sizePages: number): void {
    const end = this.entryCount + this.#openFrames;
    let kept = this.entryCount;
    for (let entry = this.entryCount; entry < end; entry++) {
      const pageNumber = this.#pageNumbers[entry] ?? 0;
      const imageOffset = this.#imageOffsets[entry] ?? 0;
      // A page spilled early and written again: the later frame is the content at the commit.
      const isLast = this.#lastOffset.get(pageNumber) === imageOffset;
      const isInside = pageNumber <= sizePages;
      if (!isLast) this.framesRepeatingAPage++;
      if (!isInside) this.framesBeyondCommitSize++;
      if (!isInside && isLast) this.#keepBeyond(pageNumber, imageOffset);
      if (!isLast || !isInside) continue;
      this.#pageNumbers[kept] = pageNumber;
      this.#imageOffsets[kept] = imageOffset;
      kept++;
    }
    this.framesCommitted += this.#openFrames;
    this.#openFrames = 0;
    this.entryCount = kept;
    this.entryStarts.push(kept);
    this.commitSizePages.push(sizePages);
  }

  #keepBeyond(pageNumber: number, imageOffset: number): void {
    this.beyond.transactions.push(this.commitSizePages.length);
    this.beyond.pageNumbers.push(pageNumber);
    this.beyond.imageOffsets.push(imageOffset);
  }

  pageNumbers(): Uint32Array {
    return this.#pageNumbers.slice(0, this.entryCount);
  }

  imageOffsets(): Float64Array {
    return this.#imageOffsets.slice(0, this.entryCount);
  }
}

function traceOf(
  bytes: Uint8Array,
  headerState: HeaderState,
  header: Header | undefined,
  collector: Collector,
  framesValid: number,
  reason: InvalidFrameReason,
): SqliteTrace {
  const { framesInFile, framesCommitted } = collector;
  const frameBytes = FRAME.bytes + (header?.pageBytes ?? 0);
  return {
    bytes,
    headerState,
    pageBytes: header?.pageBytes,
    checksumWords: header && (header.bigEndianWords ? 'big-endian' : 'little-endian'),
    counts: {
      framesInFile,
      trailingPartialFrameBytes: header ? bytes.length - HEADER.bytes - framesInFile * frameBytes : 0,
      framesValid,
      firstInvalidFrameReason: reason,
      framesCommitted,
      framesAfterLastCommit: framesInFile - framesCommitted,
      validFramesAfterLastCommit: framesValid - framesCommitted,
      transactions: collector.commitSizePages.length,
      framesRepeatingAPage: collector.framesRepeatingAPage,
      framesBeyondCommitSize: collector.framesBeyondCommitSize,
    },
    entryStarts: Uint32Array.from(collector.entryStarts),
    pageNumbers: collector.pageNumbers(),
    imageOffsets: collector.imageOffsets(),
    commitSizePages: Uint32Array.from(collector.commitSizePages),
    beyond: {
      transactions: Uint32Array.from(collector.beyond.transactions),
      pageNumbers: Uint32Array.from(collector.beyond.pageNumbers),
      imageOffsets: Float64Array.from(collector.beyond.imageOffsets),
    },
  };
}

/** The bytes as 32-bit words of this machine. A header and every frame start on a word, whatever the page size. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, Math.floor(aligned.length / 4));
}

function swaps(header: Header): boolean {
  return header.bigEndianWords === HOST_IS_LITTLE_ENDIAN;
}

function sumsMatch(view: DataView, offset: number, sums: Uint32Array): boolean {
  return view.getUint32(offset) === sums[0] && view.getUint32(offset + 4) === sums[1];
}

/** Takes `length` bytes from `offset` into the running sums. Two loops, because the swap inside would cost a third. */
function addWords(words: Uint32Array, offset: number, length: number, swapped: boolean, sums: Uint32Array): void {
  const end = (offset + length) / 4;
  let sum1 = sums[0] ?? 0;
  let sum2 = sums[1] ?? 0;
  if (swapped) {
    for (let index = offset / 4; index < end; index += 2) {
      sum1 = (sum1 + swapBytes(words[index] as number) + sum2) | 0;
      sum2 = (sum2 + swapBytes(words[index + 1] as number) + sum1) | 0;
    }
  } else {
    for (let index = offset / 4; index < end; index += 2) {
      sum1 = (sum1 + (words[index] as number) + sum2) | 0;
      sum2 = (sum2 + (words[index + 1] as number) + sum1) | 0;
    }
  }
  sums[0] = sum1;
  sums[1] = sum2;
}

function swapBytes(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
