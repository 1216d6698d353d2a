// Images of pages as of any commit that is still in the log, for the thread that asks (design/readers.md, "Reading
// pages"). Indexes the log when it is asked for the first time, and what has come since each time; a pin keeps the log
// while it does. Not here: the page file.

import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { invalidArgument, WalError } from '../base/errors.js';
import { SPACE_COUNT_MAX } from '../epoch/control.js';
import { LogReader, readLiveImage } from '../versions/log-reader.js';
import { VersionIndex } from '../versions/version-index.js';
import { type LogSource, refuseEnded } from './durable-commits.js';
import { Indexer } from './indexer.js';
import { pinOldest } from './pin-oldest.js';

/** Which version of a page. */
export interface ReadOptions {
  /** The last commit that counts; default: the last durable one. */
  readonly asOf?: number | undefined;
  /** Default 0. */
  readonly space?: number | undefined;
}

/** Versions that the index holds at first; it is made anew with twice as many when they are too few. */
const VERSIONS_FIRST = 4096;

interface Indexed {
  readonly index: VersionIndex;
  readonly indexer: Indexer;
}

/**
 * The pages of one log as of its commits.
 *
 * Threading: belongs to one thread.
 */
export class PageHistory {
  readonly #source: LogSource;
  readonly #pageBytes: number;
  readonly #reader: LogReader;
  #versionsMax = VERSIONS_FIRST;
  #releasedSeq = 0;
  #indexed: Indexed | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(source: LogSource, pageBytes: number) {
    this.#source = source;
    this.#pageBytes = pageBytes;
    this.#reader = new LogReader(source.directory);
  }

  /**
   * The image of a page as of a commit.
   *
   * @returns a copy; undefined when the log holds no image of the page as of then: what the store held before counts
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT, also beyond the durable mark; ERR_WAL_OVERTAKEN when commits above
   *   `asOf` may have left the log, so that it cannot tell; ERR_WAL_CLOSED, ERR_WAL_POISONED, ERR_WAL_CORRUPT,
   *   ERR_WAL_EXHAUSTED (more images in the log than can be indexed), ERR_WAL_IO
   */
  read(pageNumber: number, { asOf, space = 0 }: ReadOptions = {}): Promise<Uint8Array | undefined> {
    // One after the other: they share the index.
    const image = this.#last.then(() => this.#read(pageNumber, asOf ?? this.#source.control.durableSeq.load(), space));
    this.#last = image.catch(() => undefined);
    return image;
  }

  /** Closes its files. */
  close(): void {
    this.#indexed?.indexer.close();
    this.#indexed = undefined;
    this.#reader.close();
  }

  async #read(pageNumber: number, asOf: number, space: number): Promise<Uint8Array | undefined> {
    const { control, writerId } = this.#source;
    this.#check(pageNumber, asOf, space);
    const pin = pinOldest(control.pins, writerId);
    try {
      const { releasedSeq } = control.pins;
      if (asOf < releasedSeq) {
        const message = `The log begins behind commit ${releasedSeq} and cannot tell what pages were as of ${asOf}.`;
        throw new WalError('ERR_WAL_OVERTAKEN', message, { asOf, releasedSeq });
      }
      const { index } = await this.#indexedThrough(asOf, releasedSeq);
      const found = index.find(space, pageNumber, asOf);
      if (found === undefined) return undefined;
      const image = new Uint8Array(this.#pageBytes);
      if (found !== 'zero') readLiveImage(this.#reader, found, image, () => index.isLive(found.id));
      return image;
    } finally {
      control.pins.release(pin);
    }
  }

  #check(pageNumber: number, asOf: number, space: number): void {
    const { control } = this.#source;
    refuseEnded(control);
    if (!Number.isSafeInteger(pageNumber) || pageNumber < 1)
      throw invalidArgument('Page numbers are whole numbers from 1.', { pageNumber: String(pageNumber) });
    if (!Number.isSafeInteger(space) || space < 0 || space >= SPACE_COUNT_MAX)
      throw invalidArgument(`Spaces are numbered from 0 to ${SPACE_COUNT_MAX - 1}.`, { space: String(space) });
    const durableSeq = control.durableSeq.load();
    if (!Number.isSafeInteger(asOf) || asOf < 0 || asOf > durableSeq)
      throw invalidArgument('asOf must be a commit sequence up to the durable one.', {
        asOf: String(asOf),
        durableSeq,
      });
  }

  /** The index, with every commit through `seq` in it that is above what was released. */
  async #indexedThrough(seq: number, releasedSeq: number): Promise<Indexed> {
    const { control } = this.#source;
    // The log may have let go of what the follower has yet to read.
    if (this.#indexed !== undefined && this.#indexed.index.indexedThrough < releasedSeq) this.#forget();
    this.#indexed?.index.release(releasedSeq);
    if (releasedSeq > this.#releasedSeq) this.#reader.close();
    this.#releasedSeq = releasedSeq;
    for (;;) {
      refuseEnded(control);
      this.#indexed ??= this.#start(releasedSeq);
      if (this.#indexed.index.indexedThrough >= seq) return this.#indexed;
      // I7: the turn before the mark, which moves right behind the sequence.
      const turn = control.durableTurn.load();
      const by = this.#indexed.indexer.step(control.durableEpoch.load());
      if (by === 'full') this.#grow();
      else if (by === 'more') await turnOfTheLoop();
      else await control.durableTurn.waitAsync(turn);
    }
  }

  #start(releasedSeq: number): Indexed {
    const index = VersionIndex.create({ versionsMax: this.#versionsMax, indexedThrough: releasedSeq });
    return { index, indexer: new Indexer(this.#source.directory, index) };
  }

  #grow(): void {
    if (this.#versionsMax >= VersionIndex.versionsMax)
      throw new WalError('ERR_WAL_EXHAUSTED', 'The log holds more images than can be indexed. Checkpoint it.');
    this.#versionsMax *= 2;
    this.#forget();
  }

  #forget(): void {
    this.#indexed?.indexer.close();
    this.#indexed = undefined;
  }
}
