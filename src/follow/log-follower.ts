// Follows a log that is being written: its segments in order, over files and incarnations, each once it is durable.
// What counts is decided as in recovery (src/recovery/chain-walk.ts): a file continues the position that its header
// names, and what a newer incarnation starts behind, it supersedes. Not here: waiting (the caller knows on what), and
// what is in a segment (segment/commit-reader.ts).
//
// Only headers are read. Whoever reads more asks `isIntact` behind it, or holds a pin that keeps the files.

import { WalError } from '../base/errors.js';
import type { LogPosition } from '../log/codec.js';
import { contributingFiles, isAnyNumberMissing, isRestart, isSamePosition } from '../recovery/chain-walk.js';
import { type ListedFile, type LogFiles, listLogFiles } from '../recovery/log-files.js';
import { SEGMENT_KIND } from '../segment/layout.js';
import type { CheckedHeader } from '../segment/reader.js';
import type { Directory, LogFile } from '../storage/directory.js';
import { type ChainPlace, FollowedFile, headerAt, placeBehind, startOf } from './chain-place.js';

/** A segment of the log with commits in it. */
export interface FollowedSegment {
  /** Open until the follower is asked for more, or closed. */
  readonly file: LogFile;
  readonly header: CheckedHeader;
}

/** Where to begin. */
export interface FollowOptions {
  /** The first sequence wanted, from 1; default: the oldest one from which the log is whole. */
  readonly fromSeq?: number | undefined;
}

/** How often a listing starts over because a file went away under it. */
const ROUNDS_MAX = 5;

/**
 * The durable segments of a log, in order, as they appear.
 *
 * Threading: belongs to one thread; takes no lock and changes nothing. Source: design/readers.md, "Follower".
 */
export class LogFollower {
  readonly #directory: Directory;
  readonly #fromSeq: number | undefined;
  #log: LogFiles | undefined;
  #candidates: readonly ListedFile[] = [];
  /** Behind the last epoch, never behind a mark: a file of the next incarnation starts there. */
  #place: ChainPlace | undefined;

  constructor(directory: Directory, { fromSeq }: FollowOptions = {}) {
    this.#directory = directory;
    this.#fromSeq = fromSeq;
  }

  /** Every commit below this one has been handed out, or lies in front of where the follower began. */
  get nextSeq(): number {
    return this.#place?.position.nextSeq ?? this.#fromSeq ?? 1;
  }

  /** The page size of the log, once a file of it was seen. */
  get pageBytes(): number | undefined {
    return this.#place?.file.listed.header.pageBytes;
  }

