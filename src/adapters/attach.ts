// Attaching page caches to an open log: brings the page file up to the log first, and frees log files once every
// attached page file holds what is in them.

import { invalidArgument, WalError } from '../base/errors.js';
import { SPACE_COUNT_MAX } from '../epoch/control.js';
import { PageFilesTarget } from '../recovery/page-files-target.js';
import { replayLog } from '../recovery/replay.js';
import { scanLog } from '../recovery/scan.js';
import { requireExplainedEnds } from '../recovery/torn-end.js';
import { PageFile } from '../storage/page-file.js';
import type { Wal } from '../wal.js';
import { CachedPages, type PageCache } from './page-cache.js';

/** What to attach. */
export interface AttachOptions {
  /** Path of the page file; made if it is not there and the log begins with the first commit. */
  readonly pageFile: string;
  /** The cache: a `Map`, an `LRUCache` of the `lru-cache` package, or anything with these four methods. */
  readonly cache: PageCache;
  /** Which space of the log the page file is; default 0. */
  readonly space?: number | undefined;
}

/** How far each attached page file of a log is synced; what is below all of them is not needed any more. */
const syncedSeqs = new WeakMap<Wal, Map<number, number>>();

/**
 * Attaches a page cache and its page file to an open log.
 *
 * Replays into the page file what the log holds of its space. From then on all commits of that space go through the
 * result; `wal.close()` checkpoints it. With several spaces, attach all of them before the first checkpoint: the log is
 * freed up to what every attached page file holds.
 *
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT, ERR_WAL_EXISTS (space attached already), ERR_WAL_NOT_FOUND (page file
 *   gone but its older commits are no longer in the log), ERR_WAL_WRONG_STORE (part of a page at
 *   the end, which the log does not have), ERR_WAL_IO
 *
 * Threading: the log's owner.
 * Durability: on return the page file holds the log, synced.
 */
export async function attachPageCache(
  wal: Wal,
  { pageFile: path, cache, space = 0 }: AttachOptions,
): Promise<CachedPages> {
  checkArguments(path, cache, space);
  const synced = syncedSeqs.get(wal) ?? new Map<number, number>();
  syncedSeqs.set(wal, synced);
  if (synced.has(space))
    throw new WalError('ERR_WAL_EXISTS', `Space ${space} of this log is attached already.`, { space });
  synced.set(space, 0);
  const pageFile = openOrCreate(path, wal);
  try {
    const throughSeq = await replaySpace(wal, pageFile, space);
    synced.set(space, throughSeq);
    const pages = new CachedPages(wal, cache, pageFile, space, async (seq) => {
      synced.set(space, seq);
      await wal.checkpoint({ throughSeq: Math.min(...synced.values()) });
    });
    wal.attach(pages);
    return pages;
  } catch (error) {
    synced.delete(space);
    pageFile.close();
    throw error;
  }
}

function checkArguments(path: string, cache: PageCache, space: number): void {
  if (typeof path !== 'string' || path === '') throw invalidArgument('pageFile must be the path of a page file.');
  const methods = ['get', 'set', 'delete', 'entries'] as const;
  const missing = methods.find((method) => typeof cache?.[method] !== 'function');
  if (missing !== undefined) throw invalidArgument(`The cache has no method '${missing}'.`, { missing });
  if (Number.isSafeInteger(space) && space >= 0 && space < SPACE_COUNT_MAX) return;
  throw invalidArgument(`space must be a whole number from 0 to ${SPACE_COUNT_MAX - 1}.`, { space });
}

function openOrCreate(path: string, wal: Wal): PageFile {
  try {
    return PageFile.open(path, wal.settings.pageSize, 'write');
  } catch (error) {
    const isMissing = error instanceof WalError && error.code === 'ERR_WAL_NOT_FOUND';
    // A log whose beginning was freed cannot rebuild a page file that is gone.
    if (!isMissing || wal.recovery.firstSeq > 1 || (wal.recovery.checkpointUsed ?? 0) > 0) throw error;
    return PageFile.open(path, wal.settings.pageSize, 'create');
  }
}

/** Brings the page file up to the log; returns the last commit it holds then. */
async function replaySpace(wal: Wal, pageFile: PageFile, space: number): Promise<number> {
  await wal.flush();
  const throughSeq = wal.marks().durableSeq;
  const scan = await scanLog(wal.directory, wal.settings);
  const { recoveryMemoryBytes, fsync } = wal.settings;
  const options = { afterSeq: scan.checkpoint?.throughSeq ?? 0, throughSeq, recoveryMemoryBytes };
  const files: PageFile[] = [];
  files[space] = pageFile;
  await requireExplainedEnds(wal.directory, scan, files, options);
  const sync = fsync !== 'off';
  await replayLog(
    wal.directory,
    scan,
    new PageFilesTarget(wal.directory, files, scan, { ...options, sync, ignoresOthers: true }),
    options,
  );
  if (sync) pageFile.sync();
  return throughSeq;
}
