// What logical records mean, replayed in the order of the log: keys and their values as of the last record. Every one
// says what it led to, not how to get there, so replaying one again changes nothing. Not here: bytes (codec.ts).

import { invalidArgument } from '../base/errors.js';
import type { DataRecord, LogicalRecord } from './logical-record.js';

/** What a record makes of a key: a value, no value though the key is there, or that it is gone. */
interface Effect {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
  readonly isThere: boolean;
  /** Of the versions of the key, for a record that makes one. */
  readonly version?: bigint;
}

/** What is known of a key. The highest generation counts, among equals the last one. */
interface Held extends Effect {
  readonly generation: bigint;
  readonly order: number;
}

/** Effects of a record that a rank may still be given to. */
interface Placed {
  readonly effects: readonly Effect[];
  readonly order: number;
}

/** One version of a key. */
export interface KeyVersion {
  readonly version: bigint;
  /** Undefined: as of this version the key is not there. */
  readonly value: Uint8Array | undefined;
}

/** What a replay has seen so far. */
export interface LogicalReplayCounts {
  readonly records: number;
  /** Data records that took effect. */
  readonly applied: number;
  readonly committed: number;
  readonly aborted: number;
  /** Transactions that were begun and are neither committed nor aborted. */
  readonly open: number;
  /** Records of transactions that nothing began: their beginning is not in what was replayed. They take no effect. */
  readonly orphans: number;
}

/**
 * Replays logical records into keys and values, in memory.
 *
 * Transactions take effect where they commit, and not at all without a commit. A record that was given a generation
 * (`commitRank`, or the version of a `versionUpdate`) counts before every record of the key with a lower one or none,
 * wherever it stands; among equals the order of the log counts.
 *
 * Memory: all keys, and the records with a `recordId`, which a rank may name until the end.
 */
export class LogicalReplay {
  readonly #keys = new Map<string, Held>();
  readonly #versions = new Map<string, Map<bigint, Uint8Array | undefined>>();
  readonly #durableVersions = new Map<string, bigint>();
  readonly #pending = new Map<bigint, DataRecord[]>();
  readonly #placed = new Map<bigint, Placed>();
  readonly #ranks = new Map<bigint, bigint>();
  #order = 0;
  #records = 0;
  #applied = 0;
  #committed = 0;
  #aborted = 0;
  #orphans = 0;
  /** The highest `seq` of a checkpoint record; 0 without one. */
  checkpointSeq = 0n;

