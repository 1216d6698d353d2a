// The inputs of a replay: a SQLite log and the base it belongs to, read, checked and put into shared memory.

import { readInputFile, readSqliteBase, type SqliteBase } from '../trace/input-file.js';
import { writeRegrownPages } from '../trace/regrown-pages.js';
import { readSqliteWal, type SqliteTrace } from '../trace/sqlite-wal.js';

/** Most bytes of one input once unpacked; a packed file can hold any number of them. */
const INPUT_BYTES_MAX = 8 * 2 ** 30;

/** A trace and its base, which fit each other. */
export interface ReplayInput {
  readonly base: SqliteBase;
  /** Applying its transactions one by one gives SQLite's result; over shared memory. */
  readonly trace: SqliteTrace;
}

/**
 * Reads both inputs.
 *
 * @throws {WalError} ERR_WAL_NOT_FOUND, ERR_WAL_INVALID_ARGUMENT naming the file and what is wrong with it, ERR_WAL_IO
 */
export async function readReplayInput(basePath: string, walPath: string): Promise<ReplayInput> {
  const [walBytes, baseBytes] = await Promise.all([
    readInputFile(walPath, INPUT_BYTES_MAX),
    readInputFile(basePath, INPUT_BYTES_MAX),
  ]);
  const trace = readSqliteWal(walBytes, walPath);
  const base = readSqliteBase(baseBytes, trace.pageBytes, basePath);
  return { base, trace: writeRegrownPages({ ...trace, pageBytes: base.pageBytes }, base) };
}
