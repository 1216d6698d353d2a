// What a logical record is: its fifteen kinds, and for each which fields stand in its bytes, in which order. One table,
// by which records are checked, encoded, decoded and turned into plain objects. Not here: what they mean (replay.ts).

import { invalidArgument } from '../base/errors.js';
import { LOGICAL_BYTES_MAX, type LOGICAL_KIND } from './layout.js';

/** Where a data record belongs. */
export interface RecordPlace {
  /** The transaction it is part of, 1 to 2^64 - 1; left out: none. Needed by `begin`, `commit` and `abort`. */
  readonly txnId?: bigint | undefined;
  /** A name for the record, by which a `commitRank` finds it, 1 to 2^64 - 1; left out: none. */
  readonly recordId?: bigint | undefined;
}

/** A key that is new, with its value if it has one. */
export interface InsertEntry {
  readonly key: Uint8Array;
  readonly value?: Uint8Array | undefined;
}

/** A counter, what was added to it, and what that gave; -2^63 to 2^63 - 1. */
export interface IncrementEntry {
  readonly key: Uint8Array;
  readonly delta: bigint;
  readonly result: bigint;
}

/** Records that change keys. */
export type DataRecord = RecordPlace &
  (
    | ({ readonly kind: 'insert' } & InsertEntry)
    | { readonly kind: 'remove'; readonly key: Uint8Array }
    | { readonly kind: 'upsert'; readonly key: Uint8Array; readonly value: Uint8Array }
    | ({ readonly kind: 'increment' } & IncrementEntry)
    | {
        readonly kind: 'compareAndSwap';
        readonly key: Uint8Array;
        /** The value after a success. */
        readonly value: Uint8Array;
        /** What was expected; left out: that the key was not there. */
        readonly expected?: Uint8Array | undefined;
        readonly success: boolean;
      }
    | { readonly kind: 'batchInsert'; readonly entries: readonly InsertEntry[] }
    | { readonly kind: 'batchIncrement'; readonly entries: readonly IncrementEntry[] }
    | {
        readonly kind: 'versionUpdate';
        readonly key: Uint8Array;
        readonly version: bigint;
        /** Left out: as of this version the key is not there. */
        readonly value?: Uint8Array | undefined;
      }
  );

/** Records about other records. */
export type ControlRecord =
  /** Everything up to `seq` is kept elsewhere. */
  | { readonly kind: 'checkpoint'; readonly seq: bigint }
  | { readonly kind: 'begin' | 'commit' | 'abort'; readonly txnId: bigint }
  /** A version of a key, and every older one, is kept elsewhere; or it is gone, because nobody can see it any more. */
  | { readonly kind: 'versionDurable' | 'versionCollected'; readonly key: Uint8Array; readonly version: bigint }
  /** The data record `target` became visible at `generation`. */
  | { readonly kind: 'commitRank'; readonly target: bigint; readonly generation: bigint };

/** One logical record. 64-bit fields are bigint: a number would round them. */
export type LogicalRecord = DataRecord | ControlRecord;
export type LogicalKind = keyof typeof LOGICAL_KIND;

/** What a field is in bytes. */
export type FieldType = 'bytes' | 'optionalBytes' | 'u64' | 'i64';
/** Fields in the order of their bytes. */
export type Fields = readonly (readonly [name: string, type: FieldType])[];

/** What stands behind the header. */
interface Shape {
  readonly fields: Fields;
  /** Of a batch: the fields of one entry; they stand `count` times. */
  readonly entry?: Fields;
  readonly txn: 'needed' | 'allowed' | 'never';
}

const KEY = ['key', 'bytes'] as const;
const INSERT: Fields = [KEY, ['value', 'optionalBytes']];
const INCREMENT: Fields = [KEY, ['delta', 'i64'], ['result', 'i64']];
const VERSION: Fields = [KEY, ['version', 'u64']];

