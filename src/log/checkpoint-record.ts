// Checkpoint records to bytes and back, and the two slots they stand in (design/format.md, "Checkpoint record"). The
// slots are written in turn by generation, so that a torn write leaves the record before it (A3). Not here: when a
// checkpoint is taken, and what it lets go of.

import { crc32c } from '../base/checksum.js';
import { exhausted } from '../base/counters.js';
import { WalError } from '../base/errors.js';
import { FORMAT_VERSION } from '../base/format-version.js';
import { readU64, writeU64 } from '../base/layout.js';
import type { Directory, LogFile } from '../storage/directory.js';
import {
  CHECKPOINT_FLAG,
  CHECKPOINT_MAGIC,
  CHECKPOINT_RECORD,
  HOLDER_KIND,
  type HolderName,
} from './checkpoint-layout.js';
import { CHECKPOINT_NAMES } from './names.js';

/** How far the page files, or the user's own store, hold everything, synced. */
export interface CheckpointRecord {
  readonly logId: number;
  /** From 1, one more for every record; the slot is `generation % 2`. */
  readonly generation: number;
  /** Every commit up to this one is in the store. */
  readonly throughSeq: number;
  /** The last epoch whose commits are all at or below `throughSeq`. */
  readonly throughEpoch: number;
  /** The last epoch of the log known to be synced when the record was written. */
  readonly syncedThrough: number;
  readonly wallClockMs: number;
  /** The incarnation that wrote the record. */
  readonly incarnation: number;
  /** What tells the page file from others; undefined when the store is none, or is not known. */
  readonly store?: StoreIdentity | undefined;
  /** Who needed the log below the checkpoint when the record was written. */
  readonly held?: HeldLog | undefined;
  /** Of a backup that nobody has changed: the log it was taken from, whose commits go on behind `throughSeq`. */
  readonly originLogId?: number | undefined;
}

/** A page file as of a checkpoint: another one is noticed by it. */
export interface StoreIdentity {
  /** Size in pages. */
  readonly sizePages: number;
  /** CRC32C of page 1; 0 when there is none. */
  readonly page1Crc: number;
}

/** Who keeps log files although a checkpoint covers them. */
export interface HeldLog {
  readonly by: HolderName;
  /** Everything above this commit is needed. */
  readonly throughSeq: number;
}

/** What the two slots hold. */
export interface CheckpointSlots {
  /** The record with the highest generation among the valid ones. */
  readonly newest: CheckpointRecord | undefined;
  /** All valid records. */
  readonly valid: readonly CheckpointRecord[];
  /** Slots that exist and hold no valid record, with the reason. */
  readonly damaged: readonly { readonly name: string; readonly reason: string }[];
}

const { at } = CHECKPOINT_RECORD;
const HOLDERS = Object.keys(HOLDER_KIND) as HolderName[];

/** The 96 bytes of a record. */
export function encodeCheckpointRecord(record: CheckpointRecord): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(CHECKPOINT_RECORD.bytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(at.magic, CHECKPOINT_MAGIC, true);
  view.setUint16(at.version, FORMAT_VERSION, true);
  writeU64(view, at.logId, record.logId);
  writeU64(view, at.generation, record.generation);
  writeU64(view, at.throughSeq, record.throughSeq);
  writeU64(view, at.throughEpoch, record.throughEpoch);
  writeU64(view, at.syncedThrough, record.syncedThrough);
  writeU64(view, at.wallClockMs, record.wallClockMs);
  view.setUint32(at.incarnation, record.incarnation, true);
  const { store, held, originLogId = 0 } = record;
  if (store !== undefined) {
    view.setUint16(at.flags, CHECKPOINT_FLAG.store, true);
    view.setUint32(at.page1Crc, store.page1Crc, true);
    writeU64(view, at.storePages, store.sizePages);
  }
  if (held !== undefined) {
    view.setUint32(at.heldBy, HOLDER_KIND[held.by], true);
    writeU64(view, at.heldSeq, held.throughSeq);
  }
  writeU64(view, at.originLogId, originLogId);
  view.setUint32(at.crc, crc32c(bytes.subarray(0, at.crc)), true);
  return bytes;
}

/**
 * Decodes a record.
 *
 * @returns the record, or why the bytes are none
 * @throws {WalError} ERR_WAL_VERSION when the record is whole but of an unknown version
 */
