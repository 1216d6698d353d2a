// Walks the chain of segments over the files of a log (design/format.md, "Chain") up to its first bad place. Only
// headers and final checksums are read here, one after the other; frames and certificates are verified in batches
// behind it. Memory does not grow with the log: what is kept is per file, and per segment only within the batches
// under way.
//
// What decides which file goes on where: a file starts at a position, and the walk leaves a file for the next as soon
// as it stands at that position. What older incarnations hold above that is superseded (R4).

import { WalError } from '../base/errors.js';
import type { LogPosition } from '../log/codec.js';
import { FILE_HEADER_BYTES } from '../log/layout.js';
import { SEGMENT_FLAG, SEGMENT_HEADER, SEGMENT_KIND } from '../segment/layout.js';
import { type CheckedHeader, chainFault, isAtHome, readCertificateCrc, readSegmentHeader } from '../segment/reader.js';
import type { Directory, LogFile } from '../storage/directory.js';
import type { ListedFile, LogFiles } from './log-files.js';
import type { LogNotes } from './log-notes.js';
import type { DamageEntry } from './report.js';
import type { VerifyResult, VerifyTask } from './verify.js';
import type { VerifyPipeline } from './verify-pool.js';

/** The part of the chain that stands in one file. */
export interface ChainFile {
  readonly file: ListedFile;
  /** Behind the last segment that is part of the chain. */
  endOffset: number;
  /** Where the log stands there. */
  end: LogPosition;
  segments: number;
  epochs: number;
  frames: number;
  voids: number;
}

/** Why the chain ends where it does. */
export interface ChainEnd {
  /** Bytes stand there that are no leftovers, and do not go on with the log. */
  readonly isBroken: boolean;
  readonly reason: string;
  /** Where it shows; within the segment that `offset` of the chain's end starts. */
  readonly offset: number;
}

/** The verified chain. */
export interface Chain {
  /** Files of the chain in order. The first one is where recovery can start. */
  readonly files: readonly ChainFile[];
  readonly end: ChainEnd;
  /** The file that should go on with the log behind the end, but does not. */
  readonly next: ListedFile | undefined;
  /** Bad places below the checkpoint, behind which the chain could start anew. */
  readonly flaws: readonly DamageEntry[];
  /** The chain cannot start: files are missing that the checkpoint does not cover. */
  readonly isFrontMissing: boolean;
  /** Highest `syncedThrough` of the newest incarnation's segments seen so far. */
  readonly syncedThrough: number;
  readonly sizes: ReadonlyMap<number, number>;
  /** Last commit of each space that has pages or sizes in the chain. */
  readonly spaces: ReadonlyMap<number, number>;
  /** The last segment is a mark that says the log was closed in order. */
  readonly isClean: boolean;
  readonly bytesRead: number;
}

/** A batch holds at most so many segments, and ends with the one that reaches the bytes. */
const BATCH_SEGMENTS_MAX = 256;
const BATCH_BYTES_MAX = 4 * 2 ** 20;

/** Smallest buffer verification is given. */
const WINDOW_BYTES_MIN = 64 * 1024;

interface BatchEntry {
  readonly header: CheckedHeader;
  readonly after: LogPosition;
}

interface Stop {
  readonly position: LogPosition;
  /** The next file goes on from here. */
  readonly isContinued: boolean;
  readonly end: ChainEnd;
}

/** Whether two positions are the same place of the same log. */
export function isSamePosition(one: LogPosition, other: LogPosition): boolean {
  return (
    one.epoch === other.epoch &&
    one.nextSeq === other.nextSeq &&
    one.headerCrc === other.headerCrc &&
    one.certificateCrc === other.certificateCrc
  );
}

/** A position without a digest behind epoch 0: the log was taken up again from a checkpoint, not from a segment. */
export function isRestart({ epoch, headerCrc, certificateCrc }: LogPosition): boolean {
  return epoch > 0 && headerCrc === 0 && certificateCrc === 0;
}

