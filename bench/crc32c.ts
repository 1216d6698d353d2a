// CRC32C as the log computes it: native, or in JavaScript where the native one is missing.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** The checksum of `bytes`. */
export const crc32c: (bytes: Uint8Array) => number = load();

function load(): (bytes: Uint8Array) => number {
  try {
    return (require('@node-rs/crc32') as { crc32c(bytes: Uint8Array): number }).crc32c;
  } catch {
    const { buf } = require('crc-32/crc32c.js') as { buf(bytes: Uint8Array): number };
    return (bytes) => buf(bytes) >>> 0;
  }
}