export function decodeCheckpointRecord(bytes: Uint8Array): CheckpointRecord | string {
  if (bytes.length < CHECKPOINT_RECORD.bytes) return 'a checkpoint record is cut short';
  const view = new DataView(bytes.buffer, bytes.byteOffset, CHECKPOINT_RECORD.bytes);
  if (view.getUint32(at.magic, true) !== CHECKPOINT_MAGIC) return 'no checkpoint magic';
  if (crc32c(bytes.subarray(0, at.crc)) !== view.getUint32(at.crc, true))
    return 'a checkpoint record fails its checksum';
  const flags = view.getUint16(at.flags, true);
  const u64 = (offset: number): number => readU64(view, offset) ?? Number.NaN;
  const heldCode = view.getUint32(at.heldBy, true);
  const by = HOLDERS.find((name) => HOLDER_KIND[name] === heldCode);
  const isUnused = (offset: number, end: number): boolean => bytes.subarray(offset, end).every((byte) => byte === 0);
  const isKnown =
    view.getUint16(at.version, true) === FORMAT_VERSION &&
    (flags & ~CHECKPOINT_FLAG.store) === 0 &&
    (flags !== 0 || isUnused(at.page1Crc, at.heldSeq)) &&
    (by !== undefined || (heldCode === 0 && isUnused(at.heldSeq, at.originLogId)));
  if (!isKnown) {
    throw new WalError('ERR_WAL_VERSION', 'The version of the checkpoint record is unknown. Use a newer library.');
  }
  const numbers = {
    logId: u64(at.logId),
    generation: u64(at.generation),
    throughSeq: u64(at.throughSeq),
    throughEpoch: u64(at.throughEpoch),
    syncedThrough: u64(at.syncedThrough),
    wallClockMs: u64(at.wallClockMs),
    incarnation: view.getUint32(at.incarnation, true),
  };
  const store =
    flags === 0 ? undefined : { sizePages: u64(at.storePages), page1Crc: view.getUint32(at.page1Crc, true) };
  const held = by === undefined ? undefined : { by, throughSeq: u64(at.heldSeq) };
  const originLogId = u64(at.originLogId);
  const all = [...Object.values(numbers), originLogId, store?.sizePages ?? 0, held?.throughSeq ?? 0];
  if (all.some(Number.isNaN)) return 'a number of a checkpoint record is out of range';
  return { ...numbers, ...(store && { store }), ...(held && { held }), ...(originLogId > 0 && { originLogId }) };
}

/**
 * Reads both slots.
 *
 * @throws {WalError} ERR_WAL_IO, ERR_WAL_VERSION
 */
export function readCheckpointSlots(directory: Directory): CheckpointSlots {
  const names = new Set(directory.list());
  const valid: CheckpointRecord[] = [];
  const damaged: { name: string; reason: string }[] = [];
  for (const name of CHECKPOINT_NAMES) {
    if (!names.has(name)) continue;
    const file = directory.open(name, 'read');
    try {
      const bytes = new Uint8Array(CHECKPOINT_RECORD.bytes);
      const record = decodeCheckpointRecord(bytes.subarray(0, file.read(bytes, 0)));
      if (typeof record === 'string') damaged.push({ name, reason: record });
      else valid.push(record);
    } finally {
      file.close();
    }
  }
  valid.sort((one, other) => other.generation - one.generation);
  return { newest: valid[0], valid, damaged };
}

/** Makes what the slot of a generation holds durable, as far as the system still knows of it. */
export function syncCheckpointSlot(directory: Directory, generation: number): void {
  const file = directory.open(CHECKPOINT_NAMES[generation % 2] as string, 'write');
  try {
    file.sync();
  } finally {
    file.close();
  }
}

/**
 * Writes a record into the slot of its generation.
 *
 * Durability: synced on return when `sync` is set, the name of a new slot too. Torn by a crash, the other slot counts.
 * @throws {WalError} ERR_WAL_EXHAUSTED (nothing was written), ERR_WAL_STORAGE_FULL, ERR_WAL_IO
 */
export function writeCheckpointRecord(
  directory: Directory,
  record: CheckpointRecord,
  options: { sync: boolean },
): void {
  const { generation } = record;
  if (generation > Number.MAX_SAFE_INTEGER) throw exhausted('checkpoint generation', { generation });
  const name = CHECKPOINT_NAMES[generation % 2] as string;
  const isNew = !directory.list().includes(name);
  const file: LogFile = directory.open(name, isNew ? 'create' : 'write');
  try {
    // Before the write: should that fail on a full disk, the next attempt finds the slot, and a name on disk.
    if (isNew && options.sync) directory.sync();
    file.write([encodeCheckpointRecord(record)], 0);
    if (options.sync) file.sync();
  } finally {
    file.close();
  }
}
