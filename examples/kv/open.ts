// Opens a key-value store in a file: where lanewal comes in.

import { connectPageStore, openPageStore, type StoreHandle, type StoreOptions } from 'lanewal';
import { Kv } from './kv.js';

/** An open store, and what other threads need to reach it. */
export interface OpenedKv {
  readonly kv: Kv;
  /** Memory and plain data: put it into `workerData`. */
  readonly handle: StoreHandle;
}

/**
 * Opens the store in a page file, with its log beside it; recovers first. One process at a time.
 *
 * @param path - of the page file; made when it is not there
 * @param options - of `openPageStore`
 * @throws {WalError} as `openPageStore`
 */
export async function openKv(path: string, options?: StoreOptions): Promise<OpenedKv> {
  const store = await openPageStore(path, options);
  return { kv: await Kv.over(store), handle: store.handle };
}

/** Uses an open store on another thread. */
export async function connectKv(handle: StoreHandle): Promise<Kv> {
  return Kv.over(await connectPageStore(handle));
}
