// The contents of a durable map: what logical records make of it, each in its place in the one order, so that every
// thread that applies them holds the same. And those contents as bytes, for a saved state. Not here: threads and logs.

import { WalError } from '../base/errors.js';
import { decodeLogicalRecord, encodeLogicalRecord } from './codec.js';
import type { LogicalRecord } from './logical-record.js';
import { COUNTER_BYTES, decodeCounter, encodeCounter, nameOf } from './replay.js';

/** What a record did: whether it took effect, and what the key holds behind it. */
export interface Outcome {
  readonly isDone: boolean;
  readonly value: Uint8Array | undefined;
}

interface Held {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

const LENGTH_BYTES = 4;
const I64_MAX = 2n ** 63n - 1n;

/** Keys with their values. */
export class MapState {
  readonly #held: Map<string, Held>;

  constructor(held: Iterable<readonly [string, Held]> = []) {
    this.#held = new Map(held);
  }

  get size(): number {
    return this.#held.size;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#held.get(nameOf(key))?.value;
  }

  *entries(): Generator<readonly [key: Uint8Array, value: Uint8Array], void, void> {
    for (const { key, value } of this.#held.values()) yield [key, value];
  }

  /** The same contents, apart from what comes. */
  copy(): MapState {
    return new MapState(this.#held);
  }

  /**
   * Applies a record. What it finds decides what it does: a swap swaps if the key holds what it expects, an increment
   * adds its delta to what is there. So writers need not know of each other, and all who apply agree.
   *
   * @throws {WalError} ERR_WAL_CORRUPT for a record that a map does not make
   */
  apply(record: LogicalRecord): Outcome {
    switch (record.kind) {
      case 'upsert':
        return this.#set(record.key, record.value);
      case 'remove': {
        const isDone = this.#held.delete(nameOf(record.key));
        return { isDone, value: undefined };
      }
      case 'increment':
        return this.#increment(record.key, record.delta);
      case 'compareAndSwap': {
        const { key, value, expected } = record;
        const present = this.get(key);
        return isEqual(present, expected) ? this.#set(key, value) : { isDone: false, value: present };
      }
      default:
        throw new WalError('ERR_WAL_CORRUPT', `A durable map has no record of kind ${record.kind}.`, {
          reason: 'a record of another kind',
        });
    }
  }

  /** The contents as bytes: each key as an upsert behind its length. */
  encode(): Uint8Array {
    const pieces: Uint8Array[] = [];
    for (const { key, value } of this.#held.values()) {
      const bytes = encodeLogicalRecord({ kind: 'upsert', key, value });
      const length = new Uint8Array(LENGTH_BYTES);
      new DataView(length.buffer).setUint32(0, bytes.length, true);
      pieces.push(length, bytes);
    }
    return Buffer.concat(pieces);
  }

  /** The inverse of {@link encode}; the bytes are kept. @throws {WalError} ERR_WAL_CORRUPT, ERR_WAL_VERSION */
  static decode(bytes: Uint8Array): MapState {
    const state = new MapState();
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let offset = 0; offset < bytes.length; ) {
      const start = offset + LENGTH_BYTES;
      const end = start > bytes.length ? Number.NaN : start + view.getUint32(offset, true);
      if (!(end <= bytes.length)) {
        const reason = 'a state of a map is cut short';
        throw new WalError('ERR_WAL_CORRUPT', `${reason} at ${offset}.`, { offset, reason });
      }
      state.apply(decodeLogicalRecord(bytes.subarray(start, end)));
      offset = end;
    }
    return state;
  }

  #set(key: Uint8Array, value: Uint8Array): Outcome {
    this.#held.set(nameOf(key), { key, value });
    return { isDone: true, value };
  }

  /** A key that holds no counter, and a sum beyond 64 bits, stay as they are. */
  #increment(key: Uint8Array, delta: bigint): Outcome {
    const present = this.get(key);
    if (present !== undefined && present.length !== COUNTER_BYTES) return { isDone: false, value: present };
    const sum = (present === undefined ? 0n : decodeCounter(present)) + delta;
    if (sum > I64_MAX || sum < -I64_MAX - 1n) return { isDone: false, value: present };
    return this.#set(key, encodeCounter(sum));
  }
}

function isEqual(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
