// Recovery for users: brings page files, a map or a callback up to the log of a database, and verifies a log. Neither
// changes the log, so running it again gives the same bytes (R11).

import { monotonicMs } from '../base/clock.js';
import { invalidArgument, WalError } from '../base/errors.js';
import { parseLogFileName } from '../log/names.js';
import type { Directory } from '../storage/directory.js';
import { NodeDirectory } from '../storage/node-directory.js';
import { PageFile } from '../storage/page-file.js';
import type { WorkerUrls } from '../thread/worker-files.js';
import { LogNotes } from './log-notes.js';
import { PageFilesTarget, stretchBytesOf } from './page-files-target.js';
import { isToPoint, type NewPageFiles, recoverToPoint, type StoreTarget } from './recover-to-point.js';
import { type ReplayCommit, type ReplayOptions, type ReplayTarget, replayLog } from './replay.js';
import { callbackTarget, mapTarget } from './replay-targets.js';
import { emptyReport, type OnDamage, type OnProgress, type RecoveryReport } from './report.js';
import {
  type LogScan,
  notRecoveredOf,
  RECOVERY_MEMORY_BYTES,
  refuseDamage,
  reportOf,
  type ScanOptions,
  scanLog,
} from './scan.js';
import { requireExplainedEnds } from './torn-end.js';

/**
 * Where recovery puts the pages. `pageFiles[space]` is the path of that space's page file.
 *
 * With a target or an archive these are new files, which begin as copies of `base[space]`; default for space 0: the
 * database itself.
 */
export type RecoverInto = ((commit: ReplayCommit) => void | Promise<void>) | Map<number, Uint8Array> | NewPageFiles;

/** Settings of a recovery. */
export interface RecoverOptions {
  /** Default: the page file `dbPath` itself, as space 0. */
  readonly into?: RecoverInto | undefined;
  /** Everything but the writing: no lock is taken and nothing is changed. */
  readonly dryRun?: boolean | undefined;
  /** Default `fail`. */
  readonly onDamage?: OnDamage | undefined;
  /** Default 64 MiB. */
  readonly recoveryMemoryBytes?: number | undefined;
  /** The space a map is filled from; default 0. */
  readonly space?: number | undefined;
  /** Only commits above this one; default: those above the checkpoint. */
  readonly afterSeq?: number | undefined;
  /**
   * Directories with archived log files, or log directories of other copies of the store, beside the database's own.
   * Then, and with `throughSeq` or `throughTimeMs`, a recovery is one to a point in time: page files are made anew.
   */
  readonly archive?: string | readonly string[] | undefined;
  /** The last commit to recover. */
  readonly throughSeq?: number | undefined;
  /** Instead: all commits of segments written at or before this time, in ms since 1970. */
  readonly throughTimeMs?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly workerUrls?: WorkerUrls | undefined;
}

/** What recovery is given by the composition root. */
export interface RecoverServices {
  /** Excludes other openers while page files are written. */
  lock(directoryPath: string): { release(): void } | Promise<{ release(): void }>;
}

/** The log directory that belongs to a database path. */
export function logDirectoryPath(dbPath: string): string {
  return `${dbPath}-wal`;
}

/**
 * Brings a store up to its log.
 *
 * @returns what was found and done; a torn tail is a line in it. After a recovery to a point in time `lastSeq` is the
 *   last commit recovered, and `damage` is what stands behind it
 * @throws {WalError} ERR_WAL_CORRUPT, ERR_WAL_GAP (damage; nothing was changed), ERR_WAL_NOT_FOUND (a page file
 *   that has commits), ERR_WAL_WRONG_STORE (part of a page at the end,
 *   which the log does not have; an archive of another log), ERR_WAL_LOCKED, ERR_WAL_VERSION, ERR_WAL_IO; to a point in
 *   time also ERR_WAL_INVALID_ARGUMENT (the target lies before the base or behind the end) and ERR_WAL_EXISTS
 *
 * Durability: page files are synced when this resolves. The log is not changed.
 * Source: design/recovery.md; R1, R2, R11.
 */
