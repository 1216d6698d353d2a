// Bytes addressed by position. Over a ring the positions run freely and wrap; over plain memory they are offsets.
// Fields are naturally aligned and rings are powers of two, so no single field is ever split by the wrap.

import { assert } from '../base/assert.js';
import { crc32c, crc32cOfWords, WORDS_BYTES_MAX } from '../base/checksum.js';
import { writeU64 } from '../base/layout.js';

/** A window of bytes with free-running positions. Not synchronised: whoever owns the range may use it. */
export class ByteRing {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #mask: number;

  private constructor(bytes: Uint8Array, mask: number) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#mask = mask;
  }

  /** A ring; its size in bytes is a power of two. */
  static wrapping(bytes: Uint8Array): ByteRing {
    assert(bytes.length > 0 && (bytes.length & (bytes.length - 1)) === 0, 'a ring is a power of two');
    return new ByteRing(bytes, bytes.length - 1);
  }

  /** Plain memory of at most 2^31 - 1 bytes: positions are offsets and never wrap. */
  static flat(bytes: Uint8Array): ByteRing {
    assert(bytes.length < 2 ** 31, 'plain memory is addressed with 31 bits');
    return new ByteRing(bytes, 0x7fff_ffff);
  }

  u32(position: number): number {
    return this.#view.getUint32(position & this.#mask, true);
  }

  /** A 64-bit field that this process wrote, as a number. */
  u64(position: number): number {
    const index = position & this.#mask;
    return this.#view.getUint32(index + 4, true) * 2 ** 32 + this.#view.getUint32(index, true);
  }

  setU32(position: number, value: number): void {
    this.#view.setUint32(position & this.#mask, value, true);
  }

  /** Writes a number below 2^53, or a bigint of up to 64 bits. */
  setU64(position: number, value: number | bigint): void {
    const index = position & this.#mask;
    if (typeof value === 'bigint') this.#view.setBigUint64(index, value, true);
    else writeU64(this.#view, index, value);
  }

  copyIn(position: number, source: Uint8Array): void {
    const index = position & this.#mask;
    const straight = this.bytes.length - index;
    if (source.length <= straight) {
      this.bytes.set(source, index);
      return;
    }
    this.bytes.set(source.subarray(0, straight), index);
    this.bytes.set(source.subarray(straight), 0);
  }

  /** Zeroes a few bytes: a view to fill would cost more than the words. */
  zero(position: number, length: number): void {
    const end = position + length;
    let at = position;
    for (; at < end && (at & 3) !== 0; at += 1) this.#view.setUint8(at & this.#mask, 0);
    for (; at + 4 <= end; at += 4) this.#view.setUint32(at & this.#mask, 0, true);
    for (; at < end; at += 1) this.#view.setUint8(at & this.#mask, 0);
  }

  /** The range as one view, or two where it wraps. */
  pieces(position: number, length: number): Uint8Array[] {
    const index = position & this.#mask;
    const straight = this.bytes.length - index;
    if (length <= straight) return [this.bytes.subarray(index, index + length)];
    return [this.bytes.subarray(index), this.bytes.subarray(0, length - straight)];
  }

  /** CRC32C of the range. */
  crc(position: number, length: number, seed = 0): number {
    const index = position & this.#mask;
    const straight = this.bytes.length - index;
    const isShort = length <= WORDS_BYTES_MAX && length % 4 === 0;
    if (isShort && length <= straight) return crc32cOfWords(this.#view, index, length, seed);
    if (length <= straight) return crc32c(this.bytes.subarray(index, index + length), seed);
    return crc32c(this.bytes.subarray(0, length - straight), crc32c(this.bytes.subarray(index), seed));
  }
}
