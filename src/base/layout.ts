// The only way to name an offset. A layout is checked once, when its module loads: fields are in order,
// naturally aligned, without holes, and fill the size exactly, so padding has to be a named field.
// design/format.md repeats every disk layout and a test compares the two.

import { assert } from './assert.js';

/** Field types and their sizes in bytes. All are little-endian. */
const FIELD_BYTES = { u16: 2, u32: 4, u64: 8 } as const;

/** The type of one field. */
export type FieldType = keyof typeof FIELD_BYTES;

/** Offset in bytes, type and name of one field. */
export type Field<Name extends string = string> = readonly [offset: number, type: FieldType, name: Name];

/** A checked layout: `at.name` is the offset of a field. */
export interface Layout<Name extends string = string> {
  readonly title: string;
  readonly bytes: number;
  readonly fields: readonly Field<Name>[];
  readonly at: Readonly<Record<Name, number>>;
}

/**
 * Defines a layout of `bytes` bytes and proves that its fields cover it without holes.
 *
 * @throws {WalError} ERR_WAL_INVARIANT while the module loads, when a field is out of place
 */
export function defineLayout<const Name extends string>(
  title: string,
  bytes: number,
  fields: readonly Field<Name>[],
): Layout<Name> {
  const at: Record<string, number> = {};
  let expected = 0;
  for (const [offset, type, name] of fields) {
    assert(offset === expected, 'layout fields follow each other without holes');
    assert(offset % FIELD_BYTES[type] === 0, 'layout fields are naturally aligned');
    assert(!(name in at), 'layout field names are unique');
    at[name] = offset;
    expected += FIELD_BYTES[type];
  }
  assert(expected === bytes, 'layout fields fill the layout exactly');
  return { title, bytes, fields, at: at as Record<Name, number> };
}

const TWO_32 = 2 ** 32;

/**
 * Reads a 64-bit field as a plain number.
 *
 * @returns the value, or `undefined` at or above 2^53: such a value was never written by this package
 */
export function readU64(view: DataView, offset: number): number | undefined {
  const high = view.getUint32(offset + 4, true);
  return high < 2 ** 21 ? high * TWO_32 + view.getUint32(offset, true) : undefined;
}

/** Writes a whole number from 0 to 2^53 - 1 as a 64-bit field. */
export function writeU64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value >>> 0, true);
  view.setUint32(offset + 4, Math.floor(value / TWO_32), true);
}
