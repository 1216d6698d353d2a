// Which states were seen. A key is exact, not a hash: two different states never count as one.

import type { World } from './world.js';

/** The states so far. */
export class StateKeys<Ghost> {
  readonly #keys = new Set<string>();
  readonly #values = new Map<number | string, number>();
  readonly #plainIds = new WeakMap<Uint8Array, number>();

  get count(): number {
    return this.#keys.size;
  }

  /** True if the state is new. */
  add(world: World<Ghost>): boolean {
    const key = this.#keyOf(world);
    if (this.#keys.has(key)) return false;
    this.#keys.add(key);
    return true;
  }

  #keyOf({ words, plain, threads }: World<Ghost>): string {
    const codes: number[] = [this.#plainId(plain)];
    for (const { node, status, asyncWait } of threads) {
      const asyncCode = asyncWait === undefined ? 0 : 2 * asyncWait.slot + (asyncWait.isWoken ? 2 : 1);
      codes.push(node.id & 0x7fff, node.id >>> 15, status, asyncCode);
    }
    for (const word of words) codes.push(this.#number(word));
    return String.fromCharCode(...codes);
  }

  #plainId(plain: Uint8Array<ArrayBuffer>): number {
    let id = this.#plainIds.get(plain);
    if (id === undefined) {
      id = this.#number(Buffer.from(plain.buffer).toString('latin1'));
      this.#plainIds.set(plain, id);
    }
    return id;
  }

  #number(value: number | string): number {
    let id = this.#values.get(value);
    if (id === undefined) {
      id = this.#values.size;
      if (id > 0xffff) throw new Error('a scope has too many different values');
      this.#values.set(value, id);
    }
    return id;
  }
}
