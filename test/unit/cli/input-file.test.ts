// Inputs as users give them: plain, packed, missing, unreadable, cut, too large; and bases that do not fit their log.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { readInputFile, readSqliteBase } from '../../../src/cli/trace/input-file.js';

const folder = mkdtempSync(join(tmpdir(), 'lanewal-input-'));
afterAll(() => rmSync(folder, { recursive: true }));

const LIMIT_BYTES = 4 * 1024 * 1024;
const INVALID = expect.objectContaining({ code: 'ERR_WAL_INVALID_ARGUMENT' });

let count = 0;

function write(bytes: Uint8Array): string {
  const path = join(folder, `input-${count++}`);
  writeFileSync(path, bytes);
  return path;
}

/** Does not pack well, so that the packed form is larger than a chunk as well. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    bytes[index] = state >>> 16;
  }
  return bytes;
}

function equal(bytes: Uint8Array, wanted: Uint8Array): boolean {
  return Buffer.compare(bytes, wanted) === 0;
}

describe('a file', () => {
  test.each([0, 1, 2, 3, 262_143, 262_144, 262_145, 1_000_000])(
    'of %i bytes is the same plain and packed',
    async (n) => {
      const wanted = noise(n);
      for (const bytes of [wanted, gzipSync(wanted)]) {
        const read = await readInputFile(write(bytes), LIMIT_BYTES);
        expect(read.buffer).toBeInstanceOf(SharedArrayBuffer);
        expect(equal(read, wanted)).toBe(true);
      }
    },
  );

  test('of several packed members is all of them', async () => {
    const path = write(Buffer.concat([gzipSync('one '), gzipSync('two')]));
    expect(Buffer.from(await readInputFile(path, LIMIT_BYTES)).toString()).toBe('one two');
  });

  test('that does not exist is not found', async () => {
    const missing = { code: 'ERR_WAL_NOT_FOUND' };
    await expect(readInputFile(join(folder, 'missing'), LIMIT_BYTES)).rejects.toMatchObject(missing);
    await expect(readInputFile(join(write(noise(1)), 'below'), LIMIT_BYTES)).rejects.toMatchObject(missing);
  });

  test('that is a directory is a wrong argument', async () => {
    mkdirSync(join(folder, 'directory'));
    await expect(readInputFile(join(folder, 'directory'), LIMIT_BYTES)).rejects.toEqual(INVALID);
  });

  // The superuser may read everything.
  test.skipIf(process.getuid?.() === 0)('that may not be read is an I/O error', async () => {
    const path = write(noise(10));
    chmodSync(path, 0);
    await expect(readInputFile(path, LIMIT_BYTES)).rejects.toMatchObject({
      code: 'ERR_WAL_IO',
      details: { errno: 'EACCES' },
    });
  });

  test('that is packed and cut anywhere is a wrong argument', async () => {
    const packed = gzipSync(noise(600_000));
    for (const bytes of [2, 3, 10, 11, 300_000, packed.length - 8, packed.length - 1]) {
      await expect(readInputFile(write(packed.subarray(0, bytes)), LIMIT_BYTES)).rejects.toEqual(INVALID);
    }
  });

  test('that is packed and damaged is a wrong argument', async () => {
    const packed = gzipSync(noise(600_000));
    for (const offset of [2, 300_000, packed.length - 5]) {
      const damaged = Buffer.from(packed);
      damaged[offset] = (damaged[offset] ?? 0) ^ 0xff;
      await expect(readInputFile(write(damaged), LIMIT_BYTES)).rejects.toEqual(INVALID);
    }
  });

  test('may have the limit and not a byte more, plain or unpacked', async () => {
    const bytes = noise(300_000);
    for (const path of [write(bytes), write(gzipSync(bytes))]) {
      expect(await readInputFile(path, bytes.length)).toHaveLength(bytes.length);
      await expect(readInputFile(path, bytes.length - 1)).rejects.toEqual(INVALID);
    }
  });

  test('that unpacks to a thousand times its size is stopped at the limit', async () => {
    const before = process.memoryUsage().arrayBuffers;
    const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024), { level: 1 });
    await expect(readInputFile(write(bomb), LIMIT_BYTES)).rejects.toEqual(INVALID);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(300 * 1024 * 1024);
  });
});

/** A database of `pages` pages whose header names `stored` as its page size. */
function database(stored: number, bytes: number): Uint8Array {
  const base = Buffer.alloc(bytes);
  base.write('SQLite format 3\0', 'latin1');
  base.writeUInt16BE(stored, 16);
  return base;
}

describe('a base', () => {
  test('has a whole number of pages of the size that both name', () => {
    expect(readSqliteBase(database(4096, 3 * 4096), 4096)).toMatchObject({ pageBytes: 4096, pages: 3 });
    expect(readSqliteBase(database(1, 2 * 65536), 65536)).toMatchObject({ pageBytes: 65536, pages: 2 });
    expect(readSqliteBase(database(512, 512), 512)).toMatchObject({ pages: 1 });
  });

  test('may be empty', () => {
    expect(readSqliteBase(new Uint8Array(), 1024)).toMatchObject({ pageBytes: 1024, pages: 0 });
    expect(readSqliteBase(new Uint8Array(), undefined)).toMatchObject({ pageBytes: 4096, pages: 0 });
  });

  test('need not be a SQLite database', () => {
    expect(readSqliteBase(new Uint8Array(2048), 1024)).toMatchObject({ pages: 2 });
  });

  test('names the page size where the log has none', () => {
    expect(readSqliteBase(database(1024, 4096), undefined)).toMatchObject({ pageBytes: 1024, pages: 4 });
  });

  test('with other pages than its log is refused, and the error names both sizes', () => {
    expect(() => readSqliteBase(database(1024, 4096), 4096)).toThrow(
      expect.objectContaining({
        code: 'ERR_WAL_INVALID_ARGUMENT',
        details: expect.objectContaining({ basePageBytes: 1024, tracePageBytes: 4096 }),
      }),
    );
    expect(() => readSqliteBase(database(1, 65536), 4096)).toThrow(INVALID);
  });

  test.each([1, 17, 511, 4095, 4097])('of %i bytes is no whole number of 4096-byte pages and is refused', (bytes) => {
    expect(() => readSqliteBase(database(4096, 8192).subarray(0, bytes), 4096)).toThrow(INVALID);
    expect(() => readSqliteBase(new Uint8Array(bytes), 4096)).toThrow(INVALID);
  });

  test.each([0, 2, 256, 1000, 65535])('that names %i as its page size is refused', (stored) => {
    expect(() => readSqliteBase(database(stored, 8192), undefined)).toThrow(INVALID);
  });
});
