// Opening a page store: the log first, which recovers; then the page file, which must be this log's; then the
// checkpointer, which indexes what the log holds above the last checkpoint. The page file is not brought up before the
// store is used: what it lacks is read from the log (design/page-store.md, "Opening").

import { resolve } from 'node:path';
import { invalidArgument, WalError } from '../base/errors.js';
import { createCacheMemory } from '../cache/cache-memory.js';
import { STORE_SPACE } from '../checkpoint/checkpoint.js';
import { CheckpointerHost } from '../checkpoint/checkpointer-host.js';
import type { CheckpointerNotice, CheckpointerStart } from '../checkpoint/messages.js';
import { StoreWords } from '../checkpoint/store-words.js';
import { Control } from '../epoch/control.js';
import { type CheckpointRecord, readCheckpointSlots } from '../log/checkpoint-record.js';
import { LOCK_NAME } from '../log/names.js';
import type { OpenedLog } from '../recovery/opening.js';
import {
  processEnvironment,
  resolveSettings,
  SETTINGS,
  type SettingOptions,
  type Settings,
  settingValues,
} from '../settings.js';
import type { Place } from '../start.js';
import { acquireLock, type LogLock } from '../storage/lock.js';
import { PageFile } from '../storage/page-file.js';
import { StoreCounts } from '../store-metrics.js';
import { EventLoopHold } from '../thread/keep-alive.js';
import { isMainThread } from '../thread/thread-connect.js';
import { VersionIndex } from '../versions/version-index.js';
import { Wal } from '../wal.js';
import { connectThread, nodePlace, type StorePlace } from './connect.js';
import { identityOf, requireExplainedEnd, requireOneSpace, requireOwnPageFile } from './identity.js';
import { PageStore } from './page-store.js';
import { ReadOnlyPageStore } from './read-only.js';
import type { StoreHandle } from './store-handle.js';
import { StoreThread } from './store-thread.js';
import { versionsMaxOf } from './versions-max.js';

/** Options of `openPageStore`: any of the settings, and what follows. */
export interface StoreOptions extends SettingOptions {
  /** Takes the page file as this log's whatever it is; default false. */
  readonly adopt?: boolean | undefined;
}

/** Where the parts of a store are. */
export interface OpenPlace extends StorePlace {
  readonly lock: Place['lock'];
  readonly isThreaded: boolean;
}

/** Opens a store whose files are anywhere. */
export async function openStoreOn(place: OpenPlace, { adopt = false, ...options }: StoreOptions): Promise<PageStore> {
  const settings = settingValues(resolveSettings(options, processEnvironment(), isMainThread, 'store'));
  const { log: directory, lock, isThreaded } = place;
  const check = ({ spaces }: OpenedLog): void => requireOneSpace(spaces, directory);
  const wal = await Wal.open({ directory, lock, isThreaded, check }, logOptions(options));
  try {
    return await startStore(place, { ...settings, pageSize: wal.settings.pageSize }, wal, adopt);
  } catch (error) {
    await wal.close().catch(() => undefined);
    throw error;
  }
}

/** What of the options a log takes. */
function logOptions(options: SettingOptions): SettingOptions {
  const isOfStore = new Set<string>(SETTINGS.filter(({ scope }) => scope === 'store').map(({ name }) => name));
  return Object.fromEntries(Object.entries(options).filter(([name]) => !isOfStore.has(name)));
}

async function startStore(place: OpenPlace, settings: Settings, wal: Wal, adopt: boolean): Promise<PageStore> {
  const record = readCheckpointSlots(place.log).newest;
  const pageFile = openOrCreate(place, settings, wal, record);
  const control = new Control(wal.handle.control);
  const lastSeq = control.commitSeqNext.load() - 1;
  const throughSeq = record?.throughSeq ?? 0;
  try {
    const identity = identityOf(record, lastSeq);
    const sizePages = adopt ? pageFile.sizePages() : (identity?.sizePages ?? pageFile.sizePages());
    const start = startOf(place, settings, wal, { throughSeq, sizePages });
    const heard: { store?: PageStore } = {};
    const events = {
      notice: (notice: CheckpointerNotice) => heard.store?.hear(notice),
      died: (error: WalError) => void heard.store?.fail(error),
    };
    const host = place.isThreaded
      ? await CheckpointerHost.start(start, settings.workerUrls, events)
      : CheckpointerHost.inline(start, place, events);
    try {
      const sizes = await host.index(lastSeq);
      const index = new VersionIndex(start.index);
      if (adopt) requireExplainedEnd(pageFile, index);
      else requireOwnPageFile(pageFile, { identity, index, largestPages: sizes.largestPages });
      const handle = handleOf(start, wal, settings, host.threadId);
      const { parts, port } = await connectThread(handle, wal.connect(), place);
      const store = new PageStore({ wal, settings, host }, new StoreThread(parts), parts, port);
      heard.store = store;
      const recordedPages = control.sizePages(STORE_SPACE) || identity?.sizePages;
      await makeSizeKnown(wal, index, host, { pages: sizes.sizePages, recordedPages, isAdopted: adopt });
      await host.ask({ kind: 'begin' });
      return store;
    } catch (error) {
      await host.end();
      throw error;
    }
  } finally {
    pageFile.close();
  }
}

function openOrCreate(place: StorePlace, settings: Settings, wal: Wal, record: CheckpointRecord | undefined): PageFile {
  const { pageSize } = settings;
  try {
    return PageFile.openIn(place.pages, place.pageFileName, pageSize, 'read');
  } catch (error) {
    const isMissing = error instanceof WalError && error.code === 'ERR_WAL_NOT_FOUND';
    // What was freed of the log cannot be had again from anywhere.
    if (!isMissing || wal.recovery.firstSeq > 1 || (record?.throughSeq ?? 0) > 0) throw error;
    const made = PageFile.openIn(place.pages, place.pageFileName, pageSize, 'create');
    if (settings.fsync !== 'off') made.sync();
    return made;
  }
}