/**
 * The files that contribute to the log, with the epoch up to which each does.
 *
 * A newer incarnation starts behind what it keeps of the older ones; whatever they hold above that is superseded.
 */
export function contributingFiles(files: readonly ListedFile[]): { file: ListedFile; epochMax: number }[] {
  let epochMax = Number.POSITIVE_INFINITY;
  let epochMin = Number.POSITIVE_INFINITY;
  let incarnation = 0;
  const contributing: { file: ListedFile; epochMax: number }[] = [];
  for (const file of [...files].reverse()) {
    const { header } = file;
    if (header.incarnation !== incarnation) epochMax = epochMin;
    incarnation = header.incarnation;
    epochMin = Math.min(epochMin, header.start.epoch);
    if (header.start.epoch < epochMax) contributing.unshift({ file, epochMax });
  }
  return contributing;
}

/** One walk; use it once. */
export class ChainWalk {
  readonly #directory: Directory;
  readonly #log: LogFiles;
  readonly #pipeline: VerifyPipeline;
  readonly #windowBytes: number;
  readonly #onRead: (bytes: number) => void;
  readonly #notes: LogNotes | undefined;
  readonly #candidates: readonly { file: ListedFile; epochMax: number }[];
  readonly #flaws: DamageEntry[] = [];
  #files: ChainFile[] = [];
  #sizes = new Map<number, number>();
  #spaces = new Map<number, number>();
  #isClean = false;
  #syncedThrough = 0;
  #bytesRead = 0;
  #entries: BatchEntry[] = [];
  #entriesBytes = 0;
  /** Set by the first bad batch in order; later results no longer count. */
  #failure: { readonly index: number; readonly end: ChainEnd } | undefined;

  /**
   * @param onRead - told after each batch how many bytes were read so far
   * @param notes - of the records of the chain, begun by whoever gives them
   */
  constructor(
    directory: Directory,
    log: LogFiles,
    pipeline: VerifyPipeline,
    windowBytes: number,
    onRead: (bytes: number) => void,
    notes?: LogNotes,
  ) {
    this.#directory = directory;
    this.#log = log;
    this.#pipeline = pipeline;
    this.#windowBytes = windowBytes;
    this.#onRead = onRead;
    this.#notes = notes;
    this.#candidates = contributingFiles(log.files);
  }

  /** @throws {WalError} ERR_WAL_VERSION, ERR_WAL_IO */
  async run(): Promise<Chain> {
    const first = this.#candidates[0]?.file;
    if (first === undefined) return this.#chain({ isBroken: false, reason: 'there is no file', offset: 0 }, undefined);
    if (!this.#mayStartWith(first.header.start)) {
      return this.#chain({ isBroken: false, reason: 'the files before it are missing', offset: 0 }, first, true);
    }
    let index = 0;
    let position = first.header.start;
    for (;;) {
      const stop = await this.#walkFile(index, position);
      if (stop.isContinued && this.#failure === undefined) {
        index += 1;
        position = stop.position;
        continue;
      }
      await this.#pipeline.drain();
      const failure = this.#failure as { readonly index: number; readonly end: ChainEnd } | undefined;
      this.#failure = undefined;
      if (failure === undefined && stop.isContinued)
        throw new WalError('ERR_WAL_INVARIANT', 'A continued file has no end.');
      index = failure?.index ?? index;
      const end = failure?.end ?? stop.end;
      const next = this.#candidates[index + 1]?.file;
      if (next === undefined || !this.#startsAnew(next, end)) return this.#chain(end, next);
      this.#files = [];
      this.#sizes = new Map();
      this.#spaces = new Map();
      this.#notes?.begin(this.#log);
      this.#isClean = false;
      index += 1;
      position = next.header.start;
    }
  }

  #chain(end: ChainEnd, next: ListedFile | undefined, isFrontMissing = false): Chain {
    return {
      files: this.#files,
      end,
      next,
      flaws: this.#flaws,
      isFrontMissing,
      syncedThrough: this.#syncedThrough,
      sizes: this.#sizes,
      spaces: this.#spaces,
      isClean: this.#isClean,
      bytesRead: this.#bytesRead,
    };
  }

