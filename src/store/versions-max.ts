// How many versions of pages a log can hold at once: the size of the index.

import { parseLogFileName } from '../log/names.js';
import type { Directory } from '../storage/directory.js';

/** What a record takes besides its image, at least. */
const RECORD_BYTES_MIN = 24;
const VERSIONS_MIN = 1024;
const VERSIONS_MAX = 2 ** 24;

/**
 * The most versions that the log in a directory can come to hold.
 *
 * @param boundBytes - what it may grow to; one that was written under another bound may hold more already
 */
export function versionsMaxOf(log: Directory, pageBytes: number, boundBytes: number): number {
  const versions = Math.ceil(Math.max(boundBytes, logBytes(log)) / (pageBytes + RECORD_BYTES_MIN));
  return Math.min(Math.max(versions, VERSIONS_MIN), VERSIONS_MAX);
}

function logBytes(log: Directory): number {
  let bytes = 0;
  for (const name of log.list()) {
    if (parseLogFileName(name) === undefined) continue;
    const file = log.open(name, 'read');
    bytes += file.size();
    file.close();
  }
  return bytes;
}
