// Reads segments of an open log at places that are known, in any order. A pin keeps them where they are.

import { WalError } from '../base/errors.js';
import type { Pin } from '../epoch/pins.js';
import type { LogSource } from '../follow/durable-commits.js';
import { logFileName } from '../log/names.js';
import { CommitReader, type SegmentCommit } from '../segment/commit-reader.js';
import { readSegmentHeader } from '../segment/reader.js';
import type { LogFile } from '../storage/directory.js';
import type { PlacedSegment } from './segment-table.js';

/** Headers are read, and bytes apart; larger buffers read no faster. */
const BUFFER_BYTES = 2 ** 18;

/**
 * Segments of the log above a commit, as long as this is open.
 *
 * Threading: belongs to one thread.
 */
export class PlacedSegments {
  readonly #source: LogSource;
  readonly #pin: Pin;
  readonly #reader = new CommitReader(BUFFER_BYTES);
  #file: LogFile | undefined;

  /**
   * @param throughSeq - segments above this commit are kept
   * @throws {WalError} ERR_WAL_OVERTAKEN when some of them are gone; ERR_WAL_EXHAUSTED (readers)
   */
  constructor(source: LogSource, throughSeq: number) {
    this.#source = source;
    this.#pin = source.control.pins.take('reader', throughSeq, source.writerId);
  }

  /**
   * The commits of a segment, and the file they are in, which is open until another segment is asked for.
   *
   * @throws {WalError} ERR_WAL_CORRUPT when another segment stands there; ERR_WAL_IO
   */
  commits(segment: PlacedSegment): { file: LogFile; commits: Generator<SegmentCommit, void, void> } {
    const { fileNumber, offset, lastSeq } = segment;
    const name = logFileName(fileNumber);
    if (this.#file?.name !== name) {
      this.#file?.close();
      this.#file = this.#source.directory.open(name, 'read');
    }
    const header = readSegmentHeader(this.#file, offset);
    const isThere = header !== undefined && !('refused' in header) && header.fileNumber === fileNumber;
    if (isThere && header.fileOffset === offset && header.endSeq - 1 === lastSeq)
      return { file: this.#file, commits: this.#reader.commits(this.#file, header) };
    const message = `${name} at ${offset} was whole when it was counted and is not now. Check the disk.`;
    throw new WalError('ERR_WAL_CORRUPT', message, { file: name, offset });
  }

  /** Lets the segments go. Once only. */
  close(): void {
    this.#file?.close();
    this.#source.control.pins.release(this.#pin);
  }
}
