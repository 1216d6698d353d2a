// What the benchmarks of the page store share: stores that take no checkpoint unless they are told to, filling them,
// and recognizable pages.

import { openPageStore, type PageStore, type StoreOptions } from '../src/index.js';

export const PAGE_BYTES = 4096;
/** Pages of a transaction that fills a store: few enough for a lane of 4 MiB. */
const PAGES_PER_COMMIT = 64;

/** Opens a store that takes no checkpoint by itself. */
export function openQuietStore(path: string, options: StoreOptions = {}): Promise<PageStore> {
  const maxLogBytes = 4 * 2 ** 30;
  const quiet = { maxLogBytes, logFileBytes: 64 * 2 ** 20, checkpointBytes: maxLogBytes, checkpointIntervalMs: 0 };
  return openPageStore(path, { ...quiet, ...options });
}

/** Fills `image` so that page, round and every byte in between can be checked. */
export function stamp(image: Uint8Array, pageNumber: number, round: number): Uint8Array {
  const words = new Uint32Array(image.buffer, image.byteOffset, image.length / 4);
  words.fill(Math.imul(pageNumber, 2_654_435_761) ^ round);
  words[0] = pageNumber;
  words[1] = round;
  return image;
}

/** Whether an image is what `stamp` made of it. */
export function isStamped(image: Uint8Array, pageNumber: number, round: number): boolean {
  return Buffer.compare(image, stamp(new Uint8Array(PAGE_BYTES), pageNumber, round)) === 0;
}

/** Writes the pages in the order given, in large transactions, and waits until all of them are durable. */
export async function writePages(store: PageStore, pages: readonly number[], round: number): Promise<void> {
  const image = new Uint8Array(PAGE_BYTES);
  for (let at = 0; at < pages.length; at += PAGES_PER_COMMIT) {
    // A commit latches its pages in ascending order, so that none waits for another in a circle.
    const some = pages.slice(at, at + PAGES_PER_COMMIT).sort((a, b) => a - b);
    const isLast = at + PAGES_PER_COMMIT >= pages.length;
    await store.transaction(
      (transaction) => {
        for (const pageNumber of some) transaction.write(pageNumber, stamp(image, pageNumber, round));
      },
      { waitFor: isLast || (at / PAGES_PER_COMMIT) % 8 === 7 ? 'durable' : 'appended' },
    );
  }
}

/** Resolves when the checkpointer has indexed everything there is, so that a checkpoint finds it at once. */
export async function indexAll(store: PageStore): Promise<void> {
  (await store.snapshot()).close();
}
