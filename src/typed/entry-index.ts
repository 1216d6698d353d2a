// Which entry has which id. An id is the place of an entry in the one total order, counted from the first entry ever
// (design/typed-log.md, "Ids"): nobody draws it, so nobody who dies takes one along. Counts the durable log, lazily,
// and remembers where each segment begins. Not here: waiting, and what an entry means.

import { assert } from '../base/assert.js';
import { WalError } from '../base/errors.js';
import { readU64 } from '../base/layout.js';
import type { LogSource } from '../follow/durable-commits.js';
import { type FollowedSegment, LogFollower, overtaken } from '../follow/log-follower.js';
import { pinOldest } from '../follow/pin-oldest.js';
import { RECORD_KIND } from '../record/layout.js';
import { CommitReader, type SegmentCommit } from '../segment/commit-reader.js';
import type { LogFile } from '../storage/directory.js';
import { ENTRY_KIND, ENTRY_MARK } from './layout.js';

/** What ties a count to an id: the last entry up to and with a commit that ends its segment. */
export interface IdMark {
  readonly throughSeq: number;
  readonly throughId: number;
  /** Entries below are truncated. */
  readonly firstId: number;
}

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
/** Entries are counted by the headers of their records; larger buffers count no faster. */
const BUFFER_BYTES = 2 ** 20;

/**
 * Counts the entries of an open log.
 *
 * Threading: belongs to one thread; takes a pin of its writer while it reads.
 */
export class EntryIndex {
  readonly #source: LogSource;
  readonly #reader = new CommitReader(BUFFER_BYTES);
  #follower: LogFollower | undefined;
  /** Last sequence of each segment, and how many entries there are up to it since counting began. */
  #ends: number[] = [];
  #counts: number[] = [];
  /** Sequence, count in front of it, and entries of the last commits, in a ring by sequence. */
  readonly #recent = new Float64Array(RECENT_COUNT * RECENT_WORDS);
  /** Entries in front of where counting began; undefined as long as nothing told. */
  #base: number | undefined;
  #firstId = 1;
  readonly #known: IdMark | undefined;

  /** @param known - a mark from elsewhere, for a log whose own marks are lost */
  constructor(source: LogSource, known?: IdMark) {
    this.#source = source;
    this.#known = known;
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
    const { control, writerId } = this.#source;
    const throughEpoch = control.durableEpoch.load();
    const { pins } = control;
    // The log may have let go of what is still to be counted: then its marks say where to go on.
    if (this.#follower !== undefined && this.throughSeq < pins.releasedSeq) this.close();
    const pin = pinOldest(pins, writerId);
    try {
      if (this.#follower === undefined) this.#begin(pins.releasedSeq);
      const follower = this.#follower as LogFollower | undefined;
      for (let segment = follower?.next(throughEpoch); segment !== undefined; segment = follower?.next(throughEpoch))
        this.#count(segment);
    } finally {
      pins.release(pin);
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
      const entries = entriesIn(commit).count;
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

  #begin(releasedSeq: number): void {
    this.#follower = new LogFollower(this.#source.directory, { fromSeq: releasedSeq + 1 });
    this.#ends = [releasedSeq];
    this.#counts = [0];
    if (releasedSeq === 0) this.#base = 0;
    this.#takeKnown();
  }

  #count(segment: FollowedSegment): void {
    const { file, header } = segment;
    const start = this.throughSeq;
    let count = this.#counts.at(-1) ?? 0;
    const marks: IdMark[] = [];
    for (const commit of this.#reader.commits(file, header)) {
      const { commitSeq: seq } = commit.frame;
      if (seq <= start) continue;
      const { count: entries, marksAt } = entriesIn(commit);
      const at = (seq % RECENT_COUNT) * RECENT_WORDS;
      this.#recent[at] = seq;
      this.#recent[at + 1] = count;
      this.#recent[at + 2] = entries;
      count += entries;
      for (const offset of marksAt) marks.push(markAt(file, offset));
    }
    this.#ends.push(header.endSeq - 1);
    this.#counts.push(count);
    for (const mark of marks) this.#take(mark);
    this.#takeKnown();
  }

  /** Where the mark from elsewhere stands, if that is here. */
  #takeKnown(): void {
    if (this.#known?.throughSeq === this.throughSeq) this.#take(this.#known);
  }

  #take(mark: IdMark): void {
    const index = this.#ends.indexOf(mark.throughSeq);
    this.#firstId = Math.max(this.#firstId, mark.firstId);
    // In front of where counting began, it says nothing about what follows.
    if (index < 0) return;
    const base = mark.throughId - (this.#counts[index] as number);
    this.#base ??= base;
    if (this.#base === base) return;
    const message = `The log counts other entries up to commit ${mark.throughSeq} than a mark in it says.`;
    throw new WalError('ERR_WAL_CORRUPT', message, { ...mark, counted: this.#idAt(index) });
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

/** How many entries a commit has, and where in the file its marks stand. */
function entriesIn(commit: SegmentCommit): { count: number; marksAt: number[] } {
  let count = 0;
  const marksAt: number[] = [];
  for (const { kind, space, number, bytesAt } of commit.shapes()) {
    if (kind !== RECORD_KIND.operation || space !== 0) continue;
    if (number === ENTRY_KIND.entry) count += 1;
    else if (number === ENTRY_KIND.mark) marksAt.push(bytesAt);
  }
  return { count, marksAt };
}

function markAt(file: LogFile, offset: number): IdMark {
  const bytes = new Uint8Array(ENTRY_MARK.bytes);
  const length = file.read(bytes, offset);
  const view = new DataView(bytes.buffer);
  const { at } = ENTRY_MARK;
  const [throughSeq, throughId, firstId] = [at.throughSeq, at.throughId, at.firstId].map((each) => readU64(view, each));
  if (length === bytes.length && throughSeq !== undefined && throughId !== undefined && firstId !== undefined)
    return { throughSeq, throughId, firstId };
  throw new WalError('ERR_WAL_CORRUPT', `${file.name} at ${offset}: this is no mark of entry ids.`, {
    file: file.name,
    offset,
    reason: 'no mark of entry ids',
  });
}
