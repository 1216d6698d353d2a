// The one window of a log that is recovered into page files whole, filled by the very pass that verifies the log:
// nothing is written before all of it is verified (R2), but the records need not be looked at twice. A log that is too
// long for one window is replayed into windows instead (page-files-target.ts).

import type { LogFiles } from './log-files.js';
import { PageWindow } from './page-window.js';
import type { NotedRecords } from './record-notes.js';

/** What a window gets of the memory of a recovery. */
export const WINDOW_SHARE = 11 / 16;

/** Notes of the chain, as far as it was walked. */
export class LogNotes {
  readonly #afterSeq: number | undefined;
  readonly #memoryBytes: number;
  readonly #stretchBytesMax: number;
  #window: PageWindow | undefined;
  #commits = 0;
  #noteAfterSeq = 0;

  /**
   * @param afterSeq - commits above it are noted; undefined: those above the checkpoint
   * @param stretchBytesMax - a longer log is not noted
   */
  constructor(afterSeq: number | undefined, memoryBytes: number, stretchBytesMax: number) {
    this.#afterSeq = afterSeq;
    this.#memoryBytes = memoryBytes;
    this.#stretchBytesMax = stretchBytesMax;
  }

  /** What the chain makes of page files; undefined when it did not fit. */
  get window(): PageWindow | undefined {
    return this.#window;
  }

  /** Commits that the window holds. */
  get commits(): number {
    return this.#commits;
  }

  /** What a batch is to note: the records of commits above this one; undefined: nothing. */
  get noteAfterSeq(): number | undefined {
    return this.#window && this.#noteAfterSeq;
  }

  /** Begins with the first segment of a chain, also when one was begun before that does not count. */
  begin({ files, checkpoint }: LogFiles): void {
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    this.#commits = 0;
    this.#noteAfterSeq = this.#afterSeq ?? checkpoint?.throughSeq ?? 0;
    const isShort = bytes <= this.#stretchBytesMax;
    this.#window = isShort ? new PageWindow(Math.min(WINDOW_SHARE * this.#memoryBytes, bytes)) : undefined;
  }

  /** Adds the segments that follow, which are verified. */
  add(fileNumber: number, { commits, spaces, numbers, offsets }: NotedRecords): void {
    this.#commits += commits;
    for (let at = 0; at < spaces.length; at += 1) {
      const window = this.#window;
      if (window === undefined) return;
      const [space, number, offset] = [spaces[at] as number, numbers[at] as number, offsets[at] as number];
      if (offset === 0) window.resize(space, number);
      else if (window.isFull) this.#window = undefined;
      else window.put(space, number, fileNumber, offset);
    }
  }
}
