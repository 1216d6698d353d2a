// Reads the two inputs of a replay, plain or gzip, into memory that every thread can share. Nothing is believed about
// an input: it may be a pipe, a directory, a cut archive, or one that unpacks without end, and each of these is a
// typed error. Whether a base database belongs to a trace is decided here as well, before anything is written.

import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { invalidArgument, toWalError, WalError } from '../../base/errors.js';
import { isSqlitePageBytes, SQLITE_PAGE_BYTES_MAX, SQLITE_PAGE_BYTES_MAX_CODE } from './sqlite-wal.js';

/** Large enough that 40 MB take few turns of the event loop, small enough to keep the extra copy in the cache. */
const CHUNK_BYTES = 256 * 1024;

const GZIP_MAGIC = [0x1f, 0x8b] as const;

const SQLITE_MAGIC = Buffer.from('SQLite format 3\0', 'latin1');
/** Where a database header keeps its page size, as a big-endian 16-bit number. */
const SQLITE_PAGE_BYTES_OFFSET = 16;
/** SQLite's default, for a pair of files that says nothing about its page size. */
const PAGE_BYTES_DEFAULT = 4096;

/** A base database whose size and page size were checked. */
export interface SqliteBase {
  readonly bytes: Uint8Array;
  /** The trace's page size; where the trace has none, the base's own, or SQLite's default. */
  readonly pageBytes: number;
  readonly pages: number;
}

/**
 * Reads a whole file, unpacking it if it starts with the magic bytes of gzip.
 *
 * @param path - a file or a pipe
 * @param limitBytes - most bytes of the result, checked while reading, so that no input can fill the memory
 * @returns the bytes in shared memory: a worker that gets them sees the same memory
 * @throws {WalError} ERR_WAL_NOT_FOUND; ERR_WAL_INVALID_ARGUMENT for a directory, a damaged or cut archive, and more
 *   than `limitBytes`; ERR_WAL_IO for everything else, with the system's error as `cause`
 */
export async function readInputFile(path: string, limitBytes: number): Promise<Uint8Array<SharedArrayBuffer>> {
  const handle = await open(path, 'r').catch((thrown: unknown) => {
    throw inputError(thrown, path);
  });
  try {
    const chunks = await readUnpacked(handle, path, limitBytes);
    const bytes = new Uint8Array(new SharedArrayBuffer(chunks.reduce((sum, chunk) => sum + chunk.length, 0)));
    let offset = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, offset);
      offset += chunk.length;
    }
    return bytes;
  } catch (thrown) {
    throw inputError(thrown, path);
  } finally {
    await handle.close();
  }
}

/**
 * Checks that a base database fits a trace.
 *
 * @param bytes - the file; nothing at all is an empty database
 * @param tracePageBytes - the trace's page size, undefined when it has none
 * @param label - names the input in messages
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT when the page sizes differ or the length is no whole number of pages
 */
export function readSqliteBase(
  bytes: Uint8Array,
  tracePageBytes: number | undefined,
  label = 'the base database',
): SqliteBase {
  const ownPageBytes = pageBytesOf(bytes, label);
  const pageBytes = tracePageBytes ?? ownPageBytes ?? PAGE_BYTES_DEFAULT;
  if (ownPageBytes !== undefined && ownPageBytes !== pageBytes) {
    throw invalidArgument(`${label} has pages of ${ownPageBytes} bytes, but the log has pages of ${pageBytes} bytes`, {
      input: label,
      basePageBytes: ownPageBytes,
      tracePageBytes: pageBytes,
    });
  }
  if (bytes.length % pageBytes !== 0) {
    throw invalidArgument(`${label} has ${bytes.length} bytes, which is no whole number of ${pageBytes}-byte pages`, {
      input: label,
      bytes: bytes.length,
      pageBytes,
    });
  }
  return { bytes, pageBytes, pages: bytes.length / pageBytes };
}

/** The page size a database names itself; undefined for bytes that are no SQLite database. */
function pageBytesOf(bytes: Uint8Array, label: string): number | undefined {
  if (bytes.length < SQLITE_PAGE_BYTES_OFFSET + 2) return undefined;
  if (!SQLITE_MAGIC.every((byte, index) => bytes[index] === byte)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stored = view.getUint16(SQLITE_PAGE_BYTES_OFFSET);
  const pageBytes = stored === SQLITE_PAGE_BYTES_MAX_CODE ? SQLITE_PAGE_BYTES_MAX : stored;
  if (isSqlitePageBytes(pageBytes)) return pageBytes;
  throw invalidArgument(`${label} names a page size of ${stored} bytes in its header, which SQLite does not allow`, {
    input: label,
    basePageBytes: stored,
  });
}

async function readUnpacked(handle: FileHandle, path: string, limitBytes: number): Promise<Uint8Array[]> {
  const source = readChunks(handle);
  const { value: first } = await source.next();
  if (first === undefined) return [];

  const chunks: Uint8Array[] = [];
  let total = 0;
  const collect = async (input: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of input) {
      total += chunk.length;
      if (total > limitBytes) throw tooLarge(path, limitBytes);
      chunks.push(chunk);
    }
  };
  const whole = chain(first, source);
  if (GZIP_MAGIC.every((byte, index) => first[index] === byte)) {
    await pipeline(Readable.from(whole), createGunzip({ chunkSize: CHUNK_BYTES }), collect).catch((thrown: unknown) => {
      // What ends a pipeline from within may come out as the abort it caused further up.
      throw total > limitBytes ? tooLarge(path, limitBytes) : thrown;
    });
  } else {
    await collect(whole);
  }
  return chunks;
}

async function* chain(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

/** Chunks are filled before they are handed on: a pipe may give a single byte, too little to see a magic in. */
async function* readChunks(handle: FileHandle): AsyncGenerator<Uint8Array, undefined> {
  for (;;) {
    const chunk = new Uint8Array(CHUNK_BYTES);
    let filled = 0;
    while (filled < chunk.length) {
      const { bytesRead } = await handle.read(chunk, filled, chunk.length - filled, null);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    if (filled > 0) yield chunk.subarray(0, filled);
    if (filled < chunk.length) return undefined;
  }
}

function tooLarge(path: string, limitBytes: number): WalError {
  return invalidArgument(`${path} holds more than ${limitBytes} bytes once unpacked`, { path, limitBytes });
}

/** Sorts what the system and zlib throw into "not there", "not what it must be" and "could not be read". */
function inputError(thrown: unknown, path: string): WalError {
  if (thrown instanceof WalError) return thrown;
  const { code = '', message } = thrown as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new WalError('ERR_WAL_NOT_FOUND', `${path} does not exist`, { path, errno: code }, thrown);
  }
  if (code === 'EISDIR') return new WalError('ERR_WAL_INVALID_ARGUMENT', `${path} is a directory`, { path }, thrown);
  if (code === 'Z_DATA_ERROR' || code === 'Z_BUF_ERROR') {
    const text = `${path} is a damaged or incomplete gzip file: ${message}`;
    return new WalError('ERR_WAL_INVALID_ARGUMENT', text, { path, reason: code }, thrown);
  }
  return toWalError(thrown, `read ${path}`, { path });
}
