// The ack file: one little-endian 64-bit number for each copy, the k of which transactions 1 to k are durable. Whoever
// watches a replay from outside believes it, so a number is written only after it became true, and in place: a process
// that is killed leaves the last whole set of numbers.

import fs from 'node:fs';
import { attempt } from '../../storage/system-call.js';
import type { Sequences } from './sequences.js';

/** Follows the durable mark, copy by copy. */
export class Acknowledgements {
  /** By copy: transactions 1 to k are durable. */
  readonly counts: number[];
  readonly #sequences: Sequences;
  readonly #file: AckFile | undefined;

  constructor(copies: number, sequences: Sequences, file: AckFile | undefined) {
    this.counts = new Array<number>(copies).fill(0);
    this.#sequences = sequences;
    this.#file = file;
  }

  /** Acknowledgements of all copies together. */
  get total(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /**
   * Acknowledges what the durable mark covers now.
   *
   * @throws {WalError} ERR_WAL_STORAGE_FULL, ERR_WAL_IO from the ack file
   */
  advance(durableSeq: number): void {
    let moved = false;
    for (const [copy, known] of this.counts.entries()) {
      const through = this.#sequences.durableThrough(copy, known, durableSeq);
      if (through === known) continue;
      this.counts[copy] = through;
      moved = true;
    }
    if (moved) this.#file?.write(this.counts);
  }
}

/** The file itself; other processes may read it at any time. */
export class AckFile {
  readonly #path: string;
  readonly #descriptor: number;
  readonly #bytes: Buffer;

  /**
   * Creates the file, or empties it, and fills it with zeros.
   *
   * @throws {WalError} ERR_WAL_NOT_FOUND (no such folder), ERR_WAL_IO, ERR_WAL_STORAGE_FULL
   */
  constructor(path: string, copies: number) {
    this.#path = path;
    this.#bytes = Buffer.alloc(copies * 8);
    this.#descriptor = attempt('open the ack file', path, () => fs.openSync(path, 'w', 0o644));
    this.write(new Array<number>(copies).fill(0));
  }

  write(counts: readonly number[]): void {
    for (const [copy, count] of counts.entries()) this.#bytes.writeBigUInt64LE(BigInt(count), copy * 8);
    // One call for all numbers, so that a kill between two of them cannot happen.
    attempt('write the ack file', this.#path, () => {
      const written = fs.writeSync(this.#descriptor, this.#bytes, 0, this.#bytes.length, 0);
      if (written !== this.#bytes.length)
        throw new Error(`only ${written} of ${this.#bytes.length} bytes were written`);
    });
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }
}

/** Reads an ack file that a replay wrote, perhaps one that was killed. */
export function readAckFile(path: string, copies: number): number[] {
  const bytes = attempt('read the ack file', path, () => fs.readFileSync(path));
  return Array.from({ length: copies }, (_, copy) => {
    return bytes.length < (copy + 1) * 8 ? 0 : Number(bytes.readBigUInt64LE(copy * 8));
  });
}
