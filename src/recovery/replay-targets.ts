// Where replay goes: a map of pages, or a callback; page-files-target.ts has page files. Newest image wins because
// commits come in order, and a cut takes the pages beyond it (R10).

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
