// A small store on a directory of the test kit, and transactions whose effect can be told from what is left of them.

import type { Directory } from '../../src/storage/directory.js';
import type { StoreOptions } from '../../src/store/open.js';
import type { PageStore } from '../../src/store/page-store.js';
import type { Transaction } from '../../src/store/transaction.js';
import { openPageStoreOn } from '../../src/testing.js';

export const PAGE_BYTES = 512;

/** No checkpoint by itself, and little memory. */
export const STORE_OPTIONS: StoreOptions = {
  pageSize: PAGE_BYTES,
  lanes: 1,
  laneBytes: 65_536,
  logFileBytes: 65_536,
  maxLogBytes: 2 ** 20,
  cacheBytes: 65_536,
  recoveryMemoryBytes: 2 ** 20,
  checkpointIntervalMs: 0,
  ticker: false,
};

export function openOn(directory: Directory, options: StoreOptions = {}): Promise<PageStore> {
  return openPageStoreOn(directory, { ...STORE_OPTIONS, ...options });
}

/** One state of a store: the first byte of each page. */
export type Picture = readonly number[];

/** What a transaction does: pages to be filled with a value, behind a new size. */
export interface Step {
  readonly sizePages?: number;
  readonly fill?: Readonly<Record<number, number>>;
}

/** The picture behind a step. */
export function after(before: Picture, { sizePages = before.length, fill = {} }: Step): Picture {
  const pages = Array.from({ length: sizePages }, (_, index) => before[index] ?? 0);
  for (const [pageNumber, value] of Object.entries(fill)) pages[Number(pageNumber) - 1] = value;
  return pages;
}

/** All pictures of a history, the empty store first. */
export function pictures(steps: readonly Step[]): Picture[] {
  const all: Picture[] = [[]];
  for (const step of steps) all.push(after(all.at(-1) as Picture, step));
  return all;
}

export function apply(transaction: Transaction, { sizePages, fill = {} }: Step): void {
  if (sizePages !== undefined) transaction.resize(sizePages);
  for (const [pageNumber, value] of Object.entries(fill)) transaction.edit(Number(pageNumber)).fill(value);
}

/** What a transaction or snapshot sees. A page that is not of one value is NaN. */
export function pictureOf(source: { readonly sizePages: number; read(pageNumber: number): Uint8Array }): Picture {
  return Array.from({ length: source.sizePages }, (_, index) => {
    const image = source.read(index + 1);
    return image.every((byte) => byte === image[0]) ? (image[0] as number) : Number.NaN;
  });
}

/** The store as it is, page by page through the cache: as a transaction sees it that has one page latched at a time. */
export async function pictureNow(store: PageStore): Promise<Picture> {
  const pages: number[] = [];
  for (let page = 1; page <= store.sizePages; page += 1) {
    const transaction = store.begin();
    const read = (): Uint8Array => transaction.read(page);
    pages.push(...pictureOf({ sizePages: 1, read }));
    transaction.rollback();
  }
  return pages;
}
