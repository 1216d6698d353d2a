// Logical records to bytes and back (design/format.md, "Logical record"). One record has one encoding. Decoding trusts
// nothing: a length is compared with what is left before it is used, and what is no record is an error with its place.

import { WalError } from '../base/errors.js';
import { LOGICAL_BYTES_ABSENT, LOGICAL_BYTES_MAX, LOGICAL_FLAG, LOGICAL_HEADER, LOGICAL_KIND } from './layout.js';
import {
  type ByField,
  checkLogicalRecord,
  type Fields,
  type FieldType,
  LOGICAL_SHAPES,
  type LogicalKind,
  type LogicalRecord,
} from './logical-record.js';

const { at } = LOGICAL_HEADER;
const KINDS = Object.keys(LOGICAL_KIND) as LogicalKind[];
const LENGTH_BYTES = 4;
const NUMBER_BYTES = 8;

/** Length of a record's encoding in bytes. @throws {WalError} ERR_WAL_INVALID_ARGUMENT */
export function logicalRecordBytes(record: LogicalRecord): number {
  checkLogicalRecord(record);
  return lengthOf(record as unknown as ByField, record.kind);
}

/**
 * Encodes a record.
 *
 * @returns bytes of its own
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT naming the field
 */
export function encodeLogicalRecord(record: LogicalRecord): Uint8Array<ArrayBuffer> {
  checkLogicalRecord(record);
  const fields = record as unknown as ByField;
  const { kind } = record;
  const { fields: own, entry } = LOGICAL_SHAPES[kind];
  const entries = entry === undefined ? [] : (fields.entries as readonly ByField[]);
  const bytes = new Uint8Array(lengthOf(fields, kind));
  const view = new DataView(bytes.buffer);
  view.setUint16(at.kind, LOGICAL_KIND[kind], true);
  view.setUint16(at.flags, fields.success === true ? LOGICAL_FLAG.success : 0, true);
  view.setUint32(at.count, entries.length, true);
  view.setBigUint64(at.txnId, (fields.txnId as bigint | undefined) ?? 0n, true);
  view.setBigUint64(at.recordId, (fields.recordId as bigint | undefined) ?? 0n, true);
  let offset = encodeFields(bytes, view, LOGICAL_HEADER.bytes, fields, own);
  for (const each of entries) offset = encodeFields(bytes, view, offset, each, entry as Fields);
  return bytes;
}

/**
 * Decodes a record; its byte strings are views of `bytes`.
 *
 * @throws {WalError} ERR_WAL_CORRUPT with offset and reason: cut short, bytes left over, or not what an encoder makes;
 *   ERR_WAL_VERSION for a kind or flag that is not known
 */
export function decodeLogicalRecord(bytes: Uint8Array): LogicalRecord {
  const reader = new FieldReader(bytes);
  reader.need(LOGICAL_HEADER.bytes);
  const { view } = reader;
  const kind = kindOf(view.getUint16(at.kind, true));
  const { fields: own, entry, txn } = LOGICAL_SHAPES[kind];
  const flags = view.getUint16(at.flags, true);
  if ((flags & ~LOGICAL_FLAG.success) !== 0) throw unknown(at.flags, `flags ${flags}`);
  if (flags !== 0 && kind !== 'compareAndSwap') throw corrupt(at.flags, `a ${kind} has the flag of a swap`);
  const count = view.getUint32(at.count, true);
  if (count > 0 && entry === undefined) throw corrupt(at.count, `a ${kind} has entries`);
  const txnId = view.getBigUint64(at.txnId, true);
  const recordId = view.getBigUint64(at.recordId, true);
  if (txnId === 0n ? txn === 'needed' : txn === 'never') throw corrupt(at.txnId, `a ${kind} of transaction ${txnId}`);
  if (recordId !== 0n && txn !== 'allowed') throw corrupt(at.recordId, `a ${kind} has a record id`);
  reader.offset = LOGICAL_HEADER.bytes;
  const record: Record<string, unknown> = { kind, ...(txnId > 0n && { txnId }), ...(recordId > 0n && { recordId }) };
  reader.fields(own, record);
  if (kind === 'compareAndSwap') record.success = flags !== 0;
  if (entry !== undefined) record.entries = entriesOf(reader, entry, count);
  if (reader.offset < bytes.length) throw corrupt(reader.offset, `${bytes.length - reader.offset} bytes are left over`);
  return record as unknown as LogicalRecord;
}