export async function recoverWal(
  dbPath: string,
  options: RecoverOptions = {},
  services?: RecoverServices,
): Promise<RecoveryReport> {
  const directory = new NodeDirectory(logDirectoryPath(dbPath));
  const toPoint = isToPoint(options);
  if (!directory.exists() && !toPoint) return emptyReport();
  // A backup has no log file that anybody could write to, and may be on a medium that nobody can.
  const isLocked =
    options.dryRun !== true && (!toPoint || directory.list().some((name) => parseLogFileName(name) !== undefined));
  const lock = isLocked ? await services?.lock(directory.path) : undefined;
  try {
    if (toPoint) return await recoverToPoint(directory, intoPoint(dbPath, options), options);
    return await recoverDirectory(directory, { ...options, into: options.into ?? { pageFiles: [dbPath] } });
  } finally {
    lock?.release();
  }
}

/** Where a recovery to a point in time puts its pages. */
function intoPoint(dbPath: string, { into, space }: RecoverOptions): ReplayTarget | StoreTarget {
  if (into === undefined) {
    const message = 'A recovery to a point in time makes new page files: name them, as into: { pageFiles: [path] }.';
    throw invalidArgument(message);
  }
  if (!isPageFiles(into)) return targetOf(into, space);
  return { pageFiles: into.pageFiles, base: into.base ?? [dbPath] };
}

/**
 * The same for any directory; the caller holds the lock.
 *
 * @param open - how page files are opened, which need not be where paths lead
 */
export async function recoverDirectory(
  directory: Directory,
  options: RecoverOptions & { into: RecoverInto },
  open: typeof PageFile.open = PageFile.open,
): Promise<RecoveryReport> {
  const startedMs = monotonicMs();
  const { into, dryRun = false, onDamage = 'fail', recoveryMemoryBytes = RECOVERY_MEMORY_BYTES, onProgress } = options;
  const isIntoFiles = isPageFiles(into);
  const stretchBytesMax = stretchBytesOf(recoveryMemoryBytes);
  const notes =
    isIntoFiles && !dryRun ? new LogNotes(options.afterSeq, recoveryMemoryBytes, stretchBytesMax) : undefined;
  const scan = await scanLog(directory, { ...options, notes });
  refuseDamage(scan, onDamage);
  const report = reportOf(scan);
  report.checkpointUsed = scan.checkpoint?.throughSeq ?? null;
  const afterSeq = options.afterSeq ?? scan.checkpoint?.throughSeq ?? 0;
  const isSalvage = onDamage === 'salvage' && scan.damage.length > 0;
  const replayOptions: ReplayOptions = { afterSeq, isSalvage, recoveryMemoryBytes };
  const spaces = isIntoFiles && isSalvage ? await spacesOf(directory, scan, replayOptions) : scan.chain.spaces;
  const openOne = (path: string, pageBytes: number) => open(path, pageBytes, dryRun ? 'read' : 'write');
  const opened = isIntoFiles ? openPageFiles(into.pageFiles, scan, spaces, afterSeq, openOne) : undefined;
  try {
    if (opened !== undefined) await requireExplainedEnds(directory, scan, opened, replayOptions);
    // A salvage goes on behind the chain, of which alone there are notes.
    const window = isSalvage ? undefined : notes?.window;
    const intoFiles = opened && new PageFilesTarget(directory, opened, scan, { recoveryMemoryBytes, window });
    const target = dryRun ? NOWHERE : (intoFiles ?? targetOf(into, options.space));
    const isNoted = window !== undefined;
    const result = await replayLog(directory, scan, target, { ...replayOptions, isNoted, onProgress });
    report.commitsApplied = notes !== undefined && isNoted ? notes.commits : result.commitsApplied;
    report.bytesRead += result.bytesRead;
    report.notRecovered = isSalvage ? [...result.notRecovered] : notRecoveredOf(scan);
    if (opened !== undefined) {
      if (!dryRun) for (const file of opened) file.sync();
      report.dbSizePages = opened.map((file) => file.sizePages());
    }
  } finally {
    for (const file of opened ?? []) file.close();
  }
  report.durationMs = monotonicMs() - startedMs;
  return report;
}

const NOWHERE: ReplayTarget = { commit: () => undefined };

function isPageFiles(into: RecoverInto): into is NewPageFiles {
  return typeof into === 'object' && !(into instanceof Map);
}

