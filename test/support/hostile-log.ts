// Logs made by somebody who knows the format: fields of any structure set to any value and all checksums right, or not;
// bytes, tails, segments and whole files changed. For fast-check, so that a failure comes with the smallest such log.

import fc from 'fast-check';
import type { Directory } from '../../src/storage/directory.js';
import type { MemoryDirectory } from '../../src/storage/memory-directory.js';
import { type Corpus, fork } from './byte-corpus.js';
import type { Fixes, LogAnatomy } from './log-anatomy.js';
import { cut, poke, readFile } from './log-builder.js';

/** One change; numbers choose among what there is, whatever their size. */
export type Edit =
  | { readonly field: number; readonly value: bigint }
  | { readonly field: number; readonly add: number }
  | { readonly field: number; readonly from: number }
  | { readonly file: number; readonly at: number; readonly bytes: Uint8Array }
  | { readonly file: number; readonly size: number }
  | { readonly copy: number; readonly over: number }
  | { readonly file: number; readonly as: string; readonly isMoved: boolean };

/** How to make a hostile log out of an honest one. */
export interface Hostile {
  readonly corpus: number;
  readonly edits: readonly Edit[];
  readonly fixes: Fixes;
}

/** Ends of every width that a field, a counter or a length has, and of what the format allows. */
const EDGES = [0, 1, 7, 8, 12, 15, 16, 24, 29, 30, 31, 32, 33, 47, 48, 52, 53, 54, 62, 63, 64].map(
  (bits) => 1n << BigInt(bits),
);
const value = fc.oneof(
  fc.constantFrom(0n, ...EDGES.flatMap((edge) => [edge - 1n, edge, edge + 1n])).map((edge) => BigInt.asUintN(64, edge)),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.integer({ min: 0, max: 70_000 }).map(BigInt),
);
const index = fc.nat(1_000_000);
const names = ['0000000000000001.wal', '00000000000000ff.wal', '001ffffffffffffe.wal', '001fffffffffffff.wal', 'lock'];
const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ field: index, value }) },
  { weight: 3, arbitrary: fc.record({ field: index, add: fc.constantFrom(-64, -8, -2, -1, 1, 2, 8, 64, 4096) }) },
  { weight: 2, arbitrary: fc.record({ field: index, from: index }) },
  {
    weight: 2,
    arbitrary: fc.record({ file: index, at: index, bytes: fc.uint8Array({ minLength: 1, maxLength: 64 }) }),
  },
  { weight: 1, arbitrary: fc.record({ file: index, size: fc.nat(200_000) }) },
  { weight: 1, arbitrary: fc.record({ copy: index, over: index }) },
  { weight: 1, arbitrary: fc.record({ file: index, as: fc.constantFrom(...names), isMoved: fc.boolean() }) },
);
const usually = fc.nat(9).map((number) => number > 0);

/** Hostile logs out of so many honest ones. */
export function hostileLogs(corpora: number): fc.Arbitrary<Hostile> {
  return fc.record({
    corpus: fc.nat(corpora - 1),
    edits: fc.array(edit, { minLength: 1, maxLength: 6 }),
    fixes: fc.record({ frames: usually, certificates: usually, headers: usually, chain: usually }),
  });
}

/** Makes the log. */
export function makeHostile({ edits, fixes }: Hostile, { directory }: Corpus, anatomy: LogAnatomy): MemoryDirectory {
  const made = fork(directory);
  for (const one of edits) apply(one, made, anatomy);
  anatomy.fix(made, fixes);
  return made;
}

function apply(one: Edit, directory: Directory, anatomy: LogAnatomy): void {
  if ('field' in one) setField(one, directory, anatomy);
  else if ('copy' in one) copySegment(one, directory, anatomy);
  else changeFile(one, directory);
}

function changeFile(one: Extract<Edit, { file: number }>, directory: Directory): void {
  const present = directory.list().sort();
  const name = present[one.file % present.length]!;
  if ('as' in one) {
    if (one.isMoved) directory.rename(name, one.as);
    else {
      const bytes = readFile(directory, name);
      if (!present.includes(one.as)) directory.open(one.as, 'create').close();
      poke(directory, one.as, 0, bytes);
    }
  } else if ('size' in one) cut(directory, name, one.size);
  else poke(directory, name, one.at % 20_480, one.bytes);
}

function setField(one: Extract<Edit, { field: number }>, directory: Directory, { fields }: LogAnatomy): void {
  const place = fields[one.field % fields.length]!;
  if (!directory.list().includes(place.file)) return;
  const bytes = Buffer.from(readFile(directory, place.file));
  if (bytes.length < place.offset + place.bytes) return;
  const read = (offset: number): bigint => bytes.readBigUInt64LE(Math.min(offset, bytes.length - 8));
  let next: bigint;
  if ('value' in one) next = one.value;
  else if ('add' in one) next = read(place.offset) + BigInt(one.add);
  else next = read(fields[one.from % fields.length]!.offset);
  const encoded = Buffer.alloc(8);
  encoded.writeBigUInt64LE(BigInt.asUintN(64, next));
  poke(directory, place.file, place.offset, encoded.subarray(0, place.bytes));
}

function copySegment(one: Extract<Edit, { copy: number }>, directory: Directory, { segments }: LogAnatomy): void {
  const [from, to] = [segments[one.copy % segments.length]!, segments[one.over % segments.length]!];
  const present = directory.list();
  if (!present.includes(from.file) || !present.includes(to.file)) return;
  poke(directory, to.file, to.offset, readFile(directory, from.file).subarray(from.offset, from.end));
}
