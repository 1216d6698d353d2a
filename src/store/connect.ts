// Connecting a thread to an open page store: one session per thread and store.

import { basename, dirname, resolve } from 'node:path';
import { WalError } from '../base/errors.js';
import type { SessionWelcome } from '../checkpoint/messages.js';
import { StoreWords } from '../checkpoint/store-words.js';
import { connectWal } from '../connect.js';
import { Control } from '../epoch/control.js';
import type { Directory } from '../storage/directory.js';
import { NodeDirectory } from '../storage/node-directory.js';
import { PageFile } from '../storage/page-file.js';
import { EventLoopHold } from '../thread/keep-alive.js';
import { type MessagePort, sendPort } from '../thread/thread-connect.js';
import { LogReader } from '../versions/log-reader.js';
import { VersionIndex } from '../versions/version-index.js';
import type { WalWriter } from '../writer.js';
import { ConnectedPageStore } from './connected-store.js';
import { checkStoreHandle, type StoreHandle } from './store-handle.js';
import { StoreThread, type StoreThreadParts } from './store-thread.js';

/** The stores of this thread, by key. */
const stores = new Map<string, Promise<ConnectedPageStore>>();

/** Where a thread of the store finds its files. */
export interface StorePlace {
  readonly log: Directory;
  readonly pages: Directory;
  readonly pageFileName: string;
}

/**
 * Connects this thread to an open page store.
 *
 * @param handle - `store.handle`, from `workerData` or a message
 * @returns the store as this thread sees it; the same one every time
 * @throws {WalError} ERR_WAL_CLOSED, ERR_WAL_POISONED, ERR_WAL_EXHAUSTED (31 threads use it already), ERR_WAL_VERSION,
 *   ERR_WAL_INVALID_ARGUMENT, ERR_WAL_IO
 *
 * Threading: needs a turn of the main thread's event loop, once; transactions do not.
 */
export async function connectPageStore(handle: StoreHandle): Promise<ConnectedPageStore> {
  const { key } = checkStoreHandle(handle);
  let store = stores.get(key);
  if (store === undefined) {
    store = new EventLoopHold().during(connect(handle));
    stores.set(key, store);
    store.catch(() => stores.delete(key));
  }
  return store;
}

async function connect(handle: StoreHandle): Promise<ConnectedPageStore> {
  const writer = await connectWal(handle.wal);
  const { parts, port } = await connectThread(handle, writer, nodePlace(handle));
  const store = new ConnectedPageStore(new StoreThread(parts), parts, port);
  port.once('close', () => stores.delete(handle.key));
  return store;
}

/** The files of a store in the file system. */
export function nodePlace({ logPath, pageFilePath }: Pick<StoreHandle, 'logPath' | 'pageFilePath'>): StorePlace {
  const path = resolve(pageFilePath);
  return { log: new NodeDirectory(logPath), pages: new NodeDirectory(dirname(path)), pageFileName: basename(path) };
}

/** Takes a session and opens what a thread needs; also for the owner's thread. */
export async function connectThread(
  handle: StoreHandle,
  writer: WalWriter,
  place: StorePlace,
): Promise<{ parts: StoreThreadParts; port: MessagePort }> {
  const words = new StoreWords(handle.words);
  words.requireOpen();
  const port = await sendPort(handle.checkpointerThreadId, handle.key);
  try {
    const welcome = await welcomed(port);
    if ('error' in welcome) throw WalError.fromWire(welcome.error);
    const pageFile = PageFile.openIn(place.pages, place.pageFileName, handle.wal.pageSize, 'read');
    const parts = {
      handle,
      session: welcome.session,
      writer,
      control: new Control(handle.wal.control),
      words,
      index: new VersionIndex(handle.index),
      log: new LogReader(place.log),
      logDirectory: place.log,
      pageFile,
    };
    return { parts, port };
  } catch (error) {
    port.close();
    throw error;
  }
}

function welcomed(port: MessagePort): Promise<SessionWelcome> {
  return new Promise((resolve, reject) => {
    const onClose = (): void =>
      reject(new WalError('ERR_WAL_CLOSED', 'The page store was closed while this thread connected.'));
    port.once('close', onClose);
    port.once('message', (welcome: SessionWelcome) => {
      port.off('close', onClose);
      resolve(welcome);
    });
  });
}
