// A user's state as of an entry, kept beside the log: two slots, written in turn, each made whole under another name. A
// slot that is damaged leaves the other one (design/typed-log.md, "Saved states"). Not here: when the log lets go.

import { crc32c } from '../base/checksum.js';
import { wallClockMs } from '../base/clock.js';
import { WalError } from '../base/errors.js';
import { FORMAT_VERSION } from '../base/format-version.js';
import { readU64, writeU64 } from '../base/layout.js';
import { STATE_NAMES, UNFINISHED_SUFFIX } from '../log/names.js';
import type { Directory } from '../storage/directory.js';
import { STATE_HEADER, STATE_MAGIC } from './layout.js';

/** What a saved state is a state of. */
export interface StatePlace {
  readonly logId: number;
  /** Counts the states ever saved, from 1. */
  readonly generation: number;
  /** The last entry that is in the state. */
  readonly lastId: number;
  /** A place in the log at or in front of it: the entries up to this commit, and the id of the last of them. */
  readonly throughSeq: number;
  readonly throughId: number;
  readonly wallClockMs: number;
}

/** A state as it was saved. */
export interface SavedState extends StatePlace {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly state: Uint8Array;
}

/** A slot that holds no state that counts. */
export interface BadState {
  readonly name: string;
  readonly reason: string;
}

const { at } = STATE_HEADER;
/** What one write takes. */
const STATE_BYTES_MAX = 2 ** 31 - 2 ** 16;

/**
 * Saves a state into the slot of its generation.
 *
 * Durability: synced, name and all, when this returns, with `sync`. A crash leaves the slot as it was, or whole.
 * @throws {WalError} ERR_WAL_RECORD_TOO_LARGE, ERR_WAL_STORAGE_FULL, ERR_WAL_IO
 */
export function writeState(directory: Directory, saved: SavedState, { sync }: { sync: boolean }): void {
  const name = STATE_NAMES[saved.generation % 2] as string;
  const unfinished = name + UNFINISHED_SUFFIX;
  if (saved.state.length > STATE_BYTES_MAX)
    throw new WalError('ERR_WAL_RECORD_TOO_LARGE', `A state has at most ${STATE_BYTES_MAX} bytes.`, {});
  if (directory.list().includes(unfinished)) directory.remove(unfinished);
  const file = directory.open(unfinished, 'create');
  try {
    const metadata = new TextEncoder().encode(JSON.stringify(saved.metadata));
    file.write([encodeHeader(saved, metadata), metadata, saved.state], 0);
    if (sync) file.sync();
  } finally {
    file.close();
  }
  directory.rename(unfinished, name);
  if (sync) directory.sync();
}

/**
 * Reads both slots, the newest state first.
 *
 * @throws {WalError} ERR_WAL_IO, ERR_WAL_VERSION; damage is in the result
 */
export function readStates(directory: Directory): { states: SavedState[]; bad: BadState[] } {
  const names = new Set(directory.list());
  const states: SavedState[] = [];
  const bad: BadState[] = [];
  for (const name of STATE_NAMES) {
    if (!names.has(name)) continue;
    const saved = decodeState(readAll(directory, name));
    if (typeof saved === 'string') bad.push({ name, reason: saved });
    else states.push(saved);
  }
  states.sort((one, other) => other.generation - one.generation);
  return { states, bad };
}

function readAll(directory: Directory, name: string): Uint8Array {
  const file = directory.open(name, 'read');
  try {
    const bytes = new Uint8Array(file.size());
    return bytes.subarray(0, file.read(bytes, 0));
  } finally {
    file.close();
  }
}

function encodeHeader(saved: SavedState, metadata: Uint8Array): Uint8Array {
  const header = new Uint8Array(STATE_HEADER.bytes);
  const view = new DataView(header.buffer);
  view.setUint32(at.magic, STATE_MAGIC, true);
  view.setUint16(at.version, FORMAT_VERSION, true);
  for (const name of NUMBERS) writeU64(view, at[name], saved[name]);
  writeU64(view, at.stateBytes, saved.state.length);
  view.setUint32(at.metadataBytes, metadata.length, true);
  view.setUint32(at.crc, checksum(header, metadata, saved.state), true);
  return header;
}

const NUMBERS = ['logId', 'generation', 'lastId', 'throughSeq', 'throughId', 'wallClockMs'] as const;

function checksum(header: Uint8Array, metadata: Uint8Array, state: Uint8Array): number {
  return crc32c(state, crc32c(metadata, crc32c(header.subarray(0, at.crc))));
}

/** A state, or why the bytes are none. */
function decodeState(bytes: Uint8Array): SavedState | string {
  if (bytes.length < STATE_HEADER.bytes) return 'a saved state is cut short';
  const header = bytes.subarray(0, STATE_HEADER.bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, STATE_HEADER.bytes);
  if (view.getUint32(at.magic, true) !== STATE_MAGIC) return 'no magic of a saved state';
  if (view.getUint16(at.version, true) !== FORMAT_VERSION)
    throw new WalError('ERR_WAL_VERSION', 'The version of a saved state is unknown. Use a newer library.');
  const metadataEnd = STATE_HEADER.bytes + view.getUint32(at.metadataBytes, true);
  if (metadataEnd + (readU64(view, at.stateBytes) ?? Number.NaN) !== bytes.length)
    return 'a saved state has another length';
  const metadata = bytes.subarray(STATE_HEADER.bytes, metadataEnd);
  const state = bytes.subarray(metadataEnd);
  if (checksum(header, metadata, state) !== view.getUint32(at.crc, true)) return 'a saved state fails its checksum';
  const numbers = Object.fromEntries(NUMBERS.map((name) => [name, readU64(view, at[name]) ?? Number.NaN]));
  if (Object.values(numbers).some(Number.isNaN)) return 'a number of a saved state is out of range';
  const text = new TextDecoder().decode(metadata);
  return { ...(numbers as unknown as StatePlace), metadata: JSON.parse(text) as SavedState['metadata'], state };
}

/** The same with the present time. */
export function savedNow(saved: Omit<SavedState, 'wallClockMs'>): SavedState {
  return { ...saved, wallClockMs: wallClockMs() };
}