  /** Takes the next record of the log. Byte strings are kept, not copied. */
  apply(record: LogicalRecord): void {
    this.#records += 1;
    switch (record.kind) {
      case 'checkpoint':
        if (record.seq > this.checkpointSeq) this.checkpointSeq = record.seq;
        break;
      case 'begin':
        // An id may be used again after a crash that left its transaction open.
        this.#pending.set(record.txnId, []);
        break;
      case 'commit':
        this.#commit(record.txnId);
        break;
      case 'abort':
        if (this.#pending.delete(record.txnId)) this.#aborted += 1;
        else this.#orphans += 1;
        break;
      case 'versionDurable':
        if (record.version > this.durableVersion(record.key))
          this.#durableVersions.set(nameOf(record.key), record.version);
        break;
      case 'versionCollected':
        this.#versions.get(nameOf(record.key))?.delete(record.version);
        break;
      case 'commitRank':
        this.#rank(record.target, record.generation);
        break;
      default:
        this.#data(record);
    }
  }

  /** The value of a key; undefined when it is not there, or has none. */
  get(key: Uint8Array): Uint8Array | undefined {
    return this.#keys.get(nameOf(key))?.value;
  }

  has(key: Uint8Array): boolean {
    return this.#keys.get(nameOf(key))?.isThere === true;
  }

  /** The counter under a key; 0 when it is not there. @throws {WalError} ERR_WAL_INVALID_ARGUMENT: no counter */
  counter(key: Uint8Array): bigint {
    const value = this.get(key);
    return value === undefined ? 0n : decodeCounter(value);
  }

  /** Keys that are there, with their values, in the order in which they came. */
  *entries(): Generator<readonly [key: Uint8Array, value: Uint8Array | undefined], void, void> {
    for (const { key, value, isThere } of this.#keys.values()) if (isThere) yield [key, value];
  }

  /** Versions of a key that are not collected, oldest first. */
  versions(key: Uint8Array): KeyVersion[] {
    const all = [...(this.#versions.get(nameOf(key)) ?? [])].map(([version, value]) => ({ version, value }));
    return all.sort((one, other) => (one.version < other.version ? -1 : 1));
  }

  /** Up to which version a key is kept elsewhere; 0 for none. */
  durableVersion(key: Uint8Array): bigint {
    return this.#durableVersions.get(nameOf(key)) ?? 0n;
  }

  counts(): LogicalReplayCounts {
    const open = this.#pending.size;
    return {
      records: this.#records,
      applied: this.#applied,
      committed: this.#committed,
      aborted: this.#aborted,
      open,
      orphans: this.#orphans,
    };
  }

  #data(record: DataRecord): void {
    const { txnId } = record;
    const pending = txnId === undefined ? undefined : this.#pending.get(txnId);
    if (txnId === undefined) this.#take(record);
    else if (pending === undefined) this.#orphans += 1;
    else pending.push(record);
  }

  #commit(txnId: bigint): void {
    const pending = this.#pending.get(txnId);
    if (pending === undefined) {
      this.#orphans += 1;
      return;
    }
    this.#pending.delete(txnId);
    this.#committed += 1;
    for (const record of pending) this.#take(record);
  }

  #take(record: DataRecord): void {
    this.#applied += 1;
    this.#order += 1;
    const placed = { effects: effectsOf(record), order: this.#order };
    const { recordId } = record;
    if (recordId !== undefined) this.#placed.set(recordId, placed);
    this.#place(placed, (recordId === undefined ? undefined : this.#ranks.get(recordId)) ?? 0n);
  }

  #rank(target: bigint, generation: bigint): void {
    if (generation <= (this.#ranks.get(target) ?? -1n)) return;
    this.#ranks.set(target, generation);
    const placed = this.#placed.get(target);
    if (placed !== undefined) this.#place(placed, generation);
  }

  #place({ effects, order }: Placed, rank: bigint): void {
    for (const effect of effects) {
      const name = nameOf(effect.key);
      if (effect.version !== undefined) this.#versionsOf(name).set(effect.version, effect.value);
      const generation = rank > 0n ? rank : (effect.version ?? 0n);
      const held = this.#keys.get(name);
      const isBehind = held !== undefined && held.generation === generation && held.order > order;
      if (held !== undefined && (held.generation > generation || isBehind)) continue;
      this.#keys.set(name, { ...effect, generation, order });
    }
  }

  #versionsOf(name: string): Map<bigint, Uint8Array | undefined> {
    let versions = this.#versions.get(name);
    if (versions === undefined) {
      versions = new Map();
      this.#versions.set(name, versions);
    }
    return versions;
  }
}

/** What a record leads to, whatever was there before. */
function effectsOf(record: DataRecord): Effect[] {
  const set = (key: Uint8Array, value: Uint8Array | undefined): Effect => ({ key, value, isThere: true });
  switch (record.kind) {
    case 'insert':
    case 'upsert':
      return [set(record.key, record.value)];
    case 'remove':
      return [{ key: record.key, value: undefined, isThere: false }];
    case 'increment':
      return [set(record.key, encodeCounter(record.result))];
    case 'compareAndSwap':
      return record.success ? [set(record.key, record.value)] : [];
    case 'batchInsert':
      return record.entries.map(({ key, value }) => set(key, value));
    case 'batchIncrement':
      return record.entries.map(({ key, result }) => set(key, encodeCounter(result)));
    case 'versionUpdate': {
      const { key, value, version } = record;
      return [{ key, value, isThere: value !== undefined, version }];
    }
  }
}

/** Length of a counter's value. */
export const COUNTER_BYTES = 8;

/** A counter as the value of its key: eight bytes, little-endian, -2^63 to 2^63 - 1. */
export function encodeCounter(count: bigint): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(COUNTER_BYTES);
  new DataView(bytes.buffer).setBigInt64(0, count, true);
  return bytes;
}

/** The counter in a value. @throws {WalError} ERR_WAL_INVALID_ARGUMENT: a value that is no counter */
export function decodeCounter(value: Uint8Array): bigint {
  if (value.length !== COUNTER_BYTES)
    throw invalidArgument('This value is no counter: a counter has 8 bytes.', { bytes: value.length });
  return new DataView(value.buffer, value.byteOffset, COUNTER_BYTES).getBigInt64(0, true);
}

/** A key as a map takes it: one character a byte. */
export function nameOf({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('latin1');
}
