// Which entry has which id. An id is the place of an entry in the one total order, counted from the first entry ever
// (design/typed-log.md, "Ids"): nobody draws it, so nobody who dies takes one along. Counts the durable log, lazily,
// and remembers where each segment begins. Not here: waiting, and what an entry means.

import { assert } from '../base/assert.js';
import { WalError } from '../base/errors.js';
import type { LogSource } from '../follow/durable-commits.js';
import { LogFollower, overtaken } from '../follow/log-follower.js';
import { RECORD_KIND } from '../record/layout.js';
import { CommitReader, type SegmentCommit } from '../segment/commit-reader.js';
import { DurableFollower } from './durable-follower.js';
import type { IdMark } from './id-marks.js';
import { ENTRY_CODE } from './layout.js';

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

/** Commits whose count is still known one by one; older ones are read again. */
const RECENT_COUNT = 2 ** 16;
const RECENT_WORDS = 3;
/** Segments are forgotten so many at a time. */
const PRUNE_COUNT = 1024;
/** How often counting begins anew because the log let go of its beginning meanwhile. */
const ROUNDS_MAX = 5;
/** Entries are counted by the headers of their records; larger buffers count no faster. */
const BUFFER_BYTES = 2 ** 20;

/**
 * Counts the entries of an open log.
 *
 * Threading: belongs to one thread; takes a pin of its writer while it reads.
 */
export class EntryIndex {
  readonly #source: LogSource;
  #follower: DurableFollower | undefined;
  /** Last sequence of each segment, and how many entries there are up to it since counting began. */
  #ends: number[] = [];
  #counts: number[] = [];
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
    return this.#ends.at(-1) ?? 0;
  }

  /** The oldest entry that is not truncated; one more than `lastId` when there is none. */
  get firstId(): number {
    return Math.max(this.#firstId, this.#idAt(0) + 1);
  }

  /** The last entry that is counted; 0 before the first. */
  get lastId(): number {
    return this.#idAt(this.#ends.length - 1);
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

  /** Forgets segments in front of the first entry, all but the one that it is counted from. */
  #prune(): void {
    const keep = this.#indexBefore(this.firstId);
    if (keep < PRUNE_COUNT) return;
    this.#ends.splice(0, keep);
    this.#counts.splice(0, keep);
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
    const index = this.#ends.findIndex((end) => end >= seq);
    if (index === 0) throw overtaken(seq, (this.#ends[0] as number) + 1);
    const firstSeq = (this.#ends[index - 1] as number) + 1;
    let count = this.#counts[index - 1] as number;
    for (const commit of this.#commitsFrom(firstSeq)) {
      const entries = entriesIn(commit);
      if (commit.frame.commitSeq === seq) return idsFrom(count, entries);
      if (commit.frame.commitSeq > seq) break;
      count += entries;
    }
    return idsFrom(count, 0);
  }

  /** The last place before an entry: the end of a segment. */
  placeBefore(id: number): EntryPlace {
    const index = this.#indexBefore(id);
    return { seq: this.#ends[index] ?? 0, id: this.#idAt(index) };
  }

  #indexBefore(id: number): number {
    let low = 0;
    let high = this.#ends.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#idAt(middle) < id) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Forgets everything; what is asked next counts from the log's beginning again. */
  close(): void {
    this.#follower?.close();
    this.#follower = undefined;
    this.#ends = [];
    this.#counts = [];
    this.#recent.fill(0);
    this.#base = undefined;
  }

  /** What counts; begun anew where the log begins. */
  #counted(): DurableFollower {
    if (this.#follower !== undefined) return this.#follower;
    const { releasedSeq } = this.#source.control.pins;
    this.#ends = [releasedSeq];
    this.#counts = [0];
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
      segmentEnd: (lastSeq) => {
        this.#ends.push(lastSeq);
        this.#counts.push(count);
        this.#takeMarks(lastSeq);
      },
    });
    return this.#follower;
  }

  /** What the marks of a commit say; the last segment that is counted ends with it. */
  #takeMarks(seq: number): void {
    for (const mark of this.#marks) {
      if (mark.throughSeq !== seq) continue;
      const base = mark.throughId - (this.#counts.at(-1) as number);
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

  *#commitsFrom(seq: number): Generator<SegmentCommit, void, void> {
    const { directory, control } = this.#source;
    const follower = new LogFollower(directory, { fromSeq: seq });
    const reader = new CommitReader(BUFFER_BYTES);
    try {
      for (;;) {
        const segment = follower.next(control.durableEpoch.load());
        if (segment === undefined) return;
        yield* reader.commits(segment.file, segment.header);
      }
    } finally {
      follower.close();
    }
  }

  #idAt(index: number): number {
    return (this.#base ?? 0) + (this.#counts[index] ?? 0);
  }

  #unknownBase(): WalError {
    const message = 'The beginning of the log is gone, and nothing in it says which ids its entries have.';
    return new WalError('ERR_WAL_GAP', message, { firstSeq: (this.#ends[0] ?? 0) + 1 });
  }
}

function entriesIn(commit: SegmentCommit): number {
  let count = 0;
  for (const { kind, space, number } of commit.shapes())
    if (kind === RECORD_KIND.operation && space === 0 && number === ENTRY_CODE) count += 1;
  return count;
}
