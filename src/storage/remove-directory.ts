// Removes an empty directory and makes that durable: the one thing that is done to a log directory from outside.

import fs from 'node:fs';
import { dirname } from 'node:path';
import { NodeDirectory } from './node-directory.js';
import { attempt } from './system-call.js';

/**
 * Removes the directory at `path` if nothing is in it.
 *
 * @returns false when something is left in it
 * @throws {WalError} ERR_WAL_NOT_FOUND, ERR_WAL_IO
 */
export function removeEmptyDirectory(path: string): boolean {
  const directory = new NodeDirectory(path);
  if (directory.list().length > 0) return false;
  attempt('remove the directory', directory.path, () => fs.rmdirSync(directory.path));
  new NodeDirectory(dirname(directory.path)).sync();
  return true;
}
