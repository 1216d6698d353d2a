// What the log of an index of segments holds: its entries, and their bytes. A number is four bytes, little-endian; a
// list is its length and its numbers; the kind stands in front. Bytes that are no entry are refused, wherever they are
// cut.

import type { Codec } from 'lanewal';

/** A change of an index whose documents stand in segments, which never change but for documents that are deleted. */
export type IndexEntry =
  | { readonly kind: 'addSegment'; readonly segment: number; readonly documents: number }
  | { readonly kind: 'startMerge'; readonly merge: number; readonly segments: readonly number[] }
  | { readonly kind: 'cancelMerge'; readonly merge: number }
  | {
      readonly kind: 'endMerge';
      readonly merge: number;
      readonly segment: number;
      readonly documents: number;
      /** Deleted while the merge went on, as the new segment numbers them. */
      readonly remappedDeletes: readonly number[];
    }
  | { readonly kind: 'deleteDocuments'; readonly segment: number; readonly documents: readonly number[] }
  /** Every segment named so far is on disk. */
  | { readonly kind: 'checkpoint'; readonly generation: number };

type Kind = IndexEntry['kind'];
type Field = readonly [name: string, type: 'number' | 'list'];

/** Kinds by their first byte, from 1, with their fields in the order of their bytes. Only ever added to. */
// biome-ignore format: a table
const SHAPES: readonly (readonly [Kind, readonly Field[]])[] = [
  ['addSegment', [['segment', 'number'], ['documents', 'number']]],
  ['startMerge', [['merge', 'number'], ['segments', 'list']]],
  ['cancelMerge', [['merge', 'number']]],
  ['endMerge', [['merge', 'number'], ['segment', 'number'], ['documents', 'number'], ['remappedDeletes', 'list']]],
  ['deleteDocuments', [['segment', 'number'], ['documents', 'list']]],
  ['checkpoint', [['generation', 'number']]],
];

const NUMBER_MAX = 2 ** 32 - 1;

/** Entries as bytes, and back. */
export const indexCodec: Codec<IndexEntry> = {
  encode(entry) {
    const index = SHAPES.findIndex(([kind]) => kind === entry.kind);
    const [, fields] = SHAPES[index] ?? [];
    if (fields === undefined) throw new TypeError(`There is no entry of kind ${entry.kind}.`);
    const numbers = fields.flatMap(([name, type]) => {
      const value = (entry as unknown as Record<string, number | readonly number[]>)[name];
      return type === 'list'
        ? [(value as readonly number[]).length, ...(value as readonly number[])]
        : [value as number];
    });
    const bytes = new Uint8Array(1 + 4 * numbers.length);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, index + 1);
    for (const [place, number] of numbers.entries()) {
      if (!Number.isInteger(number) || number < 0 || number > NUMBER_MAX)
        throw new RangeError(`${number} in an entry of kind ${entry.kind} is not a number from 0 to ${NUMBER_MAX}.`);
      view.setUint32(1 + 4 * place, number, true);
    }
    return bytes;
  },

  decode(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    // Beyond the end it throws.
    const [kind, fields] = SHAPES[view.getUint8(0) - 1] ?? [];
    if (kind === undefined || fields === undefined) throw new RangeError('An entry of an unknown kind.');
    let at = 1;
    const number = (): number => {
      at += 4;
      return view.getUint32(at - 4, true);
    };
    const list = (): number[] => {
      const count = number();
      if (count > (bytes.length - at) / 4) throw new RangeError('A list is longer than its entry.');
      return Array.from({ length: count }, number);
    };
    const values = fields.map(([name, type]) => [name, type === 'list' ? list() : number()] as const);
    if (at !== bytes.length) throw new RangeError('Bytes are left over behind an entry.');
    return { kind, ...Object.fromEntries(values) } as unknown as IndexEntry;
  },
};
