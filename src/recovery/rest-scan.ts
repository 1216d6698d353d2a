// Looks at everything behind the end of the chain, in steps of 4 KiB: what the newest incarnation wrote there tells how
// far the log was known to be synced (S), and is counted as dropped. Bytes of older times prove nothing (R6, R8).

import { decodeSegmentHeader } from '../segment/codec.js';
import { SEGMENT_ALIGNMENT, SEGMENT_HEADER, SEGMENT_MAGIC } from '../segment/layout.js';
import type { CheckedHeader } from '../segment/reader.js';
import type { Directory } from '../storage/directory.js';

/** Bytes read at once; a multiple of the alignment of segments. */
const PIECE_BYTES = 2 ** 20;

const ZEROS = Buffer.alloc(PIECE_BYTES);

/** What stands behind the chain in one file. */
export interface Rest {
  /** Segments whose header says that they belong exactly where they stand. */
  readonly segments: number;
  /** Bytes of those segments, as far as the file reaches. */
  readonly segmentBytes: number;
  /** Bytes of 4 KiB blocks that are not zero and in none of those segments; may be leftovers in a recycled file. */
  readonly otherBytes: number;
  /** Highest `syncedThrough`, epoch and incarnation among them, 0 without any. */
  readonly syncedThrough: number;
  readonly epochMax: number;
  readonly incarnationMax: number;
  /** The first of them. */
  readonly first: { readonly epoch: number; readonly offset: number } | undefined;
  /** Behind the last of them, or behind the last block that is not zero. */
  readonly endOffset: number;
}

/** Which segments count: those of this file number, and of this log and incarnation where they are known. */
export interface RestHome {
  readonly fileNumber: number;
  readonly logId: number | undefined;
  /** Lowest incarnation that counts. */
  readonly incarnationMin: number;
}

/**
 * Walks `[from, end of file)` and gathers what stands there. Memory: one piece of 1 MiB.
 *
 * @param visit - told each segment header found, in order; `true` ends the scan
 * @throws {WalError} ERR_WAL_IO
 */
export function scanRest(
  directory: Directory,
  name: string,
  from: number,
  home: RestHome,
  visit: (header: CheckedHeader) => boolean = () => false,
): Rest {
  const file = directory.open(name, 'read');
  const rest: Mutable<Rest> = {
    segments: 0,
    segmentBytes: 0,
    otherBytes: 0,
    syncedThrough: 0,
    epochMax: 0,
    incarnationMax: 0,
    first: undefined,
    endOffset: from,
  };
  try {
    const size = file.size();
    const piece = Buffer.alloc(Math.min(PIECE_BYTES, Math.max(size - from, 0)));
    let offset = from;
    while (offset < size) {
      const bytes = file.read(piece, offset);
      if (bytes === 0) break;
      const read = piece.subarray(0, bytes);
      const pieceAt = offset;
      offset += bytes;
      // Preallocated zeros are by far the most frequent find.
      if (read.equals(ZEROS.subarray(0, bytes))) continue;
      for (let at = 0; at < bytes; ) {
        const block = read.subarray(at, at + SEGMENT_ALIGNMENT);
        const blockAt = pieceAt + at;
        at += SEGMENT_ALIGNMENT;
        if (block.equals(ZEROS.subarray(0, block.length))) continue;
        const header = headerIn(block, blockAt, home);
        if (header === undefined) {
          rest.otherBytes += block.length;
          rest.endOffset = blockAt + block.length;
          continue;
        }
        const end = Math.min(blockAt + header.segmentBytes, size);
        note(rest, header, blockAt, end);
        if (visit(header)) return rest;
        // The header is checksummed, so its length holds, whatever became of the bytes: they are not looked at.
        at = end - pieceAt;
        offset = Math.max(offset, end);
      }
    }
    return rest;
  } finally {
    file.close();
  }
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

function note(rest: Mutable<Rest>, header: CheckedHeader, offset: number, end: number): void {
  rest.segments += 1;
  rest.segmentBytes += end - offset;
  rest.syncedThrough = Math.max(rest.syncedThrough, header.syncedThrough);
  rest.epochMax = Math.max(rest.epochMax, header.epoch);
  rest.incarnationMax = Math.max(rest.incarnationMax, header.incarnation);
  rest.first ??= { epoch: header.epoch, offset };
  rest.endOffset = end;
}

function headerIn(block: Buffer, offset: number, home: RestHome): CheckedHeader | undefined {
  if (block.length < SEGMENT_HEADER.bytes || block.readUInt32LE(0) !== SEGMENT_MAGIC) return undefined;
  const header = decodeSegmentHeader(block);
  if ('refused' in header) return undefined;
  if (header.fileNumber !== home.fileNumber || header.fileOffset !== offset) return undefined;
  if (header.incarnation < home.incarnationMin) return undefined;
  return home.logId === undefined || header.logId === home.logId ? header : undefined;
}
