// Shadow compare: commits that have a proof are held against it twice, in memory before their epoch is cut, and as read
// back from the file before any mark moves. What differs is put right from the proof, so that nobody is told of a
// commit that is not on disk as it was appended; and it is told to who decides the mode. design/modes.md.
//
// M5: no mark passes a proven commit that the file does not hold as its proof says.
// On the flusher's thread: it owns what is published and not yet let go, so it may put that right.

import { WalError } from '../base/errors.js';
import type { Lane } from '../lane/lane.js';
import type { LaneCut } from '../lane/lane-reader.js';
import type { WrittenSegment } from '../log/log-writer.js';
import { alignedMemory } from '../memory/aligned.js';
import type { TraceRecord } from '../observe/trace.js';
import { differenceOf } from '../proof/difference.js';
import { SEGMENT_HEADER } from '../segment/layout.js';
import type { Directory, LogFile } from '../storage/directory.js';
import { type Divergence, writeEvidence } from './evidence.js';
import { type Copies, type Jumbos, type ShadowedFrame, shadowedFrames } from './shadowed-frames.js';

/** What is read back is read by windows; a frame that is larger than one is compared byte by byte and not decoded. */
const WINDOW_BYTES = 2 ** 20;
/** Direct I/O reads whole sectors of at most this size. */
const SECTOR_BYTES = 4096;

/** What became of the proven commits of an epoch; the others were not compared. */
export interface Verdicts {
  readonly clean: number;
  readonly diverged: number;
}

/** What a log has none of, as long as nobody asks for proofs. */
export const NO_VERDICTS: Verdicts = { clean: 0, diverged: 0 };

/** What shadow compare needs of its log. */
export interface ShadowParts {
  readonly directory: Directory;
  readonly frameSeed: number;
  /** Whether it reads past the page cache. */
  readonly isDirect: boolean;
  /** False under policy `off`. */
  readonly sync: boolean;
  /** Whether any commit may have a proof. */
  readonly isOn: () => boolean;
  readonly jumbos: Jumbos;
  /** What the flusher did last. */
  readonly recentTrace: () => readonly TraceRecord[];
  /** A commit was not what its proof says: the parallel path is not to be trusted any more. */
  readonly diverged: (message: string) => void;
}

/** Compares the commits of one open log. */
export class ShadowCompare {
  readonly #parts: ShadowParts;
  /** Sequences of the epoch that is being sealed. */
  readonly #diverged = new Set<number>();
  #memory: Uint8Array | undefined;

  constructor(parts: ShadowParts) {
    this.#parts = parts;
  }

