// Opening a log so that a second crash at any point loses nothing (design/recovery.md, "Opening"): the body follows.

import { WalError } from '../base/errors.js';
import type { LogPosition } from '../log/codec.js';
import type { Directory } from '../storage/directory.js';
import type { WorkerUrls } from '../thread/worker-files.js';
import type { CheckpointRecord } from '../log/checkpoint-record.js';
import type { ReplayTarget } from './replay.js';
import type { OnDamage, RecoveryReport } from './report.js';

/** What an opening needs to know. */
export interface OpenLogSettings {
  /** Page size in bytes; required for a new log, and if given it must be an existing log's own. */
  readonly pageBytes?: number | undefined;
  /** Size of the new log file in bytes, a multiple of 4096; larger only when the copied tail needs it. */
  readonly logFileBytes: number;
  /** False under policy `off`: then no sync is called at all and nothing is copied. */
  readonly sync: boolean;
  /** Default `fail`. `salvage` opens like `stop`: a chain cannot have a gap. */
  readonly onDamage?: OnDamage | undefined;
  /** Default 64 MiB. */
  readonly recoveryMemoryBytes?: number | undefined;
  readonly workerUrls?: WorkerUrls | undefined;
  /** Where to replay the log before the new file is made; `afterSeq` defaults to the checkpoint's `throughSeq`. */
  readonly replay?: { readonly target: ReplayTarget; readonly afterSeq?: number | undefined } | undefined;
  /** The id of a new log; random by default, given in tests. */
  readonly logId?: number | undefined;
}

/** A file that holds nothing but what older incarnations, or older files, wrote. */
export interface OlderFile {
  readonly fileNumber: number;
  readonly name: string;
  /** The first commit sequence that is NOT in it: below the checkpoint it may be recycled. */
  readonly endSeq: number;
  readonly bytes: number;
}

/** A log that is ready for its first new commit. The caller opens `fileName` on the thread that writes. */
export interface OpenedLog {
  readonly logId: number;
  readonly incarnation: number;
  readonly pageBytes: number;
  readonly fileNumber: number;
  readonly fileName: string;
  /** Where the log stands: the next segment continues this. */
  readonly position: LogPosition;
  /** Where the next segment goes in the file. */
  readonly writeOffset: number;
  readonly fileBytes: number;
  /** Last epoch known to be synced. */
  readonly syncedThrough: number;
  /** Sizes of spaces in pages, as far as the log knows them. */
  readonly sizes: ReadonlyMap<number, number>;
  /** Every other log file, ascending by number. */
  readonly olderFiles: readonly OlderFile[];
  /** The newest valid checkpoint record. */
  readonly checkpoint: CheckpointRecord | undefined;
  readonly report: RecoveryReport;
}

/**
 * Recovers what the directory holds and starts a new log file behind it. The caller holds the lock.
 *
 * @throws {WalError} ERR_WAL_CORRUPT, ERR_WAL_GAP (damage, nothing was changed), ERR_WAL_VERSION,
 *   ERR_WAL_INVALID_ARGUMENT (page size), ERR_WAL_STORAGE_FULL, ERR_WAL_IO
 */
export async function openLog(_directory: Directory, _settings: OpenLogSettings): Promise<OpenedLog> {
  throw new WalError('ERR_WAL_INVARIANT', 'openLog is not there yet');
}
