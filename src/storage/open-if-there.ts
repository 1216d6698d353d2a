// A file that may have gone meanwhile.

import { WalError } from '../base/errors.js';
import type { Directory, LogFile } from './directory.js';

/** Opens a file for reading; undefined when nothing has its name. */
export function openIfThere(directory: Directory, name: string): LogFile | undefined {
  try {
    return directory.open(name, 'read');
  } catch (thrown) {
    if (thrown instanceof WalError && thrown.code === 'ERR_WAL_NOT_FOUND') return undefined;
    throw thrown;
  }
}
