// Reads page images out of log files that somebody may use again meanwhile: whoever asks looks afterwards whether the
// version is still live (versions/version-index.ts). Not here: where an image stands, and whether it is the right one.

import { WalError } from '../base/errors.js';
import { logFileName } from '../log/names.js';
import type { Directory, LogFile } from '../storage/directory.js';
import { openIfThere } from '../storage/open-if-there.js';

/** Files kept open by default: neighbours in the log are read together, and the whole of a log rarely has more. */
const FILES_OPEN_MAX = 16;

/** Where an image stands in the log. */
export interface ImagePlace {
  readonly fileNumber: number;
  /** Where it starts, in bytes. */
  readonly offset: number;
}

/**
 * Reads images, with the files it read last kept open.
 *
 * Threading: belongs to one thread, as the files it opens do.
 */
export class LogReader {
  readonly #directory: Directory;
  readonly #filesMax: number;
  /** By number; the one read last comes last. */
  readonly #files = new Map<number, LogFile>();
  /** The file read last: most reads are of the same one again. */
  #last: { readonly fileNumber: number; readonly file: LogFile } | undefined;

  constructor(directory: Directory, { filesMax = FILES_OPEN_MAX }: { filesMax?: number } = {}) {
    this.#directory = directory;
    this.#filesMax = filesMax;
  }

  /** How many files are open. */
  get openCount(): number {
    return this.#files.size;
  }

  /**
   * Fills `target` with the bytes at a place.
   *
   * They are the image only if its version is live behind this call (`index.isLive(id)`): until then the file may have
   * been recycled, and what was read belongs to another.
   *
   * @returns false when the file is gone, or too short
   * @throws {WalError} ERR_WAL_IO
   */
  readImage({ fileNumber, offset }: ImagePlace, target: Uint8Array): boolean {
    const file = this.#file(fileNumber);
    return file !== undefined && file.read(target, offset) === target.length;
  }

  /**
   * Closes the files below a number: recycled, their blocks are another file's, and removed, they keep them from being
   * free.
   */
  closeBelow(fileNumber: number): void {
    for (const number of [...this.#files.keys()]) if (number < fileNumber) this.#drop(number);
  }

  close(): void {
    for (const number of [...this.#files.keys()]) this.#drop(number);
  }

  #file(fileNumber: number): LogFile | undefined {
    if (this.#last?.fileNumber === fileNumber) return this.#last.file;
    const file = this.#found(fileNumber);
    this.#last = file && { fileNumber, file };
    return file;
  }

  #found(fileNumber: number): LogFile | undefined {
    const open = this.#files.get(fileNumber);
    if (open !== undefined) {
      this.#files.delete(fileNumber);
      this.#files.set(fileNumber, open);
      return open;
    }
    const file = openIfThere(this.#directory, logFileName(fileNumber));
    if (file === undefined) return undefined;
    for (const oldest of this.#files.keys()) {
      if (this.#files.size < this.#filesMax) break;
      this.#drop(oldest);
    }
    this.#files.set(fileNumber, file);
    return file;
  }

  #drop(fileNumber: number): void {
    const file = this.#files.get(fileNumber);
    this.#files.delete(fileNumber);
    if (this.#last?.file === file) this.#last = undefined;
    file?.close();
  }
}

/**
 * Reads the image of a version.
 *
 * @param isLive - asked behind the read
 * @returns whether `target` holds it; false when the version died meanwhile: look it up again
 * @throws {WalError} ERR_WAL_CORRUPT when a version that is live cannot be read; ERR_WAL_IO
 */
export function readLiveImage(
  reader: LogReader,
  place: ImagePlace,
  target: Uint8Array,
  isLive: () => boolean,
): boolean {
  const isRead = reader.readImage(place, target);
  if (!isLive()) return false;
  if (isRead) return true;
  const { fileNumber, offset } = place;
  const file = logFileName(fileNumber);
  const message = `${file} is missing, or ends before ${offset + target.length}, and an image stands there.`;
  throw new WalError('ERR_WAL_CORRUPT', message, { file, offset, reason: 'a log file in use is missing or short' });
}
