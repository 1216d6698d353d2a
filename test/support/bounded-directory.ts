// A directory that counts what is read of it, and gives up on a reader that does not end; and a count of the memory
// that code takes in one piece, or in all.

import type { Directory, LogFile, OpenMode } from '../../src/storage/directory.js';

/** Thrown when a reader takes more steps than any honest one could need: it would never end. */
export class EndlessReading extends Error {}

/** Passes everything on to another directory, up to a number of reads. */
export class BoundedDirectory implements Directory {
  reads = 0;
  readonly #inner: Directory;
  readonly #readsMax: number;

  constructor(inner: Directory, readsMax: number) {
    this.#inner = inner;
    this.#readsMax = readsMax;
  }

  get path(): string {
    return this.#inner.path;
  }

  exists(): boolean {
    return this.#inner.exists();
  }

  create(options: { sync: boolean }): void {
    this.#inner.create(options);
  }

  list(): string[] {
    return this.#inner.list();
  }

  open(name: string, mode: OpenMode): LogFile {
    const file = this.#inner.open(name, mode);
    return {
      name,
      read: (target, position) => {
        this.reads += 1;
        if (this.reads > this.#readsMax) throw new EndlessReading(`more than ${this.#readsMax} reads`);
        return file.read(target, position);
      },
      write: (pieces, position) => file.write(pieces, position),
      startWrite: (pieces, position) => file.startWrite(pieces, position),
      sync: () => file.sync(),
      startSync: () => file.startSync(),
      size: () => file.size(),
      truncate: (bytes) => file.truncate(bytes),
      close: () => file.close(),
    };
  }

  rename(from: string, to: string): void {
    this.#inner.rename(from, to);
  }

  remove(name: string): void {
    this.#inner.remove(name);
  }

  sync(): void {
    this.#inner.sync();
  }
}

/** What was allocated by length since the last reset. */
export interface Allocations {
  /** Bytes of the largest piece. */
  largest: number;
  /** Bytes of all pieces together, those that are free again too. */
  total: number;
}

/** Counts every typed array, buffer, and array that is made by a length from here on, in this process, for good. */
export function countAllocations(): Allocations {
  const counted: Allocations = { largest: 0, total: 0 };
  const note = (bytes: unknown): void => {
    if (typeof bytes !== 'number' || !(bytes > 0)) return;
    counted.largest = Math.max(counted.largest, bytes);
    counted.total += bytes;
  };
  const counting = <Constructor extends new (...rest: never[]) => object>(of: Constructor, bytesEach: number) =>
    new Proxy(of, {
      construct(target, args, newTarget): object {
        const [length] = args as unknown[];
        if (typeof length === 'number') note(length * bytesEach);
        return Reflect.construct(target, args, newTarget);
      },
    });
  Object.assign(globalThis, {
    Uint8Array: counting(Uint8Array, 1),
    Uint32Array: counting(Uint32Array, 4),
    ArrayBuffer: counting(ArrayBuffer, 1),
    SharedArrayBuffer: counting(SharedArrayBuffer, 1),
    Array: counting(Array, 8),
  });
  for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const) {
    const original = Buffer[name].bind(Buffer) as (bytes: number, ...rest: never[]) => Buffer;
    Object.assign(Buffer, {
      [name]: (bytes: number, ...rest: never[]) => {
        note(bytes);
        return original(bytes, ...rest);
      },
    });
  }
  const from = Array.from.bind(Array) as (...rest: unknown[]) => unknown[];
  Object.assign(Array, {
    from: (...rest: unknown[]) => {
      note((rest[0] as { length?: number } | undefined)?.length);
      return from(...rest);
    },
  });
  return counted;
}
