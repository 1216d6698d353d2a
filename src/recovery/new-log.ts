// Begins the log of a page file that already holds commits of another log: a log of its own, with an id of its own,
// that goes on with the number behind the last of them. So it is never taken for the other log, which uses those
// numbers for commits of its own (design/archive.md, "Why a new log id").

import { wallClockMs } from '../base/clock.js';
import { type StoreIdentity, writeCheckpointRecord } from '../log/checkpoint-record.js';
import type { Directory } from '../storage/directory.js';
import { openLog, randomLogId } from './opening.js';

/** What the log goes on with. */
export interface LogBeginning {
  /** The last commit in the page file; 0 for none. */
  readonly throughSeq: number;
  /** The last epoch of which every commit is in it; 0 for none. */
  readonly throughEpoch: number;
  readonly pageBytes: number;
  /** The page file; undefined when it is not the only one. */
  readonly store: StoreIdentity | undefined;
  /** The log that the page file is a base of, while nobody has changed it. */
  readonly originLogId?: number | undefined;
}

/** The first file is there for its header: the next opening makes one of the size that is wanted then. */
const LOG_FILE_BYTES = 8192;

/**
 * Makes a log directory with a checkpoint record and an empty log file. Nobody else may use it meanwhile.
 *
 * @param log - has no log file and no record yet; made when it is not there
 * @throws {WalError} ERR_WAL_STORAGE_FULL, ERR_WAL_IO; some of it may be there then
 *
 * Durability: on return all of it is on disk.
 */
export async function beginLog(log: Directory, beginning: LogBeginning): Promise<void> {
  const { pageBytes, ...known } = beginning;
  log.create({ sync: true });
  if (known.throughSeq > 0 || known.originLogId !== undefined) {
    // Of no incarnation: a record of one would prove that a file of it is missing.
    const record = { ...known, logId: randomLogId(), generation: 1, incarnation: 0 };
    const clock = { syncedThrough: known.throughEpoch, wallClockMs: wallClockMs() };
    writeCheckpointRecord(log, { ...record, ...clock }, { sync: true });
  }
  // The page size stands in no record, but in the header of a log file.
  await openLog(log, { pageBytes, logFileBytes: LOG_FILE_BYTES, sync: true });
}
