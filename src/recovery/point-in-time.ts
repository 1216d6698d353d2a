// Recovery to a point in time: a base (a backup, or a page file with its log directory) brought forward by the log and
// its archive up to a commit or a time, and not one commit further (design/archive.md). The base is never written:
// pages go into copies of it, which become a store of its own with a log of its own. Everything that can be wrong is
// found before anything is made.

import { usedEndOf } from '../archive/closed-file.js';
import { monotonicMs } from '../base/clock.js';
import { type ErrorDetails, invalidArgument, WalError } from '../base/errors.js';
import type { CheckpointRecord } from '../log/checkpoint-record.js';
import { FILE_HEADER_BYTES } from '../log/layout.js';
import { SEGMENT_KIND } from '../segment/layout.js';
import type { CheckedHeader } from '../segment/reader.js';
import type { Directory } from '../storage/directory.js';
import { baseRecordOf, type FoundFile, findLogFiles, mergedLog } from './archived-log.js';
import { type ReplayTarget, replayLog, segmentsOf } from './replay.js';
import type { OnProgress, RecoveryReport } from './report.js';
import { type LogScan, refuseDamage, reportOf, scanLog } from './scan.js';

/** Where to stop. With neither: at the end of what there is. */
export interface PointInTime {
  /** The last commit to recover. */
  readonly throughSeq?: number | undefined;
  /** All commits of segments written at or before this time, in ms since 1970. */
  readonly throughTimeMs?: number | undefined;
}