/** Encodes and decodes logical records; for whatever takes a codec. */
export const logicalCodec = { encode: encodeLogicalRecord, decode: decodeLogicalRecord } as const;

function kindOf(code: number): LogicalKind {
  if (code === 0) throw corrupt(at.kind, 'kind 0 was never written');
  const kind = KINDS.find((name) => LOGICAL_KIND[name] === code);
  if (kind === undefined) throw unknown(at.kind, `kind ${code}`);
  return kind;
}

function entriesOf(reader: FieldReader, entry: Fields, count: number): ByField[] {
  const entries: ByField[] = [];
  // One at a time: the count is not believed, it ends where the bytes do.
  for (let index = 0; index < count; index += 1) {
    const each: Record<string, unknown> = {};
    reader.fields(entry, each);
    entries.push(each);
  }
  return entries;
}

function lengthOf(record: ByField, kind: LogicalKind): number {
  const { fields, entry } = LOGICAL_SHAPES[kind];
  let bytes = LOGICAL_HEADER.bytes + fieldsBytes(record, fields);
  if (entry === undefined) return bytes;
  for (const each of record.entries as readonly ByField[]) bytes += fieldsBytes(each, entry);
  return bytes;
}

function fieldsBytes(record: ByField, fields: Fields): number {
  let bytes = 0;
  for (const [name, type] of fields) {
    if (type === 'u64' || type === 'i64') bytes += NUMBER_BYTES;
    else bytes += LENGTH_BYTES + ((record[name] as Uint8Array | undefined)?.length ?? 0);
  }
  return bytes;
}

function encodeFields(bytes: Uint8Array, view: DataView, from: number, record: ByField, fields: Fields): number {
  let offset = from;
  for (const [name, type] of fields) {
    const value = record[name];
    if (type === 'u64' || type === 'i64') {
      // Two's complement: the bytes of a negative number are those of its value modulo 2^64.
      view.setBigUint64(offset, BigInt.asUintN(64, value as bigint), true);
      offset += NUMBER_BYTES;
    } else if (value === undefined) {
      view.setUint32(offset, LOGICAL_BYTES_ABSENT, true);
      offset += LENGTH_BYTES;
    } else {
      const string = value as Uint8Array;
      view.setUint32(offset, string.length, true);
      bytes.set(string, offset + LENGTH_BYTES);
      offset += LENGTH_BYTES + string.length;
    }
  }
  return offset;
}

/** Reads fields one after the other, each only if it is there. */
class FieldReader {
  readonly view: DataView;
  readonly #bytes: Uint8Array;
  offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Throws unless so many bytes are left. */
  need(count: number): void {
    const left = this.#bytes.length - this.offset;
    if (left < count) throw corrupt(this.offset, `${count} bytes are needed and ${left} are left`);
  }

  fields(fields: Fields, into: Record<string, unknown>): void {
    for (const [name, type] of fields) {
      const value = this.#field(type);
      if (value !== undefined) into[name] = value;
    }
  }

  #field(type: FieldType): bigint | Uint8Array | undefined {
    const from = this.offset;
    if (type === 'u64' || type === 'i64') {
      this.need(NUMBER_BYTES);
      this.offset += NUMBER_BYTES;
      return type === 'u64' ? this.view.getBigUint64(from, true) : this.view.getBigInt64(from, true);
    }
    this.need(LENGTH_BYTES);
    this.offset += LENGTH_BYTES;
    const length = this.view.getUint32(from, true);
    if (length === LOGICAL_BYTES_ABSENT && type === 'optionalBytes') return undefined;
    if (length > LOGICAL_BYTES_MAX) throw corrupt(from, `a byte string of ${length} bytes`);
    this.need(length);
    this.offset += length;
    return this.#bytes.subarray(from + LENGTH_BYTES, this.offset);
  }
}

function corrupt(offset: number, reason: string): WalError {
  return new WalError('ERR_WAL_CORRUPT', `These bytes are no logical record: at ${offset}, ${reason}.`, {
    offset,
    reason,
  });
}

function unknown(offset: number, what: string): WalError {
  const message = `A logical record with ${what} is not known. Use a newer library.`;
  return new WalError('ERR_WAL_VERSION', message, { offset, reason: what });
}
