// Fills a version index from the durable log, segment by segment. A full index stops it within a commit, and it goes on
// with the very record once there is room: nothing is left out. Not here: waiting, and making room (a checkpoint).

import { WalError } from '../base/errors.js';
import { parseLogFileName } from '../log/names.js';
import { RECORD_KIND } from '../record/layout.js';
import { CommitReader, type PlacedShape } from '../segment/commit-reader.js';
import type { Directory } from '../storage/directory.js';
import { VersionIndex } from '../versions/version-index.js';
import { type FollowedSegment, LogFollower } from './log-follower.js';

/** A larger buffer reads no faster: each lane of a segment gets a share. */
const BUFFER_BYTES = 4 * 2 ** 20;

/** What a record means to the index. */
interface Entry {
  readonly seq: number;
  readonly fileNumber: number;
  readonly shape: PlacedShape;
}

/** A segment that is being indexed: one entry at a time, and the number of its last commit at the end. */
interface Work {
  readonly entries: Generator<Entry, void, void>;
  /** Read, and not in the index yet. */
  pending: Entry | undefined;
  readonly lastSeq: number;
  /** Of the segment. */
  readonly bytes: number;
}

/** How far indexing got. */
export type IndexedBy = 'caughtUp' | 'more' | 'full';

/**
 * Indexes a log as it becomes durable.
 *
 * Threading: belongs to the thread that writes the index.
 */
export class Indexer {
  /** The index, for this thread alone: `release` and `newestThrough` are fastest over it. */
  readonly index: VersionIndex;
  readonly #follower: LogFollower;
  readonly #reader = new CommitReader(BUFFER_BYTES);
  readonly #sizes: Map<number, number>;
  readonly #afterSeq: number;
  readonly #onSize: (space: number, pages: number, seq: number) => void;
  /** Bytes of the segments that were indexed so far. */
  indexedBytes = 0;
  #work: Work | undefined;

  /**
   * @param options - `afterSeq`: every commit above it is indexed, default what the index says; `sizes`: pages of each
   *   space as of `afterSeq`, as far as known (without it the first size record of a space counts as a cut); `onSize`:
   *   told of every size record, in the order of the log
   */
  constructor(
    directory: Directory,
    index: VersionIndex,
    {
      afterSeq = index.indexedThrough,
      sizes,
      onSize = () => undefined,
    }: {
      afterSeq?: number;
      sizes?: ReadonlyMap<number, number>;
      onSize?: (space: number, pages: number, seq: number) => void;
    } = {},
  ) {
    this.#onSize = onSize;
    this.index = VersionIndex.forIndexer(index.buffer);
    this.#afterSeq = afterSeq;
    this.#sizes = new Map(sizes);
    this.#follower = new LogFollower(directory, { fromSeq: afterSeq + 1 });
  }

  /** Size of a space in pages as of the last commit indexed, as far as a size record said it. */
  sizePages(space: number): number | undefined {
    return this.#sizes.get(space);
  }

  /**
   * Indexes one segment, or what is left of one.
   *
   * @param throughEpoch - the last durable epoch
   * @returns `caughtUp` when there was none; `more` when there may be another; `full` when the index has no room:
   *   release, and call again
   * @throws {WalError} ERR_WAL_OVERTAKEN, ERR_WAL_CORRUPT, ERR_WAL_VERSION, ERR_WAL_IO; ERR_WAL_RECORD_TOO_LARGE for a
   *   commit that alone has more images than the index holds
   */
  step(throughEpoch: number): IndexedBy {
    this.#work ??= this.#begin(this.#follower.next(throughEpoch));
    if (this.#work === undefined) return 'caughtUp';
    if (!this.#indexed(this.#work)) return 'full';
    this.index.announce(this.#work.lastSeq);
    this.indexedBytes += this.#work.bytes;
    this.#work = undefined;
    return 'more';
  }

  /** Indexes until `step` has nothing to do, or no room. */
  catchUp(throughEpoch: number): Exclude<IndexedBy, 'more'> {
    for (;;) {
      const by = this.step(throughEpoch);
      if (by !== 'more') return by;
    }
  }

  close(): void {
    this.#follower.close();
  }

  #begin(segment: FollowedSegment | undefined): Work | undefined {
    if (segment === undefined) return undefined;
    const { header } = segment;
    return {
      entries: this.#entries(segment),
      pending: undefined,
      lastSeq: header.endSeq - 1,
      bytes: header.segmentBytes,
    };
  }

  *#entries({ file, header }: FollowedSegment): Generator<Entry, void, void> {
    const fileNumber = parseLogFileName(file.name) as number;
    for (const { frame, shapes } of this.#reader.commits(file, header)) {
      const { commitSeq: seq } = frame;
      if (seq <= this.#afterSeq) continue;
      for (const shape of shapes()) yield { seq, fileNumber, shape };
      // What the commits before the next one say is complete; a reader may ask as of this one.
      this.index.announce(seq);
    }
  }

  /** False when the index is full. */
  #indexed(work: Work): boolean {
    for (;;) {
      if (work.pending === undefined) {
        const next = work.entries.next();
        if (next.done === true) return true;
        work.pending = next.value;
      }
      if (!this.#add(work.pending)) {
        this.#refuseEndless(work.pending);
        return false;
      }
      work.pending = undefined;
    }
  }

  #add({ seq, fileNumber, shape }: Entry): boolean {
    const { kind, space, number, bytesAt } = shape;
    if (kind === RECORD_KIND.page) {
      return this.index.insert({ space, pageNumber: number, seq, fileNumber, offset: bytesAt });
    }
    if (kind !== RECORD_KIND.size) return true;
    const before = this.#sizes.get(space);
    // A space that grows has nothing beyond its old end.
    if ((before === undefined || number < before) && !this.index.cut({ space, pages: number, seq })) return false;
    this.#sizes.set(space, number);
    this.#onSize(space, number, seq);
    return true;
  }

  /** A commit that fills the index alone can never be complete. */
  #refuseEndless({ seq }: Entry): void {
    const { capacity } = this.index;
    if (this.index.liveCount < capacity || this.index.oldestSeq !== seq) return;
    const message = `Commit ${seq} has more page images than the index of versions holds, ${capacity}.`;
    throw new WalError('ERR_WAL_RECORD_TOO_LARGE', message, { seq, versionsMax: capacity });
  }
}
