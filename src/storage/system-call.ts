// What every directory over system calls does alike, be they Node's or simulated: checks arguments, goes on behind
// short counts (faults.md F12), and turns the system's errors into those of this package.

import { assert } from '../base/assert.js';
import { type ErrorCode, type ErrorDetails, toWalError, WalError } from '../base/errors.js';

/** IOV_MAX of Linux and macOS; more pieces in one writev are refused or cut. */
const PIECES_PER_CALL_MAX = 1024;

/** macOS refuses a call of 2^31 bytes or more, Linux cuts it; a single piece is always below that. */
const BYTES_PER_CALL_MAX = 2 ** 30;

const CODE_BY_ERRNO: ReadonlyMap<string | undefined, ErrorCode> = new Map([
  ['ENOENT', 'ERR_WAL_NOT_FOUND'],
  ['EEXIST', 'ERR_WAL_EXISTS'],
]);

/** An entry name is one path component; anything else could lead out of the directory. */
export function checkName(name: string): void {
  assert(/^[^/\\\0]+$/.test(name) && name !== '.' && name !== '..', 'an entry name is one path component');
}

/** Anything but a whole number would mean "the current position" to Node. */
export function checkPosition(position: number): void {
  assert(Number.isSafeInteger(position) && position >= 0, 'a place in a file is a whole number from 0');
}

/**
 * Fills `target` by as many calls as it takes.
 *
 * @param readSome - one system call: reads into the front of its argument, returns the count, 0 at the end of the file
 * @returns the bytes read; fewer than asked for only at the end of the file
 */
export function readFully(
  readSome: (target: Uint8Array, position: number) => number,
  target: Uint8Array,
  position: number,
): number {
  let done = 0;
  while (done < target.length) {
    const count = readSome(done === 0 ? target : target.subarray(done), position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/**
 * Writes all `pieces` by as many calls as it takes. A short write is told by its count alone; the next call brings the
 * error behind it.
 *
 * @param writeSome - one system call: writes the pieces one after the other, returns the count
 */
export function writeFully(
  writeSome: (batch: readonly Uint8Array[], position: number) => number,
  pieces: readonly Uint8Array[],
  position: number,
): void {
  const calls = writeCalls(pieces, position);
  for (let call = calls.next(); call.done !== true; ) call = calls.next(writeSome(call.value.batch, call.value.at));
}

/** The same with system calls that the thread does not wait for; one at a time. */
export async function startWriteFully(
  writeSome: (batch: readonly Uint8Array[], position: number) => Promise<number>,
  pieces: readonly Uint8Array[],
  position: number,
): Promise<void> {
  const calls = writeCalls(pieces, position);
  for (let call = calls.next(); call.done !== true; ) {
    call = calls.next(await writeSome(call.value.batch, call.value.at));
  }
}

/** The calls that write all pieces, each to be answered with the count it wrote. */
function* writeCalls(
  pieces: readonly Uint8Array[],
  position: number,
): Generator<{ batch: readonly Uint8Array[]; at: number }, void, number> {
  const rest = pieces.filter((piece) => piece.length > 0);
  let index = 0;
  let at = position;
  while (index < rest.length) {
    const batch = takeBatch(rest, index);
    let count = yield { batch, at };
    if (count <= 0) throw new Error('the system wrote nothing and gave no reason');
    at += count;
    for (const piece of batch) {
      if (count < piece.length) {
        rest[index] = piece.subarray(count);
        break;
      }
      count -= piece.length;
      index += 1;
    }
  }
}

/** The pieces from `first` that one call may carry; at least one. */
function takeBatch(pieces: readonly Uint8Array[], first: number): Uint8Array[] {
  const batch: Uint8Array[] = [];
  let bytes = 0;
  for (let index = first; index < pieces.length && batch.length < PIECES_PER_CALL_MAX; index += 1) {
    const piece = pieces[index] as Uint8Array;
    bytes += piece.length;
    if (batch.length > 0 && bytes > BYTES_PER_CALL_MAX) break;
    batch.push(piece);
  }
  return batch;
}

/**
 * Runs `operation` and turns what it throws into the WalError of its errno.
 *
 * @param doing - with `path` after it completes "Could not ...", for example "open the file"
 * @throws {WalError} ERR_WAL_NOT_FOUND, ERR_WAL_EXISTS, ERR_WAL_STORAGE_FULL, ERR_WAL_IO
 */
export function attempt<T>(doing: string, path: string, operation: () => T, details: ErrorDetails = {}): T {
  try {
    return operation();
  } catch (thrown) {
    throw callError(doing, path, thrown, details);
  }
}

/** The error of a system call that failed; see {@link attempt}. */
export function callError(doing: string, path: string, thrown: unknown, details: ErrorDetails = {}): WalError {
  const errno = errnoOf(thrown);
  const code = CODE_BY_ERRNO.get(errno);
  if (code !== undefined) return storageError(code, doing, path, thrown, details);
  const reason = errno === 'ELOOP' ? ' (a symbolic link, and none is followed)' : '';
  return toWalError(thrown, `${doing} ${path}${reason}`, { path, ...details });
}

/** Like {@link attempt}, but every failure is ERR_WAL_IO: after a failed sync a full disk is no excuse to try again. */
export function attemptSync(doing: string, path: string, operation: () => void): void {
  try {
    operation();
  } catch (thrown) {
    throw syncError(doing, path, thrown);
  }
}

/** The error of a sync that failed: never to be tried again at the same place (A5). */
export function syncError(doing: string, path: string, thrown: unknown): WalError {
  return storageError('ERR_WAL_IO', doing, path, thrown);
}

function storageError(
  code: ErrorCode,
  doing: string,
  path: string,
  thrown: unknown,
  details: ErrorDetails = {},
): WalError {
  const errno = errnoOf(thrown);
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  const where = { path, ...details, ...(errno && { errno }) };
  return new WalError(code, `Could not ${doing} ${path}: ${reason}`, where, thrown);
}

/** The name of a system error, such as ENOSPC. */
export function errnoOf(thrown: unknown): string | undefined {
  return thrown instanceof Error ? (thrown as NodeJS.ErrnoException).code : undefined;
}

/** The error of using a file behind its close. */
export function closedError(path: string): WalError {
  return new WalError('ERR_WAL_CLOSED', `The file ${path} was used after it was closed.`, { path });
}
