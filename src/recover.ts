// Recovery and verification for users, wired to the lock: the functions of recovery/ with what they are given.

import { LOCK_NAME } from './log/names.js';
import { recoverWal as recover, type RecoverOptions, type VerifyReport, verifyWal as verify } from './recovery/recover.js';
import type { RecoveryReport } from './recovery/report.js';
import { acquireLock } from './storage/lock.js';

/**
 * Brings a store up to the log of `dbPath`: page files, a `Map` of pages, or a callback that is given every commit.
 *
 * The log is not changed; doing it twice gives the same bytes. Takes the lock of the log unless `dryRun` is set.
 *
 * @throws {WalError} ERR_WAL_CORRUPT, ERR_WAL_GAP (damage: nothing was changed), ERR_WAL_NOT_FOUND (a page file),
 *   ERR_WAL_WRONG_STORE, ERR_WAL_LOCKED, ERR_WAL_VERSION, ERR_WAL_IO
 * Durability: page files are synced when this resolves.
 * Source: design/recovery.md.
 */
export function recoverWal(dbPath: string, options: RecoverOptions = {}): Promise<RecoveryReport> {
  return recover(dbPath, options, { lock: (directoryPath) => acquireLock(directoryPath, LOCK_NAME) });
}

/**
 * Checks every file, segment, frame and certificate of the log of `dbPath`. Takes no lock and changes nothing.
 *
 * @throws {WalError} ERR_WAL_VERSION, ERR_WAL_IO; damage is in the report
 */
export function verifyWal(dbPath: string): Promise<VerifyReport> {
  return verify(dbPath);
}
