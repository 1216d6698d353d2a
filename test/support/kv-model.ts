// What a key-value store has to be: a map, sorted when somebody looks. Keys as strings of bytes, whose order is theirs.

import type { Entry, RangeOptions } from '../../examples/kv/tree-reader.js';

export class KvModel {
  #values: Map<string, Uint8Array>;

  constructor(values: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#values = new Map(values);
  }

  get size(): number {
    return this.#values.size;
  }

  copy(): KvModel {
    return new KvModel(this.#values);
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#values.get(textOf(key));
  }

  set(key: Uint8Array, value: Uint8Array | undefined): void {
    if (value === undefined) this.#values.delete(textOf(key));
    else this.#values.set(textOf(key), value);
  }

  range({ from, to, limit, reverse = false }: RangeOptions = {}): string[] {
    const [low, high] = [from && textOf(from), to && textOf(to)];
    const keys = [...this.#values.keys()]
      .filter((key) => (low === undefined || key >= low) && (high === undefined || key < high))
      .sort();
    if (reverse) keys.reverse();
    return keys.slice(0, limit).map((key) => `${key}=${textOf(this.#values.get(key)!)}`);
  }
}

/** Entries in the form of the model's. */
export function listed(entries: Iterable<Entry>): string[] {
  return [...entries].map(({ key, value }) => `${textOf(key)}=${textOf(value)}`);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
