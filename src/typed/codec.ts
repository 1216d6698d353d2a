// How entries become bytes and come back. Any pair of functions will do; here are the two that need no library.

import { invalidArgument } from '../base/errors.js';

/** Turns entries into bytes and back. `decode(encode(entry))` is an entry that means the same. */
export interface Codec<E> {
  /** May throw: then nothing is appended. The bytes are copied before the append returns. */
  encode(entry: E): Uint8Array;
  /** Given bytes of its own, which nobody changes later. Throws for bytes that are no entry. */
  decode(bytes: Uint8Array): E;
}

/** Bytes as they are. */
export const bytesCodec: Codec<Uint8Array> = { encode: (entry) => entry, decode: (bytes) => bytes };

/** Entries as JSON: whatever `JSON.stringify` takes; what it leaves out is left out. */
export function jsonCodec<E>(): Codec<E> {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder('utf-8', { fatal: true });
  return {
    encode(entry) {
      // Undefined for what JSON has no text for: a function, or undefined itself.
      const text: string | undefined = JSON.stringify(entry);
      if (text === undefined) throw invalidArgument('This entry has no JSON.', { type: typeof entry });
      return encoder.encode(text);
    },
    decode: (bytes) => JSON.parse(decoder.decode(bytes)) as E,
  };
}
