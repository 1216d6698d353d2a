// Plain shared memory: the bytes that threads read and write between their atomic operations. Kept as snapshots, so
// that a thread can be run again over the bytes as they were, with a note of which bytes a stretch of code depended on
// and which it wrote.

import { ByteRing } from '../../../src/memory/byte-ring.js';

const READ = 1;
const WRITTEN = 2;

/** Bytes at some places of the plain memory. */
export interface Bytes {
  readonly places: readonly number[];
  readonly values: readonly number[];
}

interface Region {
  readonly bytes: Uint8Array;
  readonly start: number;
  /** Without it every stretch of code counts as a reader of the whole region. */
  readonly isTracked: boolean;
}

/** Who wants to know of the rings made over a buffer. */
const noters = new WeakMap<ArrayBufferLike, (ring: ByteRing, isWrapping: boolean) => ByteRing>();
const { wrapping, flat } = ByteRing;
ByteRing.wrapping = (bytes) => {
  const ring = wrapping.call(ByteRing, bytes);
  return noters.get(bytes.buffer)?.(ring, true) ?? ring;
};
ByteRing.flat = (bytes) => {
  const ring = flat.call(ByteRing, bytes);
  return noters.get(bytes.buffer)?.(ring, false) ?? ring;
};

const NONE: Bytes = { places: [], values: [] };

/** All plain regions of one set of threads, one behind the other. */
export class PlainMemory {
  readonly #regions: Region[] = [];
  #length = 0;
  /** What the present stretch did with each byte. */
  #touched = new Uint8Array(0);
  #installed = new Uint8Array(0);
  #isTouched = false;
  #hasWhole = false;

  /** Adds bytes that are used through ByteRings: each made over their buffer notes its accesses. Says where. */
  add(bytes: Uint8Array): number {
    const start = this.#add(bytes, true);
    noters.set(bytes.buffer, (ring, isWrapping) => {
      return this.#noting(ring, start + ring.bytes.byteOffset - bytes.byteOffset, isWrapping);
    });
    return start;
  }

  /** Adds memory whose accesses cannot be seen one by one. */
  addWhole(bytes: Uint8Array): number {
    this.#hasWhole = true;
    return this.#add(bytes, false);
  }

  capture(): Uint8Array<ArrayBuffer> {
    const snapshot = new Uint8Array(this.#length);
    for (const { bytes, start } of this.#regions) snapshot.set(bytes, start);
    return snapshot;
  }

  /** Puts the bytes in place and begins a new stretch of code. */
  install(snapshot: Uint8Array<ArrayBuffer>): void {
    for (const { bytes, start } of this.#regions) bytes.set(snapshot.subarray(start, start + bytes.length));
    this.#installed = snapshot;
    if (this.#isTouched) this.#touched.fill(0);
    this.#isTouched = false;
  }

  /** Notes that a view of a region, which `pieces` gave out, is read now. */
  noteRead(view: Uint8Array): void {
    for (const { bytes, start, isTracked } of this.#regions) {
      if (!isTracked || view.buffer !== bytes.buffer) continue;
      this.#note(start + view.byteOffset - bytes.byteOffset, view.length, READ);
    }
  }

  /** The bytes that the stretch since {@link install} depended on, and those it left behind. */
  effects(): { reads: Bytes; writes: Bytes } {
    const now = this.capture();
    for (const { bytes, start, isTracked } of this.#regions) {
      for (let place = start; place < start + bytes.length; place += 1) {
        const isChanged = now[place] !== this.#installed[place];
        if (isTracked && isChanged && !((this.#touched[place] as number) & WRITTEN)) {
          throw new Error(`plain byte ${place} was written behind the back of its ring`);
        }
        if (!isTracked) this.#touched[place] = isChanged ? READ | WRITTEN : READ;
      }
    }
    if (!this.#isTouched && !this.#hasWhole) return { reads: NONE, writes: NONE };
    this.#isTouched = true;
    return { reads: this.#gather(READ, this.#installed), writes: this.#gather(WRITTEN, now) };
  }

  #add(bytes: Uint8Array, isTracked: boolean): number {
    const start = this.#length;
    this.#regions.push({ bytes, start, isTracked });
    this.#length += bytes.length;
    this.#touched = new Uint8Array(this.#length);
    return start;
  }

  #gather(flag: number, from: Uint8Array): Bytes {
    const places: number[] = [];
    for (let place = 0; place < this.#length; place += 1)
      if ((this.#touched[place] as number) & flag) places.push(place);
    return { places, values: places.map((place) => from[place] as number) };
  }

  #note(place: number, length: number, flag: number): void {
    this.#isTouched = true;
    for (let at = place; at < place + length; at += 1) {
      // What the stretch wrote itself it may read without depending on anybody.
      if (flag === READ && (this.#touched[at] as number) & WRITTEN) continue;
      this.#touched[at] = (this.#touched[at] as number) | flag;
    }
  }

  /** The ring, with every method noting the bytes it is about to use. */
  #noting(ring: ByteRing, start: number, isWrapping: boolean): ByteRing {
    const size = ring.bytes.length;
    const note = (position: number, length: number, flag: number): void => {
      const first = isWrapping ? position & (size - 1) : position;
      const straight = Math.min(length, size - first);
      this.#note(start + first, straight, flag);
      this.#note(start, length - straight, flag);
    };
    const wrap = <Rest extends unknown[], Result>(
      method: (position: number, ...rest: Rest) => Result,
      flag: number,
      lengthOf: (...rest: Rest) => number,
    ) => {
      return (position: number, ...rest: Rest): Result => {
        note(position, lengthOf(...rest), flag);
        return method.call(ring, position, ...rest);
      };
    };
    const methods: Partial<Record<keyof ByteRing, unknown>> = {
      u32: wrap(ring.u32, READ, () => 4),
      u64: wrap(ring.u64, READ, () => 8),
      setU32: wrap(ring.setU32, WRITTEN, () => 4),
      setU64: wrap(ring.setU64, WRITTEN, () => 8),
      copyIn: wrap(ring.copyIn, WRITTEN, (source) => source.length),
      zero: wrap(ring.zero, WRITTEN, (length) => length),
      crc: wrap(ring.crc, READ, (length) => length),
      // Views: whoever reads them later says so again, see noteRead.
      pieces: wrap(ring.pieces, READ, (length) => length),
      bytes: ring.bytes,
    };
    return new Proxy(ring, {
      get: (_, name) => {
        const method = methods[name as keyof ByteRing];
        if (method === undefined) throw new Error(`a ring has something that is not noted: ${String(name)}`);
        return method;
      },
    });
  }
}

/** Whether the memory holds those bytes. */
export function holds(memory: Uint8Array, { places, values }: Bytes): boolean {
  return places.every((place, index) => memory[place] === values[index]);
}

/** A copy with those bytes. */
export function patched(memory: Uint8Array<ArrayBuffer>, { places, values }: Bytes): Uint8Array<ArrayBuffer> {
  if (places.length === 0) return memory;
  const copy = memory.slice();
  places.forEach((place, index) => {
    copy[place] = values[index] as number;
  });
  return copy;
}
