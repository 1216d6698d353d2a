// A copy of the store as of a snapshot, that opens as a store: the page file, and beside it a log of its own that is
// still empty. Its checkpoint record says what the page file is, and which log it was taken from: with an archive of
// that it is a base to recover from (design/page-store.md, "Backup").

import { basename, dirname, resolve } from 'node:path';
import { crc32c } from '../base/checksum.js';
import { monotonicMs } from '../base/clock.js';
import { invalidArgument, WalError } from '../base/errors.js';
import { LogFollower } from '../follow/log-follower.js';
import { readCheckpointSlots, type StoreIdentity } from '../log/checkpoint-record.js';
import { LOCK_NAME, UNFINISHED_SUFFIX } from '../log/names.js';
import { listLogFiles } from '../recovery/log-files.js';
import { beginLog } from '../recovery/new-log.js';
import type { Directory } from '../storage/directory.js';
import { acquireLock } from '../storage/lock.js';
import { NodeDirectory } from '../storage/node-directory.js';
import { PageFile } from '../storage/page-file.js';
import { removeEmptyDirectory } from '../storage/remove-directory.js';
import { RUN_BYTES_MAX } from '../versions/page-writer.js';
import type { Snapshot } from './snapshot.js';

/** What is copied. */
export interface BackupSource {
  readonly snapshot: Snapshot;
  readonly pageBytes: number;
  /** The log directory of the store. */
  readonly log: Directory;
  readonly durableEpoch: number;
}

/** Where a backup goes. */
interface BackupPlace {
  readonly folder: Directory;
  /** Of the page file. */
  readonly name: string;
  readonly log: Directory;
}

/** How long pages are copied before the event loop turns. */
const TURN_MS = 5;
/** How often the log is looked at again because a file of it went away meanwhile. */
const ROUNDS_MAX = 5;

/**
 * Copies a snapshot to `path`.
 *
 * Durability: on return everything is on disk; the page file gets its name last.
 * @throws {WalError} ERR_WAL_EXISTS, ERR_WAL_LOCKED (another backup is being made there), ERR_WAL_STORAGE_FULL,
 *   ERR_WAL_IO; nothing of it is left then
 */
export async function backupStore(path: string, source: BackupSource): Promise<void> {
  if (typeof path !== 'string' || path === '')
    throw invalidArgument('The path of a backup must be a non-empty string.');
  const whole = resolve(path);
  const log = new NodeDirectory(`${whole}-wal`);
  const place = { folder: new NodeDirectory(dirname(whole)), name: basename(whole), log };
  requireFree(place);
  const isNew = !log.exists();
  log.create({ sync: true });
  let isDone = false;
  try {
    const lock = acquireLock(log.path, LOCK_NAME);
    try {
      requireFree(place);
      await copyTo(place, source);
      isDone = true;
    } finally {
      // Its holder takes the lock file along: a backup that failed leaves nothing.
      if (!isDone && isNew) removeIfThere(log, LOCK_NAME);
      lock.release();
    }
  } finally {
    if (!isDone && isNew) removeEmptyDirectory(log.path);
  }
}

/** A log directory in which nothing but a lock was ever made is free, too. */
function requireFree({ folder, name, log }: BackupPlace): void {
  const isFree = !folder.list().includes(name) && log.list().every((entry) => entry.startsWith(LOCK_NAME));
  if (isFree) return;
  const path = `${folder.path}/${name}`;
  throw new WalError('ERR_WAL_EXISTS', `${path} or its log exists already. Choose another path.`, { path });
}

async function copyTo({ folder, name, log }: BackupPlace, source: BackupSource): Promise<void> {
  const unfinished = `${name}${UNFINISHED_SUFFIX}`;
  const { snapshot, pageBytes } = source;
  try {
    const originLogId = logIdOf(source.log);
    const throughEpoch = epochThrough(source);
    const store = await copyPages(folder, unfinished, source);
    await beginLog(log, { throughSeq: snapshot.seq, throughEpoch, pageBytes, store, originLogId });
    folder.rename(unfinished, name);
    folder.sync();
  } catch (error) {
    removeIfThere(folder, unfinished);
    for (const made of log.list()) if (!made.startsWith(LOCK_NAME)) log.remove(made);
    throw error;
  }
}

/** @returns what the copy is */
async function copyPages(
  folder: Directory,
  name: string,
  { snapshot, pageBytes }: BackupSource,
): Promise<StoreIdentity> {
  const { sizePages } = snapshot;
  removeIfThere(folder, name);
  const file = PageFile.openIn(folder, name, pageBytes, 'create');
  try {
    const perRun = Math.max(1, Math.floor(RUN_BYTES_MAX / pageBytes));
    const images = Array.from({ length: Math.min(perRun, sizePages) }, () => new Uint8Array(pageBytes));
    let turnedMs = monotonicMs();
    let page1Crc = 0;
    for (let first = 1; first <= sizePages; first += perRun) {
      const run = images.slice(0, Math.min(perRun, sizePages - first + 1));
      for (const [index, image] of run.entries()) snapshot.readInto(first + index, image);
      if (first === 1) page1Crc = crc32c(run[0] as Uint8Array);
      file.writePages(first, run);
      if (monotonicMs() - turnedMs < TURN_MS) continue;
      await new Promise((resume) => setImmediate(resume));
      turnedMs = monotonicMs();
    }
    file.sync();
    return { sizePages, page1Crc };
  } finally {
    file.close();
  }
}

/** The last epoch of which every commit is in the snapshot, as far as the log still tells; never a later one. */
function epochThrough({ log, snapshot: { seq }, durableEpoch }: BackupSource): number {
  if (seq === 0) return 0;
  const follower = new LogFollower(log, { fromSeq: seq });
  try {
    const segment = follower.next(durableEpoch);
    if (segment !== undefined)
      return segment.header.endSeq - 1 <= seq ? segment.header.epoch : segment.header.epoch - 1;
  } catch (error) {
    // The pin keeps what is above: the last commit itself may be gone, and then a checkpoint ends right there.
    if (!(error instanceof WalError) || error.code !== 'ERR_WAL_OVERTAKEN') throw error;
  } finally {
    follower.close();
  }
  const below = readCheckpointSlots(log).valid.filter(({ throughSeq }) => throughSeq <= seq);
  return below[0]?.throughEpoch ?? 0;
}

/** The id of a log that is written meanwhile. */
function logIdOf(log: Directory): number | undefined {
  for (let round = 1; ; round += 1) {
    try {
      return listLogFiles(log).logId;
    } catch (error) {
      const isGone = error instanceof WalError && error.code === 'ERR_WAL_NOT_FOUND';
      if (!isGone || round === ROUNDS_MAX) throw error;
    }
  }
}

function removeIfThere(directory: Directory, name: string): void {
  if (directory.list().includes(name)) directory.remove(name);
}
