// The page files of a replay: `--db` for space 0, then `--db.2`, `--db.3`, ... for spaces 1, 2, ... They appear whole
// or not at all: written under a temporary name, synced, renamed, and the folder synced.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { invalidArgument, WalError } from '../base/errors.js';
import { LOCK_NAME } from '../log/names.js';
import { logDirectoryPath } from '../recovery/recover.js';
import { NodeDirectory } from '../storage/node-directory.js';
import { attempt } from '../storage/system-call.js';

/** Written with one call at a time. */
const PIECE_BYTES = 64 * 2 ** 20;

/** The path of the page file of `space`, counted from 0. */
export function pageFilePath(dbPath: string, space: number): string {
  return space === 0 ? dbPath : `${dbPath}.${space + 1}`;
}

/** The paths of the first `copies` page files. */
export function pageFilePaths(dbPath: string, copies: number): string[] {
  return Array.from({ length: copies }, (_, space) => pageFilePath(dbPath, space));
}

/** The page files that are there, without a gap from space 0 on. */
export function existingPageFiles(dbPath: string): string[] {
  const paths: string[] = [];
  while (exists(pageFilePath(dbPath, paths.length))) paths.push(pageFilePath(dbPath, paths.length));
  return paths;
}

/**
 * Refuses a path in a folder that is not there.
 *
 * @throws {WalError} ERR_WAL_NOT_FOUND
 */
export function checkFolder(path: string): void {
  const folder = dirname(resolve(path));
  if (isDirectory(folder)) return;
  throw new WalError('ERR_WAL_NOT_FOUND', `${folder} is no directory; ${path} cannot be made there.`, { path: folder });
}

/**
 * Refuses a database path that already has a page file or a log.
 *
 * @throws {WalError} ERR_WAL_EXISTS naming what is there
 */
export function refuseExisting(dbPath: string, copies: number): void {
  for (const path of pageFilePaths(dbPath, copies)) {
    if (exists(path)) throw new WalError('ERR_WAL_EXISTS', `${path} exists already. Choose another --db.`, { path });
  }
  const path = logDirectoryPath(dbPath);
  if (isUsedLog(path)) throw new WalError('ERR_WAL_EXISTS', `${path} exists already. Choose another --db.`, { path });
}

/** Removes the log directory of a database unless it holds a log; says whether there is none now. */
export function removeUnusedLog(dbPath: string): boolean {
  const path = logDirectoryPath(dbPath);
  if (isUsedLog(path)) return false;
  if (!exists(path)) return true;
  fs.rmSync(join(path, LOCK_NAME), { force: true });
  // Not recursive: whatever came there meanwhile stays.
  attempt('remove the directory', path, () => fs.rmdirSync(path));
  return true;
}

/** A directory that was only ever locked holds no log. */
function isUsedLog(path: string): boolean {
  if (!exists(path)) return false;
  return !isDirectory(path) || new NodeDirectory(path).list().some((name) => name !== LOCK_NAME);
}

/**
 * Refuses a path that cannot be that of a database with a log of ours.
 *
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT for a folder, and where a file stands in the place of the log
 */
export function checkDatabasePath(dbPath: string): void {
  if (dbPath === '') throw invalidArgument('The path of the database is empty.');
  if (isDirectory(dbPath)) {
    throw invalidArgument(`${dbPath} is a directory. Name the database file; its log is found beside it.`, {
      path: dbPath,
    });
  }
  const path = logDirectoryPath(dbPath);
  if (exists(path) && !isDirectory(path)) {
    const message = `${path} is a file, perhaps SQLite's own log; a log of lanewal is a directory of that name.`;
    throw invalidArgument(message, { path });
  }
}

/**
 * Makes page files with the same contents.
 *
 * @throws {WalError} ERR_WAL_NOT_FOUND (no such folder), ERR_WAL_STORAGE_FULL, ERR_WAL_IO; none of the files is there
 *   then
 *
 * Durability: on return all of them are, names included.
 */
export function createPageFiles(paths: readonly string[], contents: Uint8Array): void {
  const made: string[] = [];
  try {
    const unfinished = paths.map((path) => {
      const temporary = `${path}.${process.pid}.new`;
      made.push(temporary);
      writeWhole(temporary, contents);
      return temporary;
    });
    for (const [index, path] of paths.entries()) {
      const temporary = unfinished[index] as string;
      attempt(`rename to ${path} the file`, temporary, () => fs.renameSync(temporary, path));
      made.push(path);
    }
    for (const folder of new Set(paths.map((path) => dirname(resolve(path))))) new NodeDirectory(folder).sync();
  } catch (thrown) {
    removeFiles(made);
    throw thrown;
  }
}

/** Removes files, as far as they are there. */
export function removeFiles(paths: readonly string[]): void {
  for (const path of paths) fs.rmSync(path, { force: true });
}

/** SHA-256 of a file, in hexadecimal digits. */
export function sha256OfFile(path: string): string {
  const hash = createHash('sha256');
  const fd = attempt('open the file', path, () => fs.openSync(path, 'r'));
  try {
    const buffer = Buffer.allocUnsafe(2 ** 20);
    for (;;) {
      const count = attempt('read the file', path, () => fs.readSync(fd, buffer, 0, buffer.length, null));
      if (count === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, count));
    }
  } finally {
    fs.closeSync(fd);
  }
}

/** Whether anything has that name, also a link that leads nowhere. */
function exists(path: string): boolean {
  return look(path, fs.lstatSync) !== undefined;
}

function isDirectory(path: string): boolean {
  return look(path, fs.statSync)?.isDirectory() ?? false;
}

function look(path: string, stat: (path: string) => fs.Stats): fs.Stats | undefined {
  return attempt('look at', path, () => {
    try {
      return stat(path);
    } catch (thrown) {
      const { code = '' } = thrown as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw thrown;
    }
  });
}

function writeWhole(path: string, contents: Uint8Array): void {
  const whole = resolve(path);
  const file = new NodeDirectory(dirname(whole)).open(basename(whole), 'create');
  try {
    for (let at = 0; at < contents.length; at += PIECE_BYTES) file.write([contents.subarray(at, at + PIECE_BYTES)], at);
    file.sync();
  } finally {
    file.close();
  }
}
