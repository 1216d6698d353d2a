// Versions of many pages at once, as a checkpoint wants them: in page order, in columns, without an object for each.

import { ascendingIndexes } from './ascending-indexes.js';
import { SLOT, type VersionSlots } from './version-slots.js';

/** Versions in columns: what stands at one index of each belongs together. */
export interface NewestVersions {
  /** Ascending. */
  readonly pageNumbers: Float64Array;
  readonly fileNumbers: Float64Array;
  readonly offsets: Float64Array;
}

/**
 * Versions of distinct pages, put in order. Indexer only.
 *
 * @param ids - of the versions of `pages`, by index
 */
export function inPageOrder(slots: VersionSlots, pages: Float64Array, ids: Float64Array): NewestVersions {
  const pageNumbers = new Float64Array(pages.length);
  const fileNumbers = new Float64Array(pages.length);
  const offsets = new Float64Array(pages.length);
  const order = ascendingIndexes(pages);
  for (let at = 0; at < pages.length; at += 1) {
    const index = order[at] as number;
    const slot = slots.slotOf(ids[index] as number);
    pageNumbers[at] = pages[index] as number;
    fileNumbers[at] = slots.ownNumber(slot, SLOT.fileNumber);
    offsets[at] = slots.ownNumber(slot, SLOT.offset);
  }
  return { pageNumbers, fileNumbers, offsets };
}