  /** Before a lane is cut at `endSeq`: puts right what is in memory. */
  checkLane(lane: Lane, tail: number, firstSeq: number, endSeq: number): void {
    if (!this.#parts.isOn()) return;
    for (const { commitSeq, inMemory } of this.#framesOf(lane, tail, firstSeq)) {
      if (commitSeq >= endSeq && inMemory.length > 0) return;
      for (const copies of inMemory) {
        if (isSame(copies)) continue;
        const difference = this.#inWords(copies);
        this.#diverge({ commitSeq, lane, where: 'memory', difference, ...copies });
        repair(copies);
      }
    }
  }

  /**
   * Behind the write of an epoch, before anybody is told of it.
   *
   * @throws {WalError} ERR_WAL_IO when what was written reads back as something else even after a second time
   */
  checkWritten(cuts: readonly LaneCut[], firstSeq: number, written: WrittenSegment): Verdicts {
    if (!this.#parts.isOn()) return NO_VERDICTS;
    const proven = this.#readBack(cuts, firstSeq, written);
    if (proven.wrong !== undefined) {
      written.again();
      const { wrong } = this.#readBack(cuts, firstSeq, written);
      if (wrong !== undefined) throw notAsWritten(wrong, written);
    }
    const verdicts = { clean: proven.count - this.#diverged.size, diverged: this.#diverged.size };
    this.#diverged.clear();
    return verdicts;
  }

  /** Reads every proven commit of the epoch back; what differs is put right in memory. */
  #readBack(cuts: readonly LaneCut[], firstSeq: number, { name, offset }: WrittenSegment) {
    let file: LogFile | undefined;
    let at = offset + SEGMENT_HEADER.bytes;
    let count = 0;
    let wrong: { commitSeq: number; difference: string } | undefined;
    try {
      for (const { lane, end } of cuts) {
        for (const { commitSeq, onDisk, inMemory, diskBytes } of this.#framesOf(lane, end, firstSeq)) {
          if (onDisk !== undefined) {
            file ??= this.#parts.directory.open(name, this.#parts.isDirect ? 'direct' : 'read');
            const found = this.#findDifference(file, at, onDisk, diskBytes);
            count += 1;
            if (found !== undefined) {
              wrong = { commitSeq, difference: found.difference };
              this.#diverge({ commitSeq, lane, where: 'file', proof: onDisk.proof, ...found });
              inMemory.forEach(repair);
            }
          }
          at += diskBytes;
        }
      }
    } finally {
      file?.close();
    }
    return { count, wrong };
  }

  #framesOf(lane: Lane, end: number, firstSeq: number): Generator<ShadowedFrame> {
    return shadowedFrames(lane, end, firstSeq, this.#parts.frameSeed, this.#parts.jumbos);
  }

  /** Compares what the file holds from `position` on with a proof. */
  #findDifference(file: LogFile, position: number, { proof }: Copies, bytes: number) {
    const proven = flat(proof);
    if (bytes <= WINDOW_BYTES) {
      const frame = this.#read(file, position, bytes);
      const difference = differenceOf(frame, proven, this.#parts.frameSeed);
      return difference === undefined ? undefined : { difference, frame: [frame] };
    }
    for (let from = 0; from < bytes; from += WINDOW_BYTES) {
      const frame = this.#read(file, position + from, Math.min(WINDOW_BYTES, bytes - from));
      if (Buffer.compare(frame, proven.subarray(from, from + frame.length)) === 0) continue;
      return { difference: `a byte from ${from} of the frame on`, frame: [frame] };
    }
    return undefined;
  }

  /** A view of the window: good until the next one is read. What lies behind the end of the file is zero. */
  #read(file: LogFile, position: number, bytes: number): Uint8Array {
    this.#memory ??= alignedMemory(WINDOW_BYTES + 2 * SECTOR_BYTES);
    const skip = position % SECTOR_BYTES;
    const window = this.#memory.subarray(0, Math.ceil((skip + bytes) / SECTOR_BYTES) * SECTOR_BYTES);
    window.fill(0, file.read(window, position - skip));
    return window.subarray(skip, skip + bytes);
  }

  #inWords({ frame, proof }: Copies): string {
    return differenceOf(flat(frame), flat(proof), this.#parts.frameSeed) ?? 'bytes that say nothing';
  }

  #diverge(divergence: Divergence): void {
    const { commitSeq, lane, where, difference } = divergence;
    this.#diverged.add(commitSeq);
    const evidence = writeEvidence(this.#parts.directory, divergence, this.#parts.recentTrace(), this.#parts.sync);
    const place = where === 'file' ? 'its log file' : `lane ${lane.index}`;
    this.#parts.diverged(
      `Commit ${commitSeq} was not in ${place} as it was appended: ${difference}. Evidence: ${evidence}.`,
    );
  }
}

function isSame({ frame, proof }: Copies): boolean {
  return frame.every((piece, index) => Buffer.compare(piece, proof[index] as Uint8Array) === 0);
}

/** The commit is what its proof says: it goes to the disk from there. */
function repair({ frame, proof }: Copies): void {
  frame.forEach((piece, index) => {
    piece.set(proof[index] as Uint8Array);
  });
}

/** One view of a frame; a copy only where it wraps around the end of its ring. */
function flat(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces;
  return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces);
}

function notAsWritten({ commitSeq, difference }: { commitSeq: number; difference: string }, place: WrittenSegment) {
  const { name, offset } = place;
  const what = `commit ${commitSeq}, ${difference}`;
  const message = `${name} at ${offset} does not hold what was written there, twice: ${what}.`;
  return new WalError('ERR_WAL_IO', message, { file: name, offset, commitSeq, difference });
}

/**
 * Refuses a file system that cannot be read past the page cache.
 *
 * @param name - a file of the directory that holds at least a sector
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT
 */
export function checkDirect(directory: Directory, name: string): void {
  try {
    const file = directory.open(name, 'direct');
    try {
      file.read(alignedMemory(SECTOR_BYTES).subarray(0, SECTOR_BYTES), 0);
    } finally {
      file.close();
    }
  } catch (cause) {
    const message = `${directory.path} cannot be read past the page cache: leave shadowDirect out.`;
    throw new WalError('ERR_WAL_INVALID_ARGUMENT', message, { path: directory.path }, cause);
  }
}
