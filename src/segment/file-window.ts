// A view of a file through one buffer of fixed size: what makes reading a segment of 2 GiB cost the memory of a buffer.
// Views are valid until the next call. A length is never allocated by, only compared with the buffer (faults.md F31).

import { assert } from '../base/assert.js';
import type { LogFile } from '../storage/directory.js';

/** Reads ranges of a file, each at most as long as the buffer. */
export class FileWindow {
  readonly #file: LogFile;
  readonly #buffer: Uint8Array;
  /** The numbers in the buffer, at the places that {@link find} tells. */
  readonly numbers: DataView;
  #start = 0;
  #bytes = 0;
  #limit: number;

  /** @param limit - bytes of the file at and beyond this offset are never read ahead */
  constructor(file: LogFile, buffer: Uint8Array, limit = Number.MAX_SAFE_INTEGER) {
    this.#file = file;
    this.#buffer = buffer;
    this.numbers = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    this.#limit = limit;
  }

  /** Length of the longest view. */
  get capacity(): number {
    return this.#buffer.length;
  }

  /**
   * The bytes from `offset` on, valid until the next call.
   *
   * @returns undefined when the file ends within the range; an I/O error throws, and is never "end of file" (F42)
   */
  view(offset: number, length: number): Uint8Array | undefined {
    const at = this.find(offset, length);
    return at === undefined ? undefined : this.#buffer.subarray(at, at + length);
  }

  /** Where in {@link numbers} the bytes from `offset` on are. Otherwise as {@link view}, but no object is made. */
  find(offset: number, length: number): number | undefined {
    assert(length <= this.#buffer.length, 'a view fits into its window');
    if (offset < this.#start || offset + length > this.#start + this.#bytes) {
      const wanted = Math.max(length, Math.min(this.#buffer.length, this.#limit - offset));
      this.#bytes = 0;
      this.#bytes = this.#file.read(this.#buffer.subarray(0, wanted), offset);
      this.#start = offset;
      if (this.#bytes < length) return undefined;
    }
    return offset - this.#start;
  }
}
