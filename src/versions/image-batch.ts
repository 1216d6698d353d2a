// Reads the images of many versions with few reads: those that stand close together in the log are read together, with
// what is between them. Not here: which versions, and whether they stay live.

import { ascendingIndexes } from './ascending-indexes.js';
import { type LogReader, readLiveImage } from './log-reader.js';
import type { NewestVersions } from './newest-versions.js';

/** So many bytes between two images are read and thrown away: copying more of them takes longer than another call. */
const GAP_BYTES_MAX = 8192;

/**
 * Reads images into one buffer.
 *
 * Threading: belongs to the thread of its reader.
 */
export class ImageBatch {
  readonly imagesMax: number;
  readonly #log: LogReader;
  readonly #pageBytes: number;
  readonly #buffer: Uint8Array;

  /** Holds 5/4 of the bytes of `imagesMax` images: between them may be a quarter. */
  constructor(log: LogReader, pageBytes: number, imagesMax: number) {
    this.imagesMax = imagesMax;
    this.#log = log;
    this.#pageBytes = pageBytes;
    this.#buffer = new Uint8Array(Math.ceil(imagesMax * pageBytes * 1.25));
  }

  /**
   * The images of versions `first` to `end`, exclusive, at most `imagesMax`, which stay live meanwhile.
   *
   * @returns in the order of the versions; valid until the next call
   * @throws {WalError} ERR_WAL_CORRUPT when one cannot be read; ERR_WAL_IO
   */
  read(versions: NewestVersions, first: number, end: number): Uint8Array[] {
    const pageBytes = this.#pageBytes;
    const fileNumbers = versions.fileNumbers.subarray(first, end);
    const offsets = versions.offsets.subarray(first, end);
    const order = inLogOrder(fileNumbers, offsets);
    const images = new Array<Uint8Array>(order.length);
    let spareBytes = this.#buffer.length - order.length * pageBytes;
    let at = 0;
    for (let from = 0, to = 0; from < order.length; from = to) {
      const fileNumber = fileNumbers[order[from] as number] as number;
      const start = offsets[order[from] as number] as number;
      let bytes = pageBytes;
      for (to = from + 1; to < order.length; to += 1) {
        const next = order[to] as number;
        const gap = (offsets[next] as number) - (start + bytes);
        if (fileNumbers[next] !== fileNumber || gap < 0 || gap > Math.min(GAP_BYTES_MAX, spareBytes)) break;
        spareBytes -= gap;
        bytes += gap + pageBytes;
      }
      const target = this.#buffer.subarray(at, at + bytes);
      readLiveImage(this.#log, { fileNumber, offset: start }, target, () => true);
      for (let index = from; index < to; index += 1) {
        const version = order[index] as number;
        const imageAt = (offsets[version] as number) - start;
        images[version] = bytes === pageBytes ? target : target.subarray(imageAt, imageAt + pageBytes);
      }
      at += bytes;
    }
    return images;
  }
}

/** The indexes of places in the order of the log; beyond 2^53 bytes of it roughly, which costs reads and no more. */
function inLogOrder(fileNumbers: Float64Array, offsets: Float64Array): Uint32Array {
  let fileFirst = Number.POSITIVE_INFINITY;
  let span = 1;
  for (let index = 0; index < offsets.length; index += 1) {
    fileFirst = Math.min(fileFirst, fileNumbers[index] as number);
    span = Math.max(span, (offsets[index] as number) + 1);
  }
  const places = new Float64Array(offsets.length);
  for (let index = 0; index < offsets.length; index += 1)
    places[index] = ((fileNumbers[index] as number) - fileFirst) * span + (offsets[index] as number);
  return ascendingIndexes(places);
}
