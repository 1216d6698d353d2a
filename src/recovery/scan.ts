// Finds out what a log directory holds, without changing anything: files, chain, how far it was synced (S), how it
// ends, what is damaged (design/recovery.md, "Order"). An error while reading is an error, never
// the end of the log (R3). Memory does not grow with the log.

import { availableParallelism } from 'node:os';
import { monotonicMs } from '../base/clock.js';
import { WalError } from '../base/errors.js';
import type { CheckpointRecord } from '../log/checkpoint-record.js';
import type { LogPosition } from '../log/codec.js';
import { FILE_FLAG, FILE_HEADER_BYTES } from '../log/layout.js';
import { SEGMENT_ALIGNMENT } from '../segment/layout.js';
import type { Directory } from '../storage/directory.js';
import type { WorkerUrls } from '../thread/worker-files.js';
import { type Chain, ChainWalk, isAnyNumberMissing, isSamePosition } from './chain-walk.js';
import { type ListedFile, type LogFiles, listLogFiles } from './log-files.js';
import type { LogNotes } from './log-notes.js';
import { type DamageEntry, emptyReport, type OnDamage, type OnProgress, type RecoveryReport } from './report.js';
import { type Rest, scanRest } from './rest-scan.js';
import { type Verdict, verdictRow } from './verdict.js';
import { VerifyPipeline } from './verify-pool.js';

/** Default of `recoveryMemoryBytes`. */
export const RECOVERY_MEMORY_BYTES = 64 * 2 ** 20;

/** A window larger than this reads no faster. */
const WINDOW_BYTES_MAX = 2 ** 20;
const WINDOW_BYTES_MIN = 64 * 1024;

/** How often a scan starts over because a file went away under it. */
const ROUNDS_MAX = 5;

/** Settings of a scan. */
export interface ScanOptions {
  /** Default 64 MiB. */
  readonly recoveryMemoryBytes?: number | undefined;
  readonly workerUrls?: WorkerUrls | undefined;
  /** Bytes verified on this thread before a pool is started; default 256 MiB. */
  readonly inlineBytesMax?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Filled with the records of the chain. */
  readonly notes?: LogNotes | undefined;
}

/** Everything known about a log. */
export interface LogScan {
  readonly log: LogFiles;
  readonly chain: Chain;
  /** Where the proven prefix of the log ends, or the checkpoint if that is further. */
  readonly position: LogPosition;
  /** S: the last epoch known to be synced; 0 when none is. */
  readonly syncedThrough: number;
  readonly checkpoint: CheckpointRecord | undefined;
  readonly verdict: Verdict;
  /** The row of the case table. */
  readonly row: string;
  readonly damage: readonly DamageEntry[];
  /** What stands behind the chain in which file, where there is anything. */
  readonly rests: readonly { readonly file: ListedFile; readonly rest: Rest }[];
  readonly droppedBytes: number;
  readonly neverStarted: readonly string[];
  /** The highest incarnation seen anywhere, damaged files included. */
  readonly incarnationMax: number;
  readonly bytesRead: number;
  readonly durationMs: number;
}

/**
 * Scans and verifies a log.
 *
 * @throws {WalError} ERR_WAL_VERSION, ERR_WAL_IO, ERR_WAL_CORRUPT (files of two logs); damage is in the result
 *
 * Threading: uses a pool of threads for large logs; changes nothing, takes no lock.
 * Source: design/recovery.md, "Order".
 */
export async function scanLog(directory: Directory, options: ScanOptions = {}): Promise<LogScan> {
  const startedMs = monotonicMs();
  const first = await scanOnce(directory, options, undefined);
  // Beside a running writer the files behind the end are looked at later than the end, and then seem to prove that it
  // was synced. What they prove holds for a second walk, which starts later still.
  const isSure = first.verdict === 'clean' || first.verdict === 'torn';
  const scan = isSure ? first : await scanOnce(directory, options, first.syncedThrough);
  return { ...scan, durationMs: monotonicMs() - startedMs };
}