function targetOf(into: RecoverInto, space = 0): ReplayTarget {
  if (into instanceof Map) return mapTarget(into, space);
  return callbackTarget(into as (commit: ReplayCommit) => void | Promise<void>);
}

/** Last commit of each space of a salvage. What stands behind damage is not in the chain: it is read for this. */
async function spacesOf(directory: Directory, scan: LogScan, options: ReplayOptions): Promise<Map<number, number>> {
  const spaces = new Map<number, number>();
  const commit = ({ seq, records }: ReplayCommit): void => {
    for (const record of records()) if (record.kind !== 'operation') spaces.set(record.space, seq);
  };
  await replayLog(directory, scan, { commit }, options);
  return spaces;
}

/** Opens every page file before the first is changed: one that is missing or foreign must not leave half a result. */
function openPageFiles(
  paths: readonly string[],
  scan: LogScan,
  spaces: LogScan['chain']['spaces'],
  afterSeq: number,
  open: (path: string, pageBytes: number) => PageFile,
): PageFile[] {
  const pageBytes = scan.log.pageBytes;
  for (const [space, lastSeq] of spaces) {
    if (lastSeq <= afterSeq || paths[space] !== undefined) continue;
    throw new WalError('ERR_WAL_NOT_FOUND', `The log has pages of space ${space}, and no page file was named for it.`, {
      space,
    });
  }
  const files: PageFile[] = [];
  // Without a log file there is nothing to apply, and no page size to open page files with.
  if (pageBytes === undefined) return files;
  try {
    for (const path of paths) files.push(open(path, pageBytes));
    return files;
  } catch (error) {
    for (const file of files) file.close();
    throw error;
  }
}

/** Result of a full verification. */
export interface VerifyReport {
  /** No damage; a torn tail is none. */
  readonly isSound: boolean;
  readonly files: number;
  readonly segments: number;
  readonly epochs: number;
  readonly frames: number;
  readonly voids: number;
  readonly bytesRead: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly syncedThrough: number;
  readonly tail: RecoveryReport['tail'];
  readonly droppedBytes: number;
  /** What is wrong, and what is only odd: a torn tail, a file that was never started, a bad checkpoint slot. */
  readonly problems: readonly {
    readonly file: string;
    readonly offset: number;
    readonly epoch: number;
    readonly reason: string;
  }[];
  readonly durationMs: number;
}

/**
 * Checks every log file, segment, frame and certificate. Takes no lock and changes nothing.
 *
 * @throws {WalError} ERR_WAL_VERSION, ERR_WAL_IO; damage is in the report
 */
export async function verifyWal(dbPath: string, options: ScanOptions = {}): Promise<VerifyReport> {
  return verifyDirectory(new NodeDirectory(logDirectoryPath(dbPath)), options);
}

/** The same for any directory. */
export async function verifyDirectory(directory: Directory, options: ScanOptions = {}): Promise<VerifyReport> {
  const scan = await scanLog(directory, options);
  const { segments, epochs, voids, firstSeq, lastSeq, tail, droppedBytes, bytesRead, durationMs } = reportOf(scan);
  const note = (file: string, reason: string): VerifyReport['problems'][number] => ({
    file,
    offset: 0,
    epoch: 0,
    reason,
  });
  const problems = [
    ...scan.damage,
    ...scan.neverStarted.map((file) => note(file, 'the file was never started')),
    ...scan.log.checkpointsDamaged.map(({ name, reason }) => note(name, reason)),
  ];
  if (tail === 'torn') {
    const last = scan.chain.files.at(-1);
    const place = { file: last?.file.name ?? '', offset: last?.endOffset ?? 0, epoch: (last?.end.epoch ?? 0) + 1 };
    problems.push({ ...place, reason: `torn tail: ${scan.chain.end.reason}` });
  }
  return {
    isSound: scan.damage.length === 0,
    files: scan.log.files.length,
    segments,
    epochs,
    frames: scan.chain.files.reduce((sum, part) => sum + part.frames, 0),
    voids,
    bytesRead,
    firstSeq,
    lastSeq,
    syncedThrough: scan.syncedThrough,
    tail,
    droppedBytes,
    problems,
    durationMs,
  };
}
