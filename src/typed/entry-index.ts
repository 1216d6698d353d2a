// Which entry has which id. An id is the place of an entry in the one total order, counted from the first entry ever
// (design/typed-log.md, "Ids"): nobody draws it, so nobody who dies takes one along. Counts the durable log, lazily,
// and remembers where each segment begins. Not here: waiting, and what an entry means.

import { assert } from '../base/assert.js';
import { WalError } from '../base/errors.js';
import type { LogSource } from '../follow/durable-commits.js';
import { overtaken } from '../follow/log-follower.js';
import { RECORD_KIND } from '../record/layout.js';
import type { PlacedShape, SegmentCommit } from '../segment/commit-reader.js';
import { DurableFollower } from './durable-follower.js';
import type { IdMark } from './id-marks.js';
import { ENTRY_CODE } from './layout.js';
import { PlacedSegments } from './placed-segments.js';
import { type PlacedSegment, SegmentTable } from './segment-table.js';

/** Ids of the entries of one commit; none when `lastId` is below `firstId`. */
export interface EntryIds {
  readonly firstId: number;
  readonly lastId: number;
}

/** Where to read from: commits above `seq`, of which the first entry has id `id + 1`. */
export interface EntryPlace {
  readonly seq: number;
  readonly id: number;
}

/** A segment with entries: those from `firstId` to `lastId`. */
export interface EntrySegment extends PlacedSegment, EntryIds {
  /** The last commit in front of it. */
  readonly seqBefore: number;
}

/** Commits whose count is still known one by one; older ones are read again. */
const RECENT_COUNT = 2 ** 16;
const RECENT_WORDS = 3;
/** Segments are forgotten so many at a time. */
const PRUNE_COUNT = 1024;
/** How often counting begins anew because the log let go of its beginning meanwhile. */
const ROUNDS_MAX = 5;

/**
 * Counts the entries of an open log.
 *
 * Threading: belongs to one thread; takes a pin of its writer while it reads.
 */
export class EntryIndex {
  readonly #source: LogSource;
  #follower: DurableFollower | undefined;
  #segments = new SegmentTable(0);
  /** Sequence, count in front of it, and entries of the last commits, in a ring by sequence. */
  readonly #recent = new Float64Array(RECENT_COUNT * RECENT_WORDS);
  /** Entries in front of where counting began; undefined as long as nothing told. */
  #base: number | undefined;
  #firstId = 1;
  readonly #readMarks: () => readonly IdMark[];
  #marks: readonly IdMark[] = [];

  /** @param readMarks - reads what is written before the log lets go of anything */
  constructor(source: LogSource, readMarks: () => readonly IdMark[]) {
    this.#source = source;
    this.#readMarks = readMarks;
  }

  /** Every commit up to this one is counted. */
  get throughSeq(): number {
    return this.#segments.lastSeqAt(this.#segments.rowCount - 1);
  }

