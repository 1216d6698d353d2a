// Where replay goes: page files, a map of pages, or a callback. Newest image wins because commits come in order; size
// records grow and cut, and pages beyond a cut are zero when the store grows again (R10).

import { WalError } from '../base/errors.js';
import type { PageFile } from '../storage/page-file.js';
import type { ReplayCommit, ReplayTarget } from './replay.js';

/** Hands every commit to a function. */
export function callbackTarget(callback: (commit: ReplayCommit) => void | Promise<void>): ReplayTarget {
  return { commit: callback };
}

/**
 * Collects the newest image of each page of one space; images are copied.
 *
 * A cut removes pages from the map; a page that is not in it was never written, or is zero.
 */
export function mapTarget(pages: Map<number, Uint8Array>, space = 0): ReplayTarget {
  return {
    commit(commit): void {
      for (const record of commit.records()) {
        if (record.kind === 'operation' || record.space !== space) continue;
        if (record.kind === 'page') pages.set(record.pageNumber, record.image.slice());
        else for (const pageNumber of [...pages.keys()]) if (pageNumber > record.pages) pages.delete(pageNumber);
      }
    },
  };
}

/**
 * Writes pages into one page file per space. Does not sync; whoever opened the files does, at the end.
 *
 * @throws {WalError} ERR_WAL_NOT_FOUND for a space without a page file, from the commit that has it
 */
export function pageFilesTarget(files: readonly PageFile[]): ReplayTarget {
  const fileOf = (space: number): PageFile => {
    const file = files[space];
    if (file !== undefined) return file;
    throw new WalError('ERR_WAL_NOT_FOUND', `The log has pages of space ${space}, which has no page file.`, { space });
  };
  return {
    commit(commit): void {
      for (const record of commit.records()) {
        if (record.kind === 'page') fileOf(record.space).writePage(record.pageNumber, record.image);
        else if (record.kind === 'size') fileOf(record.space).setSizePages(record.pages);
      }
    },
  };
}