export const LOGICAL_SHAPES: Readonly<Record<LogicalKind, Shape>> = {
  insert: { fields: INSERT, txn: 'allowed' },
  remove: { fields: [KEY], txn: 'allowed' },
  upsert: { fields: [KEY, ['value', 'bytes']], txn: 'allowed' },
  increment: { fields: INCREMENT, txn: 'allowed' },
  compareAndSwap: { fields: [KEY, ['value', 'bytes'], ['expected', 'optionalBytes']], txn: 'allowed' },
  batchInsert: { fields: [], entry: INSERT, txn: 'allowed' },
  batchIncrement: { fields: [], entry: INCREMENT, txn: 'allowed' },
  checkpoint: { fields: [['seq', 'u64']], txn: 'never' },
  begin: { fields: [], txn: 'needed' },
  commit: { fields: [], txn: 'needed' },
  abort: { fields: [], txn: 'needed' },
  versionUpdate: { fields: [...VERSION, ['value', 'optionalBytes']], txn: 'allowed' },
  versionDurable: { fields: VERSION, txn: 'never' },
  versionCollected: { fields: VERSION, txn: 'never' },
  commitRank: {
    fields: [
      ['target', 'u64'],
      ['generation', 'u64'],
    ],
    txn: 'never',
  },
};

/** A record, or an entry of one, by field. */
export type ByField = Readonly<Record<string, unknown>>;

const U64_MAX = 2n ** 64n - 1n;
const I64_MAX = 2n ** 63n - 1n;

/**
 * Checks every field of a record.
 *
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT naming the field
 */
export function checkLogicalRecord(record: LogicalRecord): void {
  if (typeof record !== 'object' || record === null) throw invalidArgument('A logical record must be an object.');
  const shape = Object.hasOwn(LOGICAL_SHAPES, record.kind) ? LOGICAL_SHAPES[record.kind] : undefined;
  if (shape === undefined)
    throw invalidArgument('A logical record has an unknown kind.', { kind: String(record.kind) });
  const fields = record as unknown as ByField;
  checkPlace(fields, shape.txn);
  checkFields(fields, shape.fields);
  if (record.kind === 'compareAndSwap' && typeof record.success !== 'boolean')
    throw invalidArgument('success of a compareAndSwap must be true or false.');
  if (shape.entry === undefined) return;
  const { entries } = fields;
  if (!Array.isArray(entries)) throw invalidArgument(`entries of a ${record.kind} must be an array.`);
  for (const entry of entries as (ByField | null)[]) {
    if (typeof entry !== 'object' || entry === null) throw invalidArgument('entries must hold objects.');
    checkFields(entry, shape.entry);
  }
}

function checkPlace({ txnId, recordId, kind }: ByField, txn: Shape['txn']): void {
  if (txnId === undefined ? txn === 'needed' : txn === 'never' || !isWithin(txnId, 1n, U64_MAX)) {
    const words = { needed: 'needs a txnId', allowed: 'may have a txnId', never: 'has no txnId' }[txn];
    throw invalidArgument(`A ${String(kind)} ${words}, a bigint from 1 to 2^64 - 1.`, { txnId: String(txnId) });
  }
  if (recordId !== undefined && (txn !== 'allowed' || !isWithin(recordId, 1n, U64_MAX))) {
    const words = 'A recordId is a bigint from 1 to 2^64 - 1, of a record that changes keys.';
    throw invalidArgument(words, { kind, recordId: String(recordId) });
  }
}

function checkFields(record: ByField, fields: Fields): void {
  for (const [name, type] of fields) {
    const value = record[name];
    if (isOfType(value, type)) continue;
    throw invalidArgument(`${name} must be ${FIELD_WORDS[type]}.`, { [name]: String(value).slice(0, 80) });
  }
}

const FIELD_WORDS: Readonly<Record<FieldType, string>> = {
  bytes: 'a Uint8Array of at most 16 MiB',
  optionalBytes: 'a Uint8Array of at most 16 MiB, or left out',
  u64: 'a bigint from 0 to 2^64 - 1',
  i64: 'a bigint from -2^63 to 2^63 - 1',
};

function isOfType(value: unknown, type: FieldType): boolean {
  if (type === 'u64') return isWithin(value, 0n, U64_MAX);
  if (type === 'i64') return isWithin(value, -I64_MAX - 1n, I64_MAX);
  if (value === undefined) return type === 'optionalBytes';
  return value instanceof Uint8Array && value.length <= LOGICAL_BYTES_MAX;
}

function isWithin(value: unknown, first: bigint, last: bigint): boolean {
  return typeof value === 'bigint' && value >= first && value <= last;
}
