// A page file with part of a page at its end. A torn write that made the file longer leaves one (A3, F41), and then
// the log has that page whole and writes it again. Any other odd end is somebody else's file, or a damaged one, and is
// refused before anything is written.

import type { Directory } from '../storage/directory.js';
import type { PageFile } from '../storage/page-file.js';
import { type ReplayCommit, type ReplayOptions, replayLog } from './replay.js';
import type { LogScan } from './scan.js';

/**
 * Checks the ends of page files that are about to be brought up to the log. Reads the log once more, but only when an
 * end is odd.
 *
 * @param files - by space; undefined for spaces that are not brought up
 * @throws {WalError} ERR_WAL_WRONG_STORE, ERR_WAL_IO
 */
export async function requireExplainedEnds(
  directory: Directory,
  scan: LogScan,
  files: readonly (PageFile | undefined)[],
  options: ReplayOptions,
): Promise<void> {
  const odd = new Map<number, number>();
  for (const [space, file] of files.entries()) {
    const partial = file?.partialPage();
    if (partial !== undefined) odd.set(space, partial);
  }
  if (odd.size === 0) return;
  const target = {
    commit: ({ records }: ReplayCommit): void => {
      for (const record of records())
        if (record.kind === 'page' && odd.get(record.space) === record.pageNumber) odd.delete(record.space);
    },
  };
  await replayLog(directory, scan, target, options);
  for (const space of odd.keys()) files[space]?.requireWholePages();
}