/** @param syncedThroughSeen - S of an earlier scan; undefined to look for it behind the chain */
async function scanOnce(
  directory: Directory,
  options: ScanOptions,
  syncedThroughSeen: number | undefined,
): Promise<Omit<LogScan, 'durationMs'>> {
  for (let round = 1; ; round += 1) {
    const pipeline = new VerifyPipeline(directory, options);
    try {
      const log = listLogFiles(directory);
      const bytesMax = bytesOf(log);
      options.notes?.begin(log);
      // Headers are read twice, so a full log would exceed its own size a little.
      const onRead = (bytes: number): void =>
        options.onProgress?.({ step: 'verify', bytes: Math.min(bytes, bytesMax), bytesMax });
      const chain = await new ChainWalk(directory, log, pipeline, windowBytes(options), onRead, options.notes).run();
      return judge(directory, log, chain, syncedThroughSeen);
    } catch (error) {
      // A running writer recycled a file between the listing and the opening of it.
      const isGone = error instanceof WalError && error.code === 'ERR_WAL_NOT_FOUND';
      if (!isGone || round === ROUNDS_MAX) throw error;
    } finally {
      await pipeline.close();
    }
  }
}

function windowBytes({ recoveryMemoryBytes = RECOVERY_MEMORY_BYTES }: ScanOptions): number {
  // Twice as many batches as threads are under way, each with a window.
  const share = Math.floor(recoveryMemoryBytes / (2 * availableParallelism() + 1));
  return Math.min(WINDOW_BYTES_MAX, Math.max(WINDOW_BYTES_MIN, share));
}

