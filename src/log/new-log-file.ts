// Beginning a log file: header first, then its final name, so that a file with that name has its header.

import { WalError } from '../base/errors.js';
import type { Directory, LogFile } from '../storage/directory.js';
import { UNFINISHED_SUFFIX } from './names.js';

/**
 * Makes the log file `name`. A spare is renamed once: of two renames the second alone may become durable (A4), and the
 * file then has two names.
 *
 * @param spare - the file to become it; undefined for a new one
 * @throws {WalError} ERR_WAL_STORAGE_FULL, ERR_WAL_IO
 */
export function startLogFile(
  directory: Directory,
  name: string,
  header: Uint8Array,
  spare: string | undefined,
  sync: boolean,
): LogFile {
  const unfinished = spare ?? `${name}${UNFINISHED_SUFFIX}`;
  if (spare === undefined) removeLeftover(directory, unfinished);
  const file = directory.open(unfinished, spare === undefined ? 'create' : 'write');
  try {
    file.write([header], 0);
    if (sync) file.sync();
    directory.rename(unfinished, name);
    // A4: no commit in the new file is acknowledged before its name is durable.
    if (sync) directory.sync();
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** A rotation that failed on a full disk left its unfinished file behind; the next attempt starts over. */
function removeLeftover(directory: Directory, name: string): void {
  try {
    directory.remove(name);
  } catch (error) {
    if (!(error instanceof WalError && error.code === 'ERR_WAL_NOT_FOUND')) throw error;
  }
}
