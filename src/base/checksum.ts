// CRC32C (Castagnoli; RFC 3720 appendix B.4), the one checksum of the format. Long inputs go to the native
// library, short ones to JavaScript, which is faster below a few hundred bytes (design/decisions/0002). Both are
// libraries; where the native one is missing (no prebuilt binary for the platform) JavaScript does all of it. Short
// frames in a lane are summed where they stand, word by word (design/decisions/0070).

import { createRequire } from 'node:module';

type Crc32c = (bytes: Uint8Array, seed: number) => number;

const require = createRequire(import.meta.url);

/** Words at most this long are summed faster here than by the native library: measured break-even 450 to 550 bytes. */
export const WORDS_BYTES_MAX = 448;
/** Bytes whose tables are looked up at once, so that the lookups do not wait for each other. */
const STRIDE = 16;
/** The polynomial, its bits reversed. */
const POLYNOMIAL = 0x82f6_3b78;

/** Inputs at least this long go to the native library: measured break-even 150 to 250 bytes on Node 20. */
const NATIVE_BYTES_MIN = 192;

const TABLES = makeTables();
const inJavaScript = loadJavaScript();
const native = loadNative();

function loadJavaScript(): Crc32c {
  const { buf } = require('crc-32/crc32c') as { buf(bytes: Uint8Array, seed: number): number };
  return (bytes, seed) => buf(bytes, seed) >>> 0;
}

/** Sixteen tables of 256: the n-th has the sum of each byte with n bytes of zero behind it. */
function makeTables(): Int32Array {
  const tables = new Int32Array(STRIDE * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at += 1) {
    const before = tables[at - 256] as number;
    tables[at] = (before >>> 8) ^ (tables[before & 0xff] as number);
  }
  return tables;
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

/**
 * CRC32C of whole 32-bit words of a view, without a view of their own: for the few words of a header or a short frame
 * that costs more than the sum.
 *
 * @param length - a multiple of 4, best at most {@link WORDS_BYTES_MAX}
 */
export function crc32cOfWords(view: DataView, offset: number, length: number, seed: number): number {
  const tables = TABLES;
  const end = offset + length;
  const stridesEnd = end - (length % STRIDE);
  let crc = ~seed;
  let at = offset;
  for (; at < stridesEnd; at += STRIDE) {
    const one = view.getInt32(at, true) ^ crc;
    const two = view.getInt32(at + 4, true);
    const three = view.getInt32(at + 8, true);
    const four = view.getInt32(at + 12, true);
    crc =
      lookUp(tables, 0xc00, one) ^ lookUp(tables, 0x800, two) ^ lookUp(tables, 0x400, three) ^ lookUp(tables, 0, four);
  }
  for (; at < end; at += 4) crc = lookUp(tables, 0, view.getInt32(at, true) ^ crc);
  return ~crc >>> 0;
}

/** What the four bytes of a word add to the sum; `first` is the table of its last byte. */
function lookUp(tables: Int32Array, first: number, word: number): number {
  return (
    (tables[first + 0x300 + (word & 0xff)] as number) ^
    (tables[first + 0x200 + ((word >>> 8) & 0xff)] as number) ^
    (tables[first + 0x100 + ((word >>> 16) & 0xff)] as number) ^
    (tables[first + (word >>> 24)] as number)
  );
}