/** Settings of the reading. */
export interface PointInTimeOptions extends PointInTime {
  readonly recoveryMemoryBytes?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/** A recovery that is known to be possible. */
export interface PointInTimePlan {
  /** The log and its archive, as far as they are needed. */
  readonly directory: Directory;
  readonly scan: LogScan;
  readonly base: CheckpointRecord | undefined;
  /** The base holds everything up to here. */
  readonly baseSeq: number;
  /** The last commit to recover, and the last epoch that ends at or before it. */
  readonly throughSeq: number;
  readonly throughEpoch: number;
  readonly pageBytes: number;
  /** The last commit that the base's own log directory holds. */
  readonly ownSeq: number;
}

/**
 * Finds out whether the target can be reached from the base.
 *
 * @param log - the log directory beside the base; it need not exist
 * @param others - archives, and log directories of other copies of the store, in the order in which they are believed
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT (the target lies before the base or behind the end of what there is),
 *   ERR_WAL_GAP (commits are missing, details say which), ERR_WAL_CORRUPT, ERR_WAL_WRONG_STORE (another log's archive),
 *   ERR_WAL_VERSION, ERR_WAL_IO
 */
export async function planPointInTime(
  log: Directory,
  others: readonly Directory[],
  options: PointInTimeOptions,
): Promise<PointInTimePlan> {
  const { throughSeq, throughTimeMs } = options;
  const base = baseRecordOf(log);
  const baseSeq = base?.throughSeq ?? 0;
  if (throughSeq !== undefined && throughSeq < baseSeq) throw beforeBase({ throughSeq }, baseSeq);
  const damaged: WalError[] = [];
  const files = findLogFiles([log, ...others], base, (error) => damaged.push(error));
  const pageBytes = files[0]?.header.pageBytes;
  if (pageBytes === undefined) throw noFiles([log, ...others], damaged);
  const directory = mergedLog(files, base, throughSeq ?? Number.POSITIVE_INFINITY);
  const scan = await scanLog(directory, options);
  const lastSeq = provenSeq(scan, baseSeq);
  const wanted =
    throughTimeMs === undefined
      ? throughSeq
      : seqAtTime(segmentsOfChain(directory, scan), base, lastSeq, throughTimeMs);
  if (wanted === undefined || wanted > lastSeq) {
    refuseGap(scan, files, lastSeq, damaged);
    refuseDamage(scan);
    if (wanted !== undefined)
      throw behindEnd(throughTimeMs === undefined ? { throughSeq } : { throughTimeMs }, lastSeq);
  }
  const target = wanted ?? lastSeq;
  let throughEpoch = base?.throughEpoch ?? 0;
  for (const { epoch, endSeq } of segmentsOfChain(directory, scan)) {
    if (endSeq - 1 <= target) throughEpoch = Math.max(throughEpoch, epoch);
  }
  return { directory, scan, base, baseSeq, throughSeq: target, throughEpoch, pageBytes, ownSeq: ownSeqOf(log, files) };
}

/** Replays a plan into a target, and reports. */
export async function replayPlan(
  plan: PointInTimePlan,
  target: ReplayTarget,
  { recoveryMemoryBytes, onProgress }: PointInTimeOptions,
): Promise<RecoveryReport> {
  const startedMs = monotonicMs();
  const { directory, scan, baseSeq: afterSeq, throughSeq } = plan;
  const result = await replayLog(directory, scan, target, { afterSeq, throughSeq, recoveryMemoryBytes, onProgress });
  const report = reportOf(scan);
  report.checkpointUsed = plan.base?.throughSeq ?? null;
  report.lastSeq = throughSeq;
  report.commitsApplied = result.commitsApplied;
  report.bytesRead += result.bytesRead;
  report.durationMs += monotonicMs() - startedMs;
  return report;
}

/** The last commit that base and chain hold without a gap. */
function provenSeq({ chain }: LogScan, baseSeq: number): number {
  const end = chain.isFrontMissing ? undefined : chain.files.at(-1)?.end;
  return Math.max(baseSeq, (end?.nextSeq ?? 1) - 1);
}

/** The last commit of the files that stand in the base's own log directory. */
function ownSeqOf(log: Directory, files: readonly FoundFile[]): number {
  const last = files.filter(({ directory }) => directory === log).at(-1);
  if (last === undefined) return 0;
  const file = log.open(last.name, 'read');
  try {
    return usedEndOf(file, last.header).position.nextSeq - 1;
  } finally {
    file.close();
  }
}

function* segmentsOfChain(directory: Directory, { chain }: LogScan): Generator<CheckedHeader, void, void> {
  for (const part of chain.files) {
    const file = directory.open(part.file.name, 'read');
    try {
      yield* segmentsOf(file, part.file, FILE_HEADER_BYTES, part.endOffset);
    } finally {
      file.close();
    }
  }
}

/**
 * The last commit of the segments written at or before a time; a sequence beyond `lastSeq` when the time lies behind
 * everything that is there.
 *
 * The first segment that is too late ends it: a clock that was set back does not bring later commits before earlier
 * ones (F24).
 */
function seqAtTime(
  segments: Iterable<CheckedHeader>,
  base: CheckpointRecord | undefined,
  lastSeq: number,
  throughTimeMs: number,
): number {
  const baseSeq = base?.throughSeq ?? 0;
  let lastMs = base?.wallClockMs ?? 0;
  // The record was written later than the last commit in the base.
  let isBaseEarlier = base === undefined || base.wallClockMs <= throughTimeMs;
  for (const { kind, firstSeq, wallClockMs } of segments) {
    // A mark says that nothing was committed up to its time.
    lastMs = Math.max(lastMs, wallClockMs);
    if (kind === SEGMENT_KIND.mark) continue;
    if (wallClockMs <= throughTimeMs) isBaseEarlier = true;
    else if (firstSeq - 1 > baseSeq || (firstSeq - 1 === baseSeq && isBaseEarlier)) return firstSeq - 1;
    else throw beforeBase({ throughTimeMs }, baseSeq, { baseTimeMs: base?.wallClockMs });
  }
  return throughTimeMs > lastMs ? lastSeq + 1 : lastSeq;
}

/** Commits that are missing between what the chain reaches and files that stand further on. */
function refuseGap(
  { chain }: LogScan,
  files: readonly FoundFile[],
  lastSeq: number,
  damaged: readonly WalError[],
): void {
  if (chain.end.isBroken && !chain.isFrontMissing) return;
  const starts = files.map(({ header }) => header.start.nextSeq).filter((nextSeq) => nextSeq > lastSeq + 1);
  if (starts.length === 0) return;
  const missing = { fromSeq: lastSeq + 1, toSeq: Math.min(...starts) - 1 };
  const unreadable = damaged.map(({ message }) => message);
  const message =
    `Commits ${missing.fromSeq} to ${missing.toSeq} are missing: no file of the log or its archive holds them. ` +
    (unreadable[0] ?? 'Restore the missing files, or begin with a later base.');
  throw new WalError('ERR_WAL_GAP', message, { ...missing, unreadable });
}

function noFiles(directories: readonly Directory[], damaged: readonly WalError[]): WalError {
  const paths = directories.map(({ path }) => path);
  const message = `There is no log file to recover from in ${paths.join(', ')}. ${damaged[0]?.message ?? ''}`.trim();
  return new WalError('ERR_WAL_NOT_FOUND', message, { paths });
}

function beforeBase(target: ErrorDetails, baseSeq: number, more: ErrorDetails = {}): WalError {
  const message = `${inWords(target)} lies before the base, which is at commit ${baseSeq}. Begin with an older base.`;
  return invalidArgument(message, { ...target, baseSeq, ...more });
}

function behindEnd(target: ErrorDetails, lastSeq: number): WalError {
  const message = `${inWords(target)} lies behind the last commit there is, ${lastSeq}. Without a target all count.`;
  return invalidArgument(message, { ...target, lastSeq });
}

function inWords({ throughSeq, throughTimeMs }: ErrorDetails): string {
  return throughTimeMs === undefined ? `Commit ${throughSeq}` : `The time ${timeInWords(throughTimeMs as number)}`;
}

function timeInWords(ms: number): string {
  return new Date(ms).toISOString();
}