  /**
   * The next segment, if its epoch is at most `throughEpoch`. Epochs without any commit from `fromSeq` on are left out.
   *
   * @param throughEpoch - an epoch that is known to be durable and must be in the log: `durableEpoch` within the
   *   process that writes it, elsewhere what {@link syncedThrough} said (which also looks for new incarnations)
   * @returns undefined when there is none yet
   * @throws {WalError} ERR_WAL_OVERTAKEN when the log let go of it before it was read; ERR_WAL_CORRUPT when it should
   *   stand in a file that is still there, and does not; ERR_WAL_VERSION, ERR_WAL_IO
   */
  next(throughEpoch: number): FollowedSegment | undefined {
    for (;;) {
      this.#place ??= this.#start();
      if (this.#place === undefined || this.#place.position.epoch >= throughEpoch) return undefined;
      const header = this.#advance(this.#place);
      if (header.endSeq > (this.#fromSeq ?? 0)) return { file: this.#place.file.opened, header };
    }
  }

  /** Whether the file of the last segment is still what it was: asked behind a read of it. */
  isIntact(): boolean {
    return this.#place?.file.isIntact() ?? true;
  }

  /**
   * Looks how far the log is known to be synced: what the newest incarnation says anywhere up to its end (R6). For a
   * process that does not write the log itself.
   *
   * @returns the last such epoch; 0 when none is known
   * @throws {WalError} as {@link next}
   */
  syncedThrough(): number {
    this.#refresh();
    this.#place ??= this.#start();
    const { incarnation = 0, checkpoint, files = [] } = this.#log ?? {};
    let highest = checkpoint?.incarnation === incarnation ? checkpoint.syncedThrough : 0;
    for (const { header } of files)
      if (header.incarnation === incarnation) highest = Math.max(highest, header.syncedThrough);
    if (this.#place === undefined) return highest;
    const seen = (header: CheckedHeader): void => {
      if (header.incarnation === incarnation) highest = Math.max(highest, header.syncedThrough);
    };
    let place = this.#place;
    for (;;) {
      const found = this.#goOn(place, seen);
      if (typeof found === 'string') break;
      seen(found.header);
      if (place.file !== this.#place.file && place.file !== found.behind.file) place.file.close();
      place = found.behind;
    }
    if (place.file !== this.#place.file) place.file.close();
    return highest;
  }

  /** Closes the file it reads. */
  close(): void {
    this.#place?.file.close();
  }

  /** Goes on to the next epoch. */
  #advance(from: ChainPlace): CheckedHeader {
    let found = this.#goOn(from);
    if (typeof found === 'string') {
      // The log has gone on in a file that was not there when it was listed.
      this.#refresh();
      found = this.#goOn(from);
    }
    if (typeof found === 'string') throw this.#lost(from, found);
    if (found.behind.file !== from.file) from.file.close();
    this.#place = found.behind;
    return found.header;
  }

  /**
   * The next epoch from a place on, over marks and files, and the place behind it; or why there is none. Leaves the
   * file of `from` open, and whichever other one it returns.
   */
  #goOn(
    from: ChainPlace,
    onMark: (header: CheckedHeader) => void = () => undefined,
  ): { readonly header: CheckedHeader; readonly behind: ChainPlace } | string {
    let place = from;
    const leave = (reason: string): string => {
      if (place.file !== from.file) place.file.close();
      return reason;
    };
    for (;;) {
      const next = this.#fileAt(place);
      if (next !== undefined) {
        leave('');
        place = startOf(next);
        continue;
      }
      const header = headerAt(place);
      if (typeof header === 'string') return leave(header);
      if (header.kind === SEGMENT_KIND.epoch && header.epoch > this.#epochMax(place))
        return leave('a newer incarnation goes on');
      const behind = placeBehind(place, header);
      if (typeof behind === 'string') return leave(behind);
      if (header.kind === SEGMENT_KIND.epoch) return { header, behind };
      onMark(header);
      place = behind;
    }
  }

  /** The file that goes on with the log where this one stands, opened; if there is one. */
  #fileAt({ file, position }: ChainPlace): FollowedFile | undefined {
    const { fileNumber } = file.listed;
    const next = this.#candidates.find((one) => {
      return one.fileNumber > fileNumber && isSamePosition(one.header.start, position);
    });
    return next === undefined ? undefined : FollowedFile.open(this.#directory, next);
  }

  /** Up to which epoch the file of a place counts: a newer incarnation starts there. */
  #epochMax({ file }: ChainPlace): number {
    const { incarnation } = file.listed.header;
    const newer = this.#candidates.filter(({ header }) => header.incarnation > incarnation);
    return newer.reduce((lowest, { header }) => Math.min(lowest, header.start.epoch), Number.POSITIVE_INFINITY);
  }

  #refresh(): void {
    for (let round = 1; ; round += 1) {
      try {
        this.#log = listLogFiles(this.#directory);
        this.#candidates = contributingFiles(this.#log.files).map(({ file }) => file);
        return;
      } catch (thrown) {
        // A running writer recycled a file between the listing and the opening of it.
        const isGone = thrown instanceof WalError && thrown.code === 'ERR_WAL_NOT_FOUND';
        if (!isGone || round === ROUNDS_MAX) throw thrown;
      }
    }
  }

  #start(): ChainPlace | undefined {
    for (let round = 1; round <= ROUNDS_MAX; round += 1) {
      this.#refresh();
      const [oldest] = this.#candidates;
      if (oldest === undefined) return undefined;
      const first = this.#fromSeq === undefined ? this.#oldestWhole() : this.#fileWith(this.#fromSeq);
      if (first === undefined) throw overtaken(this.#fromSeq as number, oldest.header.start.nextSeq);
      const file = FollowedFile.open(this.#directory, first);
      if (file !== undefined) return startOf(file);
    }
    throw new WalError('ERR_WAL_IO', `The log in ${this.#directory.path} changes faster than it can be read.`);
  }

  #fileWith(seq: number): ListedFile | undefined {
    return this.#candidates.findLast(({ header }) => header.start.nextSeq <= seq);
  }

  /** The oldest file from which on none is missing: before it stand, at most, files that a crash brought back. */
  #oldestWhole(): ListedFile | undefined {
    const files = this.#candidates;
    let first = files.length - 1;
    while (first > 0 && this.#continues(files[first - 1] as ListedFile, files[first] as ListedFile)) first -= 1;
    return files[first];
  }

  #continues(before: ListedFile, file: ListedFile): boolean {
    const numbers = (this.#log as LogFiles).fileNumbers;
    return !isRestart(file.header.start) && !isAnyNumberMissing(numbers, before.fileNumber, file.fileNumber);
  }

  /** What became of an epoch that must be there. */
  #lost({ file, offset, position }: ChainPlace, reason: string): WalError {
    const { name } = file.listed;
    const at = this.#candidates.findIndex((one) => one.name === name);
    const next = this.#candidates[at + 1];
    const isThere = at >= 0 && (next === undefined || this.#continues(file.listed, next)) && file.isIntact();
    if (!isThere) return overtaken(position.nextSeq, this.#firstBehind(position));
    const message = `${name} at ${offset}: commit ${position.nextSeq} must stand here, and does not: ${reason}.`;
    return new WalError('ERR_WAL_CORRUPT', message, { file: name, epoch: position.epoch + 1, offset, reason });
  }

  #firstBehind({ nextSeq }: LogPosition): number | undefined {
    return this.#candidates.find(({ header }) => header.start.nextSeq > nextSeq)?.header.start.nextSeq;
  }
}

/** The error of a reader that was too slow, or came too late. */
export function overtaken(seq: number, firstSeq: number | undefined): WalError {
  const rest = firstSeq === undefined ? 'nothing behind it either' : `the log now begins with commit ${firstSeq}`;
  const message = `Commit ${seq} is not in the log any more: its file was recycled; ${rest}.`;
  return new WalError('ERR_WAL_OVERTAKEN', message, { seq, firstSeq: firstSeq ?? null });
}
