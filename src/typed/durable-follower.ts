// Visits the durable commits of an open log, once and in order, whenever it is asked: for what is computed from the log
// and kept up with it. Between two visits it holds nothing, so that an idle thread keeps no log file.

import type { LogSource } from '../follow/durable-commits.js';
import { LogFollower, overtaken } from '../follow/log-follower.js';
import type { SegmentHeader } from '../segment/codec.js';
import { CommitReader, type SegmentCommit } from '../segment/commit-reader.js';
import type { LogFile } from '../storage/directory.js';

/** What is told of the log. */
export interface CommitVisitor {
  /** A commit; it and its records are valid during the call. */
  commit(commit: SegmentCommit, file: LogFile): void;
  /** All commits of a segment were told. */
  segmentEnd(segment: SegmentHeader): void;
}

/** Larger buffers read no faster. */
const BUFFER_BYTES = 2 ** 20;

/**
 * Follows a log on demand.
 *
 * Threading: belongs to one thread; takes a pin of its writer while it reads.
 */
export class DurableFollower {
  readonly #source: LogSource;
  readonly #visitor: CommitVisitor;
  readonly #follower: LogFollower;
  readonly #reader = new CommitReader(BUFFER_BYTES);
  #throughSeq: number;

  /** @param afterSeq - commits above it are told; none of them has left the log */
  constructor(source: LogSource, afterSeq: number, visitor: CommitVisitor) {
    this.#source = source;
    this.#visitor = visitor;
    this.#throughSeq = afterSeq;
    this.#follower = new LogFollower(source.directory, { fromSeq: afterSeq + 1 });
  }

  /** Every commit up to this one was told. */
  get throughSeq(): number {
    return this.#throughSeq;
  }

  /**
   * Tells of what is durable by now.
   *
   * @throws {WalError} ERR_WAL_OVERTAKEN: the log let go of what was still to be told; ERR_WAL_CORRUPT,
   *   ERR_WAL_VERSION, ERR_WAL_IO, ERR_WAL_EXHAUSTED (readers), and what the visitor throws
   */
  catchUp(): void {
    const { control, writerId } = this.#source;
    const throughEpoch = control.durableEpoch.load();
    const { pins } = control;
    if (pins.releasedSeq > this.#throughSeq) throw overtaken(this.#throughSeq + 1, pins.releasedSeq + 1);
    const pin = pins.take('reader', this.#throughSeq, writerId);
    try {
      for (;;) {
        const segment = this.#follower.next(throughEpoch);
        if (segment === undefined) return;
        for (const commit of this.#reader.commits(segment.file, segment.header))
          if (commit.frame.commitSeq > this.#throughSeq) this.#visitor.commit(commit, segment.file);
        this.#throughSeq = segment.header.endSeq - 1;
        this.#visitor.segmentEnd(segment.header);
      }
    } finally {
      pins.release(pin);
    }
  }

  /** Closes its file. */
  close(): void {
    this.#follower.close();
  }
}
