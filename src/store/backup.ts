// A copy of the store as of a snapshot, that opens as a store: the page file, and beside it a log directory with
// nothing but a checkpoint record, which says what the page file is and where its log goes on. With an archive of the
// log it is a base to recover from (design/page-store.md, "Backup").

import { basename, dirname, resolve } from 'node:path';
import { crc32c } from '../base/checksum.js';
import { monotonicMs, wallClockMs } from '../base/clock.js';
import { invalidArgument, WalError } from '../base/errors.js';
import { RUN_BYTES_MAX } from '../checkpoint/page-writer.js';
import { LogFollower } from '../follow/log-follower.js';
import { type CheckpointRecord, readCheckpointSlots, writeCheckpointRecord } from '../log/checkpoint-record.js';
import { CHECKPOINT_NAMES, UNFINISHED_SUFFIX } from '../log/names.js';
import { type LogFiles, listLogFiles } from '../recovery/log-files.js';
import type { Directory } from '../storage/directory.js';
import { NodeDirectory } from '../storage/node-directory.js';
import { PageFile } from '../storage/page-file.js';
import type { Snapshot } from './snapshot.js';

/** What is copied. */
export interface BackupSource {
  readonly snapshot: Snapshot;
  readonly pageBytes: number;
  /** The log directory of the store. */
  readonly log: Directory;
  readonly durableEpoch: number;
}

/** How long pages are copied before the event loop turns. */
const TURN_MS = 5;
/** How often the log is looked at again because a file of it went away meanwhile. */
const ROUNDS_MAX = 5;

/**
 * Copies a snapshot to `path`.
 *
 * Durability: on return everything is on disk; the page file gets its name last.
 * @throws {WalError} ERR_WAL_EXISTS, ERR_WAL_STORAGE_FULL, ERR_WAL_IO; nothing is at `path` then
 */
export async function backupStore(path: string, source: BackupSource): Promise<void> {
  if (typeof path !== 'string' || path === '')
    throw invalidArgument('The path of a backup must be a non-empty string.');
  const whole = resolve(path);
  const name = basename(whole);
  const folder = new NodeDirectory(dirname(whole));
  const log = new NodeDirectory(`${whole}-wal`);
  if (folder.list().includes(name) || log.list().length > 0)
    throw new WalError('ERR_WAL_EXISTS', `${whole} or its log exists already. Choose another path.`, { path: whole });
  const record = recordOf(source);
  const unfinished = `${name}${UNFINISHED_SUFFIX}`;
  try {
    const page1Crc = await copyPages(folder, unfinished, source);
    log.create({ sync: true });
    const store = { sizePages: source.snapshot.sizePages, page1Crc };
    writeCheckpointRecord(log, { ...record, store }, { sync: true });
    folder.rename(unfinished, name);
    folder.sync();
  } catch (error) {
    removeIfThere(folder, unfinished);
    for (const slot of CHECKPOINT_NAMES) removeIfThere(log, slot);
    throw error;
  }
}

/** @returns the checksum of page 1, 0 without any */
async function copyPages(folder: Directory, name: string, { snapshot, pageBytes }: BackupSource): Promise<number> {
  removeIfThere(folder, name);
  const file = PageFile.openIn(folder, name, pageBytes, 'create');
  try {
    const perRun = Math.max(1, Math.floor(RUN_BYTES_MAX / pageBytes));
    const images = Array.from({ length: Math.min(perRun, snapshot.sizePages) }, () => new Uint8Array(pageBytes));
    let turnedMs = monotonicMs();
    let page1Crc = 0;
    for (let first = 1; first <= snapshot.sizePages; first += perRun) {
      const run = images.slice(0, Math.min(perRun, snapshot.sizePages - first + 1));
      for (const [index, image] of run.entries()) snapshot.readInto(first + index, image);
      if (first === 1) page1Crc = crc32c(run[0] as Uint8Array);
      file.writePages(first, run);
      if (monotonicMs() - turnedMs < TURN_MS) continue;
      await new Promise((resume) => setImmediate(resume));
      turnedMs = monotonicMs();
    }
    file.sync();
    return page1Crc;
  } finally {
    file.close();
  }
}

/** The record of a checkpoint of the same log that ends with the snapshot. */
function recordOf({ log, snapshot, durableEpoch }: BackupSource): CheckpointRecord {
  const { logId = 0, incarnation } = listed(log);
  const throughEpoch = epochThrough(log, snapshot.seq, durableEpoch);
  return {
    logId,
    generation: 1,
    throughSeq: snapshot.seq,
    throughEpoch,
    // No file stands behind this record: it must not seem to prove that one is missing.
    syncedThrough: 0,
    incarnation: throughEpoch === 0 ? 0 : incarnation,
    wallClockMs: wallClockMs(),
  };
}

/** The last epoch of which every commit is at or below `seq`, as far as the log still tells. */
function epochThrough(log: Directory, seq: number, durableEpoch: number): number {
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

/** The files of a log that is written meanwhile. */
function listed(log: Directory): LogFiles {
  for (let round = 1; ; round += 1) {
    try {
      return listLogFiles(log);
    } catch (error) {
      const isGone = error instanceof WalError && error.code === 'ERR_WAL_NOT_FOUND';
      if (!isGone || round === ROUNDS_MAX) throw error;
    }
  }
}

function removeIfThere(directory: Directory, name: string): void {
  if (directory.list().includes(name)) directory.remove(name);
}
