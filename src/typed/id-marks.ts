// Marks of entry ids, beside the log: how many entries there are up to a commit, so that ids go on when what is in
// front leaves the log (design/typed-log.md, "Ids"). Two slots, written one after the other: a torn one leaves the
// other. Not in the log itself: a log that is full could not be truncated then.

import { crc32c } from '../base/checksum.js';
import { WalError } from '../base/errors.js';
import { FORMAT_VERSION } from '../base/format-version.js';
import { readU64, writeU64 } from '../base/layout.js';
import { MARK_NAMES } from '../log/names.js';
import type { Directory } from '../storage/directory.js';
import { ENTRY_MARK, MARK_MAGIC } from './layout.js';

/** What ties a count of entries to ids. */
export interface IdMark {
  /** The last commit of some segment. */
  readonly throughSeq: number;
  /** The last entry up to and with that commit; 0 for none. */
  readonly throughId: number;
  /** Entries below are truncated. */
  readonly firstId: number;
}

const { at } = ENTRY_MARK;

/**
 * Writes a mark into both slots.
 *
 * Durability: with `sync`, synced when this returns; a crash meanwhile leaves at least one whole slot.
 * @throws {WalError} ERR_WAL_STORAGE_FULL, ERR_WAL_IO
 */
export function writeIdMark(directory: Directory, logId: number, mark: IdMark, { sync }: { sync: boolean }): void {
  const bytes = new Uint8Array(ENTRY_MARK.bytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(at.magic, MARK_MAGIC, true);
  view.setUint16(at.version, FORMAT_VERSION, true);
  writeU64(view, at.logId, logId);
  writeU64(view, at.throughSeq, mark.throughSeq);
  writeU64(view, at.throughId, mark.throughId);
  writeU64(view, at.firstId, mark.firstId);
  view.setUint32(at.crc, crc32c(bytes.subarray(0, at.crc)), true);
  for (const name of MARK_NAMES) {
    const isNew = !directory.list().includes(name);
    const file = directory.open(name, isNew ? 'create' : 'write');
    try {
      if (isNew && sync) directory.sync();
      file.write([bytes], 0);
      // The next slot is not touched before this one counts.
      if (sync) file.sync();
    } finally {
      file.close();
    }
  }
}

/** The whole marks of a log. @throws {WalError} ERR_WAL_VERSION, ERR_WAL_IO */
export function readIdMarks(directory: Directory, logId: number): IdMark[] {
  const names = new Set(directory.list());
  const marks: IdMark[] = [];
  for (const name of MARK_NAMES) {
    if (!names.has(name)) continue;
    const file = directory.open(name, 'read');
    try {
      const bytes = new Uint8Array(ENTRY_MARK.bytes);
      const mark = decodeMark(bytes.subarray(0, file.read(bytes, 0)), logId);
      if (mark !== undefined) marks.push(mark);
    } finally {
      file.close();
    }
  }
  return marks;
}

/** A mark; undefined when the bytes are torn, or of another log. */
function decodeMark(bytes: Uint8Array, logId: number): IdMark | undefined {
  if (bytes.length < ENTRY_MARK.bytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, ENTRY_MARK.bytes);
  const isWhole =
    view.getUint32(at.magic, true) === MARK_MAGIC &&
    view.getUint32(at.crc, true) === crc32c(bytes.subarray(0, at.crc)) &&
    readU64(view, at.logId) === logId;
  if (!isWhole) return undefined;
  if (view.getUint16(at.version, true) !== FORMAT_VERSION)
    throw new WalError('ERR_WAL_VERSION', 'The version of a mark of entry ids is unknown. Use a newer library.');
  const [throughSeq, throughId, firstId] = [at.throughSeq, at.throughId, at.firstId].map((each) => readU64(view, each));
  if (throughSeq === undefined || throughId === undefined || firstId === undefined) return undefined;
  return { throughSeq, throughId, firstId };
}
