// A log of images in shared memory, whose few places are used again and again, for threads that read it through a
// version index: image `seq` is of a page that follows from `seq`, and every word of it says so.

import { mixed } from '../../src/base/random.js';
import type { VersionIndex, VersionPlace } from '../../src/versions/version-index.js';

export const PAGES = 24;
const IMAGE_WORDS = 64;

/** The page that commit `seq` writes. */
export function pageOf(seq: number): number {
  return 1 + (mixed(seq) % PAGES);
}

export class VersionLog {
  readonly buffer: SharedArrayBuffer;
  readonly #images: Int32Array;
  readonly #released: BigInt64Array;
  readonly #places: number;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#released = new BigInt64Array(buffer, 0, 1);
    this.#images = new Int32Array(buffer, 8);
    this.#places = this.#images.length / IMAGE_WORDS;
  }

  static create(places: number): VersionLog {
    return new VersionLog(new SharedArrayBuffer(8 + places * IMAGE_WORDS * 4));
  }

  /** Writes a commit over the place of an older one, which is let go first. */
  append(index: VersionIndex, seq: number): void {
    const goneSeq = seq - this.#places;
    if (goneSeq > 0) {
      Atomics.store(this.#released, 0, BigInt(goneSeq));
      index.release(goneSeq);
    }
    const at = (seq % this.#places) * IMAGE_WORDS;
    // As bytes of a file: seen by others in any order, until something atomic orders them.
    for (let word = at; word < at + IMAGE_WORDS; word += 1) Atomics.store(this.#images, word, seq);
    const place = { space: 0, pageNumber: pageOf(seq), seq, fileNumber: 1, offset: at };
    if (!index.insert(place)) throw new Error('the ring is full');
    index.announce(seq);
  }

  /** Looks a page up as of what is indexed now, and reads it; says what is wrong. */
  check(index: VersionIndex, pageNumber: number, back: number): string | undefined {
    const asOf = Math.max(0, index.indexedThrough - back);
    const found = index.find(0, pageNumber, asOf);
    if (found === 'zero') return 'nothing was cut';
    const words = found === undefined ? [] : this.#read(found);
    if (found !== undefined && !index.isLive(found.id)) return undefined;
    const releasedSeq = Number(Atomics.load(this.#released, 0));
    let newest = asOf;
    while (newest > 0 && pageOf(newest) !== pageNumber) newest -= 1;
    const told = `page ${pageNumber} as of ${asOf}: ${JSON.stringify(found)}, and not ${newest}`;
    if (found === undefined) return newest <= releasedSeq ? undefined : told;
    if (found.seq !== newest) return told;
    return words.every((word) => word === newest) ? undefined : `${told}: ${words}`;
  }

  #read({ offset }: VersionPlace): number[] {
    return Array.from({ length: IMAGE_WORDS }, (_, word) => Atomics.load(this.#images, offset + word));
  }
}