function startOf(
  place: OpenPlace,
  settings: Settings,
  wal: Wal,
  checkpoint: { throughSeq: number; sizePages: number },
): CheckpointerStart {
  const { pageSize, cacheBytes, maxLogBytes, logFileBytes } = settings;
  const versionsMax = versionsMaxOf(place.log, pageSize, maxLogBytes + logFileBytes);
  const index = VersionIndex.create({ versionsMax, indexedThrough: checkpoint.throughSeq });
  const lastSeq = new Control(wal.handle.control).commitSeqNext.load() - 1;
  return {
    logPath: place.log.path,
    pageFilePath: `${place.pages.path}/${place.pageFileName}`,
    key: `${wal.handle.key}:store`,
    control: wal.handle.control,
    words: StoreWords.create(lastSeq).buffer,
    index: index.buffer,
    cache: createCacheMemory({ frames: Math.max(1, Math.floor(cacheBytes / pageSize)), pageBytes: pageSize }),
    flusherThreadId: wal.handle.flusherThreadId,
    walKey: wal.handle.key,
    checkpoint,
    settings,
  };
}

function handleOf(start: CheckpointerStart, wal: Wal, settings: Settings, checkpointerThreadId: number): StoreHandle {
  const { key, pageFilePath, logPath, words, index, cache } = start;
  const { latchTimeoutMs } = settings;
  return {
    kind: 'lanewal-store',
    wal: wal.handle,
    key,
    checkpointerThreadId,
    pageFilePath,
    logPath,
    words,
    index,
    cache,
    latchTimeoutMs,
    counts: StoreCounts.create(),
  };
}

/**
 * Has the log say how large the store is, where it does not: it was used without a page store, or the page file is a
 * new one, of which the next checkpoint shall make a record.
 */
async function makeSizeKnown(wal: Wal, index: VersionIndex, host: CheckpointerHost, known: KnownSize): Promise<void> {
  const control = new Control(wal.handle.control);
  let { pages } = known;
  if (control.sizePages(STORE_SPACE) === 0) {
    pages = Math.max(pages, index.newestThrough(STORE_SPACE, Number.MAX_SAFE_INTEGER).pageNumbers.at(-1) ?? 0);
  }
  control.setSizePages(STORE_SPACE, pages);
  if (pages === known.recordedPages && !known.isAdopted) return;
  const { seq } = await wal.connect().appendAsync({ dbSizePages: pages });
  await wal.durable({ seq });
  await host.index(seq);
}

interface KnownSize {
  /** As far as the log and the page file say. */
  readonly pages: number;
  /** As far as the log says. */
  readonly recordedPages: number | undefined;
  readonly isAdopted: boolean;
}

/**
 * Opens the page store of `path`: the page file is `path`, its log the directory `<path>-wal`. Makes both if neither is
 * there.
 *
 * Recovers first; `store.recovery` says what was found. The page file need not be up to the log: what it lacks is read
 * from the log until a checkpoint brings it up.
 *
 * @throws {WalError} those of `openWal`; ERR_WAL_WRONG_STORE (the page file is not this log's, or no whole pages),
 *   ERR_WAL_NOT_FOUND (the page file is gone, and the log alone cannot rebuild it)
 *
 * @param options - with `readOnly: true` the store is only read: the lock is taken, and nothing else is changed
 *
 * Threading: the opening thread owns the store; others use `connectPageStore(store.handle)`. When the owner ends, the
 * store ends. Source: design/page-store.md.
 */
export async function openPageStore(
  path: string,
  options: StoreOptions & { readonly readOnly: true },
): Promise<ReadOnlyPageStore>;
export async function openPageStore(
  path: string,
  options?: StoreOptions & { readonly readOnly?: false },
): Promise<PageStore>;
export async function openPageStore(
  path: string,
  { readOnly = false, ...options }: StoreOptions & { readonly readOnly?: boolean } = {},
): Promise<PageStore | ReadOnlyPageStore> {
  if (typeof path !== 'string' || path === '')
    throw invalidArgument('The path of a page store must be a non-empty string.');
  const whole = resolve(path);
  const place = nodePlace({ logPath: `${whole}-wal`, pageFilePath: whole });
  const lock = (): LogLock => acquireLock(place.log.path, LOCK_NAME);
  const opening = readOnly
    ? openReadOnly(place, options, lock)
    : openStoreOn({ ...place, lock, isThreaded: true }, options);
  return new EventLoopHold().during<PageStore | ReadOnlyPageStore>(opening);
}

async function openReadOnly(place: StorePlace, options: StoreOptions, lock: () => LogLock): Promise<ReadOnlyPageStore> {
  const { adopt, ...settings } = options;
  const resolved = resolveSettings(settings, processEnvironment(), isMainThread, 'store');
  const { pageSize: pageSizeDefault, recoveryMemoryBytes } = settingValues(resolved);
  const pageSize = resolved.pageSize.source === 'default' ? undefined : pageSizeDefault;
  if (!place.log.exists())
    throw new WalError('ERR_WAL_NOT_FOUND', `${place.log.path} is not there; nothing is opened to be read.`, {});
  const held = lock();
  try {
    return await ReadOnlyPageStore.open(place, { pageSize, pageSizeDefault, recoveryMemoryBytes, adopt }, () =>
      held.release(),
    );
  } catch (error) {
    held.release();
    throw error;
  }
}
