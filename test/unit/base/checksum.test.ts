// Goal: the native library and its fallback are one checksum. Method: the check value of the CRC catalogue, the other
// library as oracle on both sides of the length at which they change over, and a process that cannot load the native one.

import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { crc32c, crc32cOfWords, WORDS_BYTES_MAX } from '../../../src/base/checksum.js';

const oracle = createRequire(import.meta.url)('crc-32/crc32c') as { buf(bytes: Uint8Array, seed: number): number };
const patterned = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (index * 31 + 7) & 0xff);

test('the checksum of "123456789" is the check value of CRC-32C', () => {
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe306_9283);
});

test('every length gives what the other library gives, in shared memory too', () => {
  for (const length of [...Array(400).keys(), 4096, 65_536]) {
    const bytes = patterned(length);
    const shared = new Uint8Array(new SharedArrayBuffer(length));
    shared.set(bytes);
    const expected = oracle.buf(bytes, 0) >>> 0;
    expect([crc32c(bytes), crc32c(shared)]).toEqual([expected, expected]);
  }
});

test('words summed where they stand give the same at every length, place and seed', () => {
  const bytes = patterned(WORDS_BYTES_MAX + 16);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  const view = new DataView(shared.buffer);
  for (let length = 0; length <= WORDS_BYTES_MAX; length += 4) {
    const [place, seed] = [length % 17, (length * 0x9e37_79b9) >>> 0];
    const expected = oracle.buf(bytes.subarray(place, place + length), seed) >>> 0;
    expect(crc32cOfWords(view, place, length, seed)).toBe(expected);
  }
});

test('pieces chain to the checksum of the whole, wherever it is cut', () => {
  const bytes = patterned(600);
  const whole = crc32c(bytes);
  for (let cut = 0; cut <= 600; cut += 1)
    expect(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut)))).toBe(whole);
});

test('without the native library a log is written and recovered all the same', () => {
  const program = fileURLToPath(new URL('../../support/without-native-crc.js', import.meta.url));
  const result = JSON.parse(execFileSync(process.execPath, [program], { encoding: 'utf8' })) as unknown;
  expect(result).toEqual({ crc: crc32c(new Uint8Array(4096).fill(3)), commits: 1, isRefused: true });
});
