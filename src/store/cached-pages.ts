// Which pages are in the cache now: for a transaction that makes the store smaller, which is rare enough to look at
// every frame.

import { CacheWords, type PageCacheMemory } from '../cache/cache-memory.js';
import { atomics } from '../memory/atomics.js';

/** Pages above `pageNumber` that some frame holds, or is being given to. */
export function cachedPagesAbove(memory: PageCacheMemory, pageNumber: number): number[] {
  const { tags } = new CacheWords(memory, atomics);
  const pages: number[] = [];
  for (let frame = 0; frame < memory.frames; frame += 1) {
    const page = tags.load(frame) >>> 0;
    if (page > pageNumber) pages.push(page);
  }
  return pages;
}