  /** The oldest entry that is not truncated; one more than `lastId` when there is none. */
  get firstId(): number {
    return Math.max(this.#firstId, this.#idAt(0) + 1);
  }

  /** The last entry that is counted; 0 before the first. */
  get lastId(): number {
    return this.#idAt(this.#segments.rowCount - 1);
  }

  /**
   * Counts what is durable by now.
   *
   * @throws {WalError} ERR_WAL_GAP: nothing in the log says where its ids begin; ERR_WAL_CORRUPT, ERR_WAL_VERSION,
   *   ERR_WAL_IO, ERR_WAL_EXHAUSTED (readers)
   */
  catchUp(): void {
    for (let round = 1; ; round += 1) {
      try {
        this.#counted().catchUp();
        break;
      } catch (thrown) {
        // What was counted of the segment that failed must not be counted again.
        this.close();
        // The log has let go of what was still to be counted: its marks say where to go on.
        const isOvertaken = thrown instanceof WalError && thrown.code === 'ERR_WAL_OVERTAKEN';
        if (!isOvertaken || round === ROUNDS_MAX) throw thrown;
      }
    }
    if (this.#base === undefined && this.throughSeq > 0) throw this.#unknownBase();
    this.#prune();
  }

  /** Forgets segments that have left the log. */
  #prune(): void {
    const gone = this.#segments.rowOf(Math.min(this.#source.control.pins.releasedSeq, this.throughSeq));
    if (gone >= PRUNE_COUNT) this.#segments.forget(gone);
  }

  /**
   * Ids of the entries of a commit that is counted; read again when it is long past.
   *
   * @throws {WalError} ERR_WAL_OVERTAKEN when it is truncated; ERR_WAL_CORRUPT, ERR_WAL_IO
   */
  idsOf(seq: number): EntryIds {
    assert(seq <= this.throughSeq, 'ids are asked for commits that are counted');
    const at = (seq % RECENT_COUNT) * RECENT_WORDS;
    const base = this.#base ?? 0;
    const idsFrom = (count: number, entries: number): EntryIds => {
      return { firstId: base + count + 1, lastId: base + count + entries };
    };
    if (this.#recent[at] === seq) return idsFrom(this.#recent[at + 1] as number, this.#recent[at + 2] as number);
    const row = this.#segments.rowOf(seq);
    if (row === 0) throw overtaken(seq, this.#segments.lastSeqAt(0) + 1);
    const segment = this.#segments.at(row);
    const read = new PlacedSegments(this.#source, segment.seqBefore);
    try {
      let count = segment.countBefore;
      for (const commit of read.commits(segment).commits) {
        const entries = entriesIn(commit);
        if (commit.frame.commitSeq === seq) return idsFrom(count, entries);
        if (commit.frame.commitSeq > seq) break;
        count += entries;
      }
      return idsFrom(count, 0);
    } finally {
      read.close();
    }
  }

  /** The last place before an entry: the end of a segment. */
  placeBefore(id: number): EntryPlace {
    const row = this.#rowBefore(id);
    return { seq: this.#segments.lastSeqAt(row), id: this.#idAt(row) };
  }

  /** The segment that a durable entry is in, which is still in the log. */
  segmentOf(id: number): EntrySegment {
    assert(id > this.#idAt(0) && id <= this.lastId, 'an entry that is durable and in the log is in a segment');
    return this.#segmentAt(this.#rowBefore(id) + 1);
  }

  /** The segments that are in the log, in order; of truncated entries, too. */
  *segments(): Generator<EntrySegment, void, void> {
    for (let row = 1; row < this.#segments.rowCount; row += 1) yield this.#segmentAt(row);
  }

  #segmentAt(row: number): EntrySegment {
    const base = this.#base ?? 0;
    const { countBefore, count, ...segment } = this.#segments.at(row);
    return { ...segment, firstId: base + countBefore + 1, lastId: base + count };
  }

  #rowBefore(id: number): number {
    return this.#segments.rowBelow(id - (this.#base ?? 0));
  }

  /** Forgets everything; what is asked next counts from the log's beginning again. */
  close(): void {
    this.#follower?.close();
    this.#follower = undefined;
    this.#segments = new SegmentTable(0);
    this.#recent.fill(0);
    this.#base = undefined;
  }

  /** What counts; begun anew where the log begins. */
  #counted(): DurableFollower {
    if (this.#follower !== undefined) return this.#follower;
    const { releasedSeq } = this.#source.control.pins;
    this.#segments = new SegmentTable(releasedSeq);
    if (releasedSeq === 0) this.#base = 0;
    // Behind the horizon: a mark is written before the horizon moves.
    this.#marks = this.#readMarks();
    for (const { firstId } of this.#marks) this.#firstId = Math.max(this.#firstId, firstId);
    this.#takeMarks(releasedSeq);
    let count = 0;
    this.#follower = new DurableFollower(this.#source, releasedSeq, {
      commit: (commit) => {
        const entries = entriesIn(commit);
        const { commitSeq: seq } = commit.frame;
        const at = (seq % RECENT_COUNT) * RECENT_WORDS;
        this.#recent[at] = seq;
        this.#recent[at + 1] = count;
        this.#recent[at + 2] = entries;
        count += entries;
      },
      segmentEnd: ({ fileNumber, fileOffset: offset, endSeq, wallClockMs }) => {
        this.#segments.push({ fileNumber, offset, lastSeq: endSeq - 1, wallClockMs }, count);
        this.#takeMarks(endSeq - 1);
      },
    });
    return this.#follower;
  }

  /** What the marks of a commit say; the last segment that is counted ends with it. */
  #takeMarks(seq: number): void {
    for (const mark of this.#marks) {
      if (mark.throughSeq !== seq) continue;
      const base = mark.throughId - this.#segments.countAt(this.#segments.rowCount - 1);
      this.#base ??= base;
      if (this.#base === base) continue;
      const message = `The log counts other entries up to commit ${seq} than a mark of its ids says.`;
      throw new WalError('ERR_WAL_CORRUPT', message, { ...mark, counted: this.lastId });
    }
  }

  /** Notes that the entries below an id are truncated. */
  truncated(firstId: number): void {
    this.#firstId = Math.max(this.#firstId, firstId);
  }

  #idAt(row: number): number {
    return (this.#base ?? 0) + this.#segments.countAt(row);
  }

  #unknownBase(): WalError {
    const message = 'The beginning of the log is gone, and nothing in it says which ids its entries have.';
    return new WalError('ERR_WAL_GAP', message, { firstSeq: this.#segments.lastSeqAt(0) + 1 });
  }
}

function entriesIn(commit: SegmentCommit): number {
  let count = 0;
  for (const shape of commit.shapes()) if (isEntry(shape)) count += 1;
  return count;
}

/** Whether a record is an entry. */
export function isEntry({ kind, space, number }: PlacedShape): boolean {
  return kind === RECORD_KIND.operation && space === 0 && number === ENTRY_CODE;
}