  /**
   * Whether the store holds all that stands before `start`.
   *
   * The sequences say so, not the epochs: the record names the last epoch that it covered for certain when it was
   * written, and a file that ends with the epoch behind it, or a log that was taken up again, may be covered as well.
   */
  #mayStartWith(start: LogPosition): boolean {
    return start.nextSeq <= (this.#log.checkpoint?.throughSeq ?? 0) + 1;
  }

  /**
   * Whether the chain may begin with `next`, because the store holds all before it.
   *
   * Files below the checkpoint go one by one, and a removal that was not synced comes undone in a crash: then files are
   * missing between those that are there, and that is no damage. Bad bytes in a file that is there are (R2).
   */
  #startsAnew(next: ListedFile, end: ChainEnd): boolean {
    const { start } = next.header;
    if (this.#log.checkpoint === undefined || !this.#mayStartWith(start)) return false;
    const { file, end: position } = this.#files.at(-1) as ChainFile;
    if (isRestart(start) || this.#isAnyMissing(file.fileNumber, next.fileNumber)) return true;
    const bytes = file.bytes - end.offset;
    this.#flaws.push({ file: file.name, epoch: position.epoch + 1, offset: end.offset, bytes, reason: end.reason });
    return true;
  }

  #isAnyMissing(first: number, last: number): boolean {
    return isAnyNumberMissing(this.#log.fileNumbers, first, last);
  }

  async #walkFile(index: number, start: LogPosition): Promise<Stop> {
    const { file, epochMax } = this.#candidates[index] as { file: ListedFile; epochMax: number };
    const next = this.#candidates[index + 1]?.file;
    const opened = this.#directory.open(file.name, 'read');
    const part = { file, endOffset: FILE_HEADER_BYTES, end: start, segments: 0, epochs: 0, frames: 0, voids: 0 };
    this.#files.push(part);
    try {
      let position = start;
      let offset = FILE_HEADER_BYTES;
      for (;;) {
        if (next !== undefined && isSamePosition(position, next.header.start)) {
          await this.#flush(index, part);
          return { position, isContinued: true, end: { isBroken: false, reason: 'the next file goes on', offset } };
        }
        const found = this.#segmentAt(opened, file, offset, position, epochMax);
        if ('end' in found || this.#failure !== undefined) {
          await this.#flush(index, part);
          const end = 'end' in found ? found.end : { isBroken: true, reason: '', offset };
          return { position, isContinued: false, end };
        }
        position = found.after;
        offset += found.header.segmentBytes;
        this.#entries.push(found);
        this.#entriesBytes += found.header.segmentBytes;
        if (this.#entries.length >= BATCH_SEGMENTS_MAX || this.#entriesBytes >= BATCH_BYTES_MAX)
          await this.#flush(index, part);
      }
    } finally {
      opened.close();
    }
  }

  /** The segment at `offset` if its header goes on with the chain, or why the chain ends there. */
  #segmentAt(
    opened: LogFile,
    file: ListedFile,
    offset: number,
    position: LogPosition,
    epochMax: number,
  ): BatchEntry | { end: ChainEnd } {
    const ends = (isBroken: boolean, reason: string): { end: ChainEnd } => ({ end: { isBroken, reason, offset } });
    if (offset + SEGMENT_HEADER.bytes > file.bytes) return ends(false, 'the file ends');
    const header = readSegmentHeader(opened, offset);
    this.#bytesRead += SEGMENT_HEADER.bytes;
    if (header === undefined) return ends(false, 'the file ends');
    if ('refused' in header) {
      if (header.refused === 'version') throw unknownVersion(file.name, offset, header.reason);
      return ends(header.refused === 'damaged', header.reason);
    }
    const home = { ...file.header, fileNumber: file.fileNumber };
    if (!isAtHome(header, home, offset)) return ends(false, 'a segment of another place or time stands here');
    if (header.incarnation === this.#log.incarnation)
      this.#syncedThrough = Math.max(this.#syncedThrough, header.syncedThrough);
    const fault = chainFault(header, position);
    if (fault !== undefined) return ends(true, fault);
    // Above this a newer incarnation counts, and its file does not start where this one stands.
    if (header.kind === SEGMENT_KIND.epoch && header.epoch > epochMax)
      return ends(false, 'a newer incarnation goes on');
    const certificateCrc = offset + header.segmentBytes > file.bytes ? undefined : readCertificateCrc(opened, header);
    if (certificateCrc === undefined) return ends(true, 'the file ends within a segment');
    const { epoch, endSeq: nextSeq, headerCrc } = header;
    return { header, after: { epoch, nextSeq, headerCrc, certificateCrc } };
  }

  /** Hands the gathered segments to verification. */
  async #flush(index: number, part: ChainFile): Promise<void> {
    const entries = this.#entries;
    const bytes = this.#entriesBytes;
    this.#entries = [];
    this.#entriesBytes = 0;
    if (entries.length === 0 || this.#failure !== undefined) return;
    const { name, fileNumber, header } = part.file;
    const { logId, incarnation, pageBytes } = header;
    const offsets = entries.map((entry) => entry.header.fileOffset);
    const headerCrcs = entries.map((entry) => entry.header.headerCrc);
    const windowBytes = Math.max(WINDOW_BYTES_MIN, Math.min(this.#windowBytes, bytes));
    const home = { name, logId, incarnation, fileNumber, pageBytes };
    const task: VerifyTask = { ...home, windowBytes, offsets, headerCrcs, noteAfterSeq: this.#notes?.noteAfterSeq };
    await this.#pipeline.submit(task, bytes, (result) => this.#consume(index, part, entries, result));
  }

  #consume(index: number, part: ChainFile, entries: readonly BatchEntry[], result: VerifyResult): void {
    if (this.#failure !== undefined) return;
    const { fault, verified } = result;
    if (fault?.isVersion) throw unknownVersion(part.file.name, fault.offset, fault.reason);
    for (const { header, after } of entries.slice(0, verified)) {
      part.endOffset = header.fileOffset + header.segmentBytes;
      part.end = after;
      part.segments += 1;
      if (header.kind === SEGMENT_KIND.epoch) part.epochs += 1;
      this.#isClean = (header.flags & SEGMENT_FLAG.clean) !== 0;
    }
    part.frames += result.frames;
    part.voids += result.voids;
    this.#bytesRead += result.bytes;
    this.#onRead(this.#bytesRead);
    if (result.notes !== undefined) this.#notes?.add(part.file.fileNumber, result.notes);
    for (const [space, pages] of result.sizes) this.#sizes.set(space, pages);
    for (const [space, seq] of result.spaces) this.#spaces.set(space, Math.max(this.#spaces.get(space) ?? 0, seq));
    if (fault === undefined) return;
    this.#failure = { index, end: { isBroken: true, reason: fault.reason, offset: fault.offset } };
    // What the walk has seen beyond is not part of the chain.
    this.#files.length = this.#files.indexOf(part) + 1;
  }
}

/** Whether a number between the two is used by no file at all. */
export function isAnyNumberMissing(fileNumbers: ReadonlySet<number>, first: number, last: number): boolean {
  // At most one more step than there are files.
  for (let number = first + 1; number < last; number += 1) if (!fileNumbers.has(number)) return true;
  return false;
}

function unknownVersion(file: string, offset: number, reason: string): WalError {
  return new WalError('ERR_WAL_VERSION', `${file} at ${offset}: ${reason}. Use a newer library.`, {
    file,
    offset,
    reason,
  });
}
