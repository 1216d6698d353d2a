// Logical records as plain objects that JSON can carry, and back: bytes as base64, 64-bit fields as decimal digits.

import { invalidArgument } from '../base/errors.js';
import {
  type ByField,
  checkLogicalRecord,
  type Fields,
  LOGICAL_SHAPES,
  type LogicalKind,
  type LogicalRecord,
} from './logical-record.js';

/** A logical record as JSON has it. */
export type PlainRecord = { readonly kind: LogicalKind } & Readonly<Record<string, unknown>>;

const PLACE: Fields = [
  ['txnId', 'u64'],
  ['recordId', 'u64'],
];
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * A record as a plain object; what is left out of one is left out of the other.
 *
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT
 */
export function toPlainRecord(record: LogicalRecord): PlainRecord {
  checkLogicalRecord(record);
  const { fields, entry } = LOGICAL_SHAPES[record.kind];
  const from = record as unknown as ByField;
  const plain: Record<string, unknown> = converted(from, [...PLACE, ...fields], plainValue);
  if (record.kind === 'compareAndSwap') plain.success = record.success;
  if (entry !== undefined)
    plain.entries = (from.entries as ByField[]).map((each) => converted(each, entry, plainValue));
  return { kind: record.kind, ...plain };
}

/**
 * The record of a plain object.
 *
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT naming the field: text that is no base64, digits that are no number
 */
export function fromPlainRecord(plain: PlainRecord): LogicalRecord {
  const kind = plain?.kind;
  if (!Object.hasOwn(LOGICAL_SHAPES, kind ?? ''))
    throw invalidArgument('A logical record has an unknown kind.', { kind: String(kind) });
  const { fields, entry } = LOGICAL_SHAPES[kind];
  const record: Record<string, unknown> = converted(plain, [...PLACE, ...fields], parsedValue);
  if (kind === 'compareAndSwap') record.success = plain.success;
  if (entry !== undefined) {
    const { entries } = plain;
    if (!Array.isArray(entries)) throw invalidArgument(`entries of a ${kind} must be an array.`);
    record.entries = entries.map((each) => converted((each ?? {}) as ByField, entry, parsedValue));
  }
  const whole = { kind, ...record } as unknown as LogicalRecord;
  checkLogicalRecord(whole);
  return whole;
}

type Convert = (value: unknown, isNumber: boolean, name: string) => unknown;

function converted(from: ByField, fields: Fields, convert: Convert): Record<string, unknown> {
  const to: Record<string, unknown> = {};
  for (const [name, type] of fields) {
    const value = from[name];
    if (value !== undefined) to[name] = convert(value, type === 'u64' || type === 'i64', name);
  }
  return to;
}

function plainValue(value: unknown, isNumber: boolean): string {
  if (isNumber) return String(value);
  const { buffer, byteOffset, length } = value as Uint8Array;
  return Buffer.from(buffer, byteOffset, length).toString('base64');
}

function parsedValue(value: unknown, isNumber: boolean, name: string): unknown {
  if (isNumber && typeof value === 'string' && /^-?\d{1,20}$/.test(value)) return BigInt(value);
  if (!isNumber && typeof value === 'string' && BASE64.test(value)) return new Uint8Array(Buffer.from(value, 'base64'));
  const words = isNumber ? 'a number in decimal digits' : 'base64';
  throw invalidArgument(`${name} must be ${words}, as text.`, { [name]: String(value).slice(0, 80) });
}
