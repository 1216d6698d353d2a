// The acknowledgements of one run: a file that every writer adds to as soon as it knows that a commit is safe, and
// never before. What was written with a call belongs to the system: the death of the process does not take it back.

import fs from 'node:fs';

/** One acknowledgement. */
export interface Acknowledgement {
  readonly writer: number;
  readonly number: number;
  readonly seq: number;
}

/** Three little-endian 64-bit numbers. */
const RECORD_BYTES = 24;

/** One writer's way into the file. */
export class AcknowledgementWriter {
  readonly #descriptor: number;
  readonly #writer: number;

  /** Appends of several threads to one file do not overwrite each other. */
  constructor(path: string, writer: number) {
    this.#descriptor = fs.openSync(path, 'a');
    this.#writer = writer;
  }

  give(commits: readonly { readonly number: number; readonly seq: number }[]): void {
    const bytes = Buffer.alloc(commits.length * RECORD_BYTES);
    for (const [index, { number, seq }] of commits.entries()) {
      const values = [this.#writer, number, seq];
      for (const [place, value] of values.entries())
        bytes.writeBigUInt64LE(BigInt(value), index * RECORD_BYTES + place * 8);
    }
    fs.writeSync(this.#descriptor, bytes);
  }
}

/** What a run acknowledged. A last record that is not whole was never given. */
export function readAcknowledgements(path: string): Acknowledgement[] {
  const bytes = fs.existsSync(path) ? fs.readFileSync(path) : Buffer.alloc(0);
  return Array.from({ length: Math.floor(bytes.length / RECORD_BYTES) }, (_, index) => {
    const value = (place: number): number => Number(bytes.readBigUInt64LE(index * RECORD_BYTES + place * 8));
    return { writer: value(0), number: value(1), seq: value(2) };
  });
}