/** Size of all log files together. */
export function bytesOf(log: LogFiles): number {
  return log.files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Puts the evidence together; the table decides. */
function judge(
  directory: Directory,
  log: LogFiles,
  chain: Chain,
  syncedThroughSeen: number | undefined,
): Omit<LogScan, 'durationMs'> {
  const { checkpoint } = log;
  const end = chain.isFrontMissing ? EMPTY : (chain.files.at(-1)?.end ?? EMPTY);
  const position = restartOf(log, end);
  const rests = restsOf(directory, log, chain);
  const lost = headerlessRests(directory, log);
  const proofs = syncedThroughSeen === undefined ? rests : [];
  const syncedThrough = Math.max(syncedThroughSeen ?? 0, syncedThroughOf(log, chain, proofs));
  const isBelowSynced = log.files.length > 0 && end.epoch < syncedThrough;
  // Below the checkpoint, too, what was never synced may be missing (R5).
  const flaws = chain.flaws.filter(({ epoch }) => epoch <= syncedThrough);
  const damage: DamageEntry[] = [...log.refused, ...flaws];
  const orphans = lost.filter(({ rest }) => rest.epochMax > end.epoch);
  for (const { file, rest } of orphans) {
    const reason = `${file.reason}, but segments of this log stand behind it`;
    damage.push({ file: file.name, epoch: rest.first?.epoch ?? 0, offset: 0, bytes: file.bytes, reason });
  }
  const unreadable = isBelowSynced || chain.isFrontMissing ? unreadableAtEnd(log, chain, orphans) : [];
  for (const { name: file, bytes, reason } of unreadable) {
    damage.push({ file, epoch: end.epoch + 1, offset: 0, bytes, reason });
  }
  const missing = missingFile(log, chain, end, syncedThrough);
  const misfit = isMisfit(chain, end, syncedThrough);
  if (missing !== undefined) damage.push(missing);
  else if (isBelowSynced || misfit) damage.push(damagedEnd(chain, end, syncedThrough));
  const droppedBytes = dropped(chain, rests);
  const { id: row, verdict } = verdictRow({
    // A file that was refused, or lost its header, is there: nothing has to be put back, only put right.
    isFileMissing: missing !== undefined && log.refused.length === 0 && unreadable.length === 0,
    isBelowSynced,
    isHeaderLost: orphans.length > 0 || unreadable.length > 0,
    isContradictory: misfit || log.refused.length > 0 || flaws.length > 0,
    isFollowed: chain.end.isBroken || droppedBytes > 0,
  });
  const lostFiles = new Set([...orphans.map(({ file }) => file), ...unreadable]);
  const neverStarted = lost.filter(({ file }) => !lostFiles.has(file)).map(({ file }) => file.name);
  const incarnations = [log.incarnation, checkpoint?.incarnation ?? 0, ...lost.map(({ rest }) => rest.incarnationMax)];
  return {
    log,
    chain,
    position,
    syncedThrough,
    checkpoint,
    verdict,
    row,
    damage,
    rests,
    droppedBytes,
    neverStarted,
    incarnationMax: incarnations.reduce((highest, one) => Math.max(highest, one), 0),
    bytesRead: chain.bytesRead,
  };
}

const EMPTY: LogPosition = { epoch: 0, nextSeq: 1, headerCrc: 0, certificateCrc: 0 };

/** Where the log goes on behind a chain that ends at `end`: never before what the store holds already. */
function restartOf({ checkpoint }: LogFiles, end: LogPosition): LogPosition {
  if (checkpoint === undefined || end.nextSeq > checkpoint.throughSeq) return end;
  // The log ends below the checkpoint: the numbers up to it are taken, and the chain starts anew without a digest.
  const epoch = Math.max(end.epoch, checkpoint.throughEpoch);
  return { epoch, nextSeq: checkpoint.throughSeq + 1, headerCrc: 0, certificateCrc: 0 };
}

/** What the newest incarnation wrote behind the chain's end, file by file. */
function restsOf(directory: Directory, log: LogFiles, chain: Chain): { file: ListedFile; rest: Rest }[] {
  const rests: { file: ListedFile; rest: Rest }[] = [];
  const first = chain.files[0]?.file.fileNumber ?? 0;
  for (const file of log.files) {
    if (file.header.incarnation !== log.incarnation || file.fileNumber < first) continue;
    const part = chain.files.find((one) => one.file === file);
    // In a file that the chain went through to the next, what follows is older than what is in the chain.
    if (part !== undefined && part !== chain.files.at(-1)) continue;
    const home = { fileNumber: file.fileNumber, logId: file.header.logId, incarnationMin: log.incarnation };
    const rest = scanRest(directory, file.name, part?.endOffset ?? FILE_HEADER_BYTES, home);
    if (rest.segments > 0 || rest.otherBytes > 0) rests.push({ file, rest });
  }
  return rests;
}

function headerlessRests(directory: Directory, log: LogFiles): { file: LogFiles['headerless'][number]; rest: Rest }[] {
  return log.headerless.map((file) => {
    // Bytes of an older incarnation prove nothing; without any header whatever is there counts.
    const home = { fileNumber: file.fileNumber, logId: log.logId, incarnationMin: log.incarnation };
    return { file, rest: scanRest(directory, file.name, FILE_HEADER_BYTES, home) };
  });
}

/**
 * Files without a readable header that stand just where the chain ends too early: one of them should have gone on.
 *
 * What is in them is of an older incarnation, which proves nothing by itself; that the chain ends there does.
 */
function unreadableAtEnd(
  log: LogFiles,
  chain: Chain,
  orphans: readonly { file: LogFiles['headerless'][number] }[],
): LogFiles['headerless'] {
  const first = chain.isFrontMissing ? 0 : (chain.files.at(-1)?.file.fileNumber ?? 0);
  const next = chain.next?.fileNumber ?? 0;
  return log.headerless.filter(
    (one) => one.fileNumber > first && one.fileNumber < next && !orphans.some(({ file }) => file === one),
  );
}

/**
 * S: the highest `syncedThrough` that the newest incarnation wrote anywhere.
 *
 * Records of older incarnations are in the opening file's header already, or were given up with `stop` (R6).
 */
function syncedThroughOf(log: LogFiles, chain: Chain, rests: LogScan['rests']): number {
  let highest = chain.syncedThrough;
  for (const { header } of log.files) {
    if (header.incarnation === log.incarnation) highest = Math.max(highest, header.syncedThrough);
  }
  for (const { rest } of rests) highest = Math.max(highest, rest.syncedThrough);
  if (log.checkpoint?.incarnation === log.incarnation) highest = Math.max(highest, log.checkpoint.syncedThrough);
  return highest;
}

/** The file, or the files, that must have been there, as an entry of the list of damage. */
function missingFile(log: LogFiles, chain: Chain, end: LogPosition, syncedThrough: number): DamageEntry | undefined {
  const { checkpoint } = log;
  const entry = (file: string, epoch: number, reason: string): DamageEntry => ({
    file,
    epoch,
    offset: 0,
    bytes: 0,
    reason,
  });
  if (chain.isFrontMissing && chain.next !== undefined) {
    return entry(chain.next.name, 1 + (checkpoint?.throughEpoch ?? 0), 'the files before this one are missing');
  }
  // A checkpoint that is known to be synced proves that the file of its incarnation was, too.
  if (
    checkpoint !== undefined &&
    checkpoint.incarnation > log.incarnation &&
    checkpoint.syncedThrough >= checkpoint.throughEpoch
  ) {
    const isAnyHeaderLost = log.headerless.length > 0;
    if (!isAnyHeaderLost)
      return entry('checkpoint', checkpoint.throughEpoch, 'the files of the newest incarnation are missing');
  }
  const last = chain.files.at(-1)?.file;
  if (last === undefined || chain.next === undefined || chain.end.isBroken || end.epoch >= syncedThrough)
    return undefined;
  if (!isAnyNumberMissing(log.fileNumbers, last.fileNumber, chain.next.fileNumber)) return undefined;
  return entry(chain.next.name, end.epoch + 1, 'a file before this one is missing');
}

/** Whether a file that was started within what is synced does not go on from where the chain stood there. */
function isMisfit({ next, isFrontMissing }: Chain, end: LogPosition, syncedThrough: number): boolean {
  if (next === undefined || isFrontMissing) return false;
  const { start } = next.header;
  if (start.epoch > end.epoch || start.epoch > syncedThrough) return false;
  return !isSamePosition(start, end);
}

function damagedEnd({ files, end: place }: Chain, end: LogPosition, syncedThrough: number): DamageEntry {
  const last = files.at(-1);
  const epoch = end.epoch + 1;
  const reason = `${place.reason}; the log was synced through epoch ${syncedThrough}`;
  const bytes = last === undefined ? 0 : last.file.bytes - last.endOffset;
  return { file: last?.file.name ?? '', epoch, offset: Math.max(place.offset, last?.endOffset ?? 0), bytes, reason };
}

/** Bytes that were written behind the end and do not count. */
function dropped(chain: Chain, rests: LogScan['rests']): number {
  let bytes = 0;
  for (const { file, rest } of rests) {
    // In a file that was recycled, bytes that are no segment of ours are leftovers.
    const isRecycled = (file.header.flags & FILE_FLAG.recycled) !== 0;
    bytes += rest.segmentBytes + (isRecycled ? 0 : rest.otherBytes);
  }
  if (bytes === 0 && chain.end.isBroken) return SEGMENT_ALIGNMENT;
  return bytes;
}

/** The part of a report that a scan can fill in. */
export function reportOf(scan: LogScan): RecoveryReport {
  const { chain, position } = scan;
  const sum = (value: (part: Chain['files'][number]) => number): number =>
    chain.files.reduce((all, part) => all + value(part), 0);
  const firstSeq = chain.files[0]?.file.header.start.nextSeq ?? 1;
  const lastSeq = (chain.files.at(-1)?.end.nextSeq ?? 1) - 1;
  const isEmpty = lastSeq < firstSeq;
  return {
    ...emptyReport(),
    firstSeq: isEmpty ? 0 : firstSeq,
    lastSeq: isEmpty ? Math.max(0, position.nextSeq - 1) : lastSeq,
    segments: sum(({ segments }) => segments),
    epochs: sum(({ epochs }) => epochs),
    voids: sum(({ voids }) => voids),
    bytesRead: scan.bytesRead,
    tail: scan.verdict === 'gap' ? 'damaged' : scan.verdict,
    droppedBytes: scan.droppedBytes,
    damage: [...scan.damage],
    cleanlyClosed: chain.isClean && scan.verdict === 'clean',
    neverStarted: [...scan.neverStarted],
    durationMs: scan.durationMs,
  };
}

/**
 * Ends a recovery that may not go on: damage fails by default, before anything was changed (R2).
 *
 * @throws {WalError} ERR_WAL_CORRUPT, ERR_WAL_GAP with the whole list of damage
 */
export function refuseDamage(scan: LogScan, onDamage: OnDamage = 'fail'): void {
  if (scan.verdict === 'clean' || scan.verdict === 'torn' || onDamage !== 'fail') return;
  const [first] = scan.damage;
  const place = first === undefined ? '' : ` ${first.file} at ${first.offset}, epoch ${first.epoch}: ${first.reason}.`;
  const details = {
    ...first,
    damage: scan.damage,
    lastSeq: scan.position.nextSeq - 1,
    syncedThrough: scan.syncedThrough,
  };
  if (scan.verdict === 'gap') throw new WalError('ERR_WAL_GAP', `Part of the log is missing:${place}`, details);
  throw new WalError('ERR_WAL_CORRUPT', `The log is damaged:${place}`, details);
}

/** What `stop` leaves out: the damage itself, and what the newest incarnation wrote behind it. */
export function notRecoveredOf({ damage, rests }: LogScan): DamageEntry[] {
  if (damage.length === 0) return [];
  const behind = rests.flatMap(({ file, rest: { first, endOffset } }) =>
    first === undefined
      ? []
      : [
          {
            file: file.name,
            epoch: first.epoch,
            offset: first.offset,
            bytes: endOffset - first.offset,
            reason: 'it stands behind the damage',
          },
        ],
  );
  return [...damage, ...behind];
}
