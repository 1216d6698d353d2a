// Spare files: zero-written or recycled files of the full size, ready to become the next log file. Overwriting written
// blocks is ten times as fast as growing a file, so rotation takes a spare whenever it can.
//
// The last spare is never taken by a rotation: it is the reserve with which opening and recovery work on a full disk
// (design/recovery.md). Only the flusher's thread uses the pool.

import { assert } from '../base/assert.js';
import type { Directory } from '../storage/directory.js';
import { parseSpareFileName, spareFileName } from './names.js';

/** Spares that are made ahead: one to take, and the reserve. */
const SPARES_WANTED = 2;
/** Spares kept when log files are recycled, unless said otherwise: eight files of 64 MiB are 200 ms at disk speed. */
export const SPARES_KEPT = 8;
/** Names have four hexadecimal digits; behind the last they begin again. */
const INDEX_COUNT = 0x1_0000;

/** The spare files of one log directory. */
export class SparePool {
  readonly #directory: Directory;
  readonly #fileBytes: number;
  readonly #keptMax: number;
  /** Oldest first. */
  readonly #indexes: number[];
  #indexNext: number;
  #isFilling = false;

  /**
   * @param fileBytes - size of a spare; larger ones, of another setting, are removed: they would not be counted
   * @param keptMax - spares kept when log files are recycled; the surplus is removed
   */
  constructor(directory: Directory, fileBytes: number, keptMax = SPARES_KEPT) {
    this.#directory = directory;
    this.#keptMax = keptMax;
    this.#fileBytes = fileBytes;
    const present = directory
      .list()
      .map(parseSpareFileName)
      .filter((index) => index !== undefined)
      .filter((index) => !this.#isRemoved(spareFileName(index)));
    this.#indexes = present.sort((a, b) => a - b);
    this.#indexNext = ((this.#indexes.at(-1) ?? -1) + 1) % INDEX_COUNT;
  }

  get count(): number {
    return this.#indexes.length;
  }

  /** Whether a spare is being made that a rotation could take. */
  get isFilling(): boolean {
    return this.#isFilling && this.#indexes.length > 0;
  }

  /** Bytes that count against the bound of the log: all spares, and the one being made, but for the reserve. */
  get chargedBytes(): number {
    const count = this.#indexes.length + (this.#isFilling ? 1 : 0);
    return Math.max(0, count - 1) * this.#fileBytes;
  }

  /**
   * The name of a file that should be made now, or undefined while there are enough. Answer with {@link filled}.
   *
   * @param roomBytes - what the bound leaves beside the log's files; the reserve may lie beyond it
   */
  wanted(roomBytes: number): string | undefined {
    if (this.#isFilling || this.#indexes.length >= SPARES_WANTED) return undefined;
    if (this.#indexes.length * this.#fileBytes > roomBytes) return undefined;
    this.#isFilling = true;
    return spareFileName(this.#takeIndex());
  }

  /** A wanted file was made, or could not be. */
  filled(name: string, isMade: boolean): void {
    this.#isFilling = false;
    const index = parseSpareFileName(name);
    if (isMade && index !== undefined) this.#indexes.push(index);
  }

  /** The spare to take next, or undefined: the reserve is left. Answer with {@link taken}. */
  oldest(): string | undefined {
    return this.#indexes.length < SPARES_WANTED ? undefined : spareFileName(this.#indexes[0] as number);
  }

  /** A spare became something else. */
  taken(name: string): void {
    const index = parseSpareFileName(name);
    assert(index === this.#indexes[0], 'spares are taken oldest first');
    this.#indexes.shift();
  }

  /** Removes spares until all but the reserve fit into `roomBytes`. */
  trim(roomBytes: number): void {
    while (this.#indexes.length > 1 && this.chargedBytes > roomBytes) {
      this.#directory.remove(spareFileName(this.#indexes[0] as number));
      this.#indexes.shift();
    }
  }

  /**
   * Recycles a log file that nobody needs: makes it a spare, or removes it when there are enough.
   *
   * The caller syncs the directory before a spare is taken: until then the file may still have its old name after a
   * crash, and must not have a new header under it (faults.md F07).
   */
  recycle(name: string, isFullSize: boolean): void {
    if (isFullSize && this.#indexes.length < this.#keptMax) {
      const index = this.#takeIndex();
      this.#directory.rename(name, spareFileName(index));
      this.#indexes.push(index);
    } else this.#directory.remove(name);
  }

  #isRemoved(name: string): boolean {
    const file = this.#directory.open(name, 'read');
    const bytes = file.size();
    file.close();
    if (bytes <= this.#fileBytes) return false;
    this.#directory.remove(name);
    return true;
  }

  #takeIndex(): number {
    for (;;) {
      const index = this.#indexNext;
      // Names have four digits; a name that is in use again after 65,536 files is passed over.
      this.#indexNext = (index + 1) % INDEX_COUNT;
      if (!this.#indexes.includes(index)) return index;
    }
  }
}
