// CRC32C (Castagnoli; RFC 3720 appendix B.4), the one checksum of the format. Long inputs go to the native
// library, short ones to JavaScript, which is faster below a few hundred bytes (design/decisions/0002). Both are
// libraries; where the native one is missing (no prebuilt binary for the platform) JavaScript does all of it.

import { createRequire } from 'node:module';

type Crc32c = (bytes: Uint8Array, seed: number) => number;

const require = createRequire(import.meta.url);

/** Inputs at least this long go to the native library: measured break-even 150 to 250 bytes on Node 20. */
const NATIVE_BYTES_MIN = 192;

const inJavaScript = loadJavaScript();
const native = loadNative();

function loadJavaScript(): Crc32c {
  const { buf } = require('crc-32/crc32c') as { buf(bytes: Uint8Array, seed: number): number };
  return (bytes, seed) => buf(bytes, seed) >>> 0;
}

function loadNative(): Crc32c | undefined {
  try {
    const { crc32c } = require('@node-rs/crc32') as { crc32c(bytes: Uint8Array, seed: number): number };
    return crc32c;
  } catch {
    return undefined;
  }
}

/**
 * CRC32C of `bytes`, which may be a view of shared memory.
 *
 * @param seed - the checksum of what came before, so that pieces can be chained; 0 at the start
 * @returns an unsigned 32-bit number
 */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  if (native === undefined || bytes.length < NATIVE_BYTES_MIN) return inJavaScript(bytes, seed);
  return native(bytes, seed);
}
