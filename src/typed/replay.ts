// Replays the entries of a log that is not open, damaged or not: what a log that cannot be opened still holds. Takes
// the log as recovery does, and says the same of it. Not here: reading an open log (entries.ts).

import { monotonicMs } from '../base/clock.js';
import { WalError } from '../base/errors.js';
import { LOCK_NAME } from '../log/names.js';
import { logDirectoryPath } from '../recovery/recover.js';
import { type ReplayCommit, replayLog } from '../recovery/replay.js';
import type { RecoveryReport } from '../recovery/report.js';
import { type LogScan, notRecoveredOf, refuseDamage, reportOf, scanLog } from '../recovery/scan.js';
import type { Directory } from '../storage/directory.js';
import { acquireLock } from '../storage/lock.js';
import { NodeDirectory } from '../storage/node-directory.js';
import { type Codec, jsonCodec } from './codec.js';
import { checkEntriesOptions, decode, entryBytes, type ReplayMode } from './entries.js';
import { type IdMark, readIdMarks } from './id-marks.js';

/** Where an entry of a replay stands. */
export interface ReplayPlace {
  /** Null behind damage: nobody knows how many entries are missing in front of it. */
  readonly id: number | null;
  readonly seq: number;
}

/** How to replay. */
export interface ReplayEntriesOptions<E> {
  /** Default: JSON. */
  readonly codec?: Codec<E> | undefined;
  /**
   * What to do about damage, and about an entry that the codec refuses. `strict` (default): end with an error, at
   * damage before the first entry; `bestEffort`: end in front of it; `salvage`: go on behind it with what is whole.
   */
  readonly mode?: ReplayMode | undefined;
  /** Default 64 MiB. */
  readonly recoveryMemoryBytes?: number | undefined;
  /** Called for each entry, in the order of the log; a promise is awaited before the next. */
  apply(entry: E, place: ReplayPlace): void | Promise<void>;
}

/** What a replay found. */
export interface EntryReplayReport {
  /** The first and the last entry whose ids are known; null without any. */
  readonly firstId: number | null;
  readonly lastId: number | null;
  readonly replayed: number;
  /** Those of them behind damage, of which the ids are not known. */
  readonly withoutId: number;
  /** Entries that the codec refused. */
  readonly refused: readonly ReplayPlace[];
  /** Every entry that was durable, and is not truncated, was replayed. */
  readonly isComplete: boolean;
  readonly durationMs: number;
  /** What was found of the log: `damage`, and in `notRecovered` what was passed over, with places and reasons. */
  readonly log: RecoveryReport;
}

/**
 * Replays the entries of the closed log of `path`, which is the directory `<path>-wal`. Changes nothing.
 *
 * @throws {WalError} ERR_WAL_NOT_FOUND, ERR_WAL_LOCKED; `strict`: ERR_WAL_CORRUPT (damage, or an entry that the codec
 *   refuses), ERR_WAL_GAP (part of the log is missing, or nothing says which ids its entries have); ERR_WAL_VERSION,
 *   ERR_WAL_IO, and what `apply` throws
 *
 * Source: design/typed-log.md, "Replay of a closed log".
 */
export async function replayEntries<E>(path: string, options: ReplayEntriesOptions<E>): Promise<EntryReplayReport> {
  const directory = new NodeDirectory(logDirectoryPath(path));
  if (!directory.exists()) throw new WalError('ERR_WAL_NOT_FOUND', `There is no log in ${directory.path}.`, { path });
  const lock = acquireLock(directory.path, LOCK_NAME);
  try {
    return await replayEntriesOn(directory, options);
  } finally {
    lock.release();
  }
}

/** The same over any directory; the caller sees to it that nobody writes there. */
export async function replayEntriesOn<E>(
  directory: Directory,
  options: ReplayEntriesOptions<E>,
): Promise<EntryReplayReport> {
  checkEntriesOptions(options);
  const startedMs = monotonicMs();
  const { mode = 'strict', recoveryMemoryBytes } = options;
  const scan = await scanLog(directory, { recoveryMemoryBytes });
  if (mode === 'strict') refuseDamage(scan);
  const log = reportOf(scan);
  const start = startOf(directory, scan, log);
  if (mode === 'strict' && start.id === null) {
    const message = 'The beginning of the log is gone, and nothing beside it says which ids its entries have.';
    throw new WalError('ERR_WAL_GAP', message, { firstSeq: log.firstSeq });
  }
  const replay = new EntryReplay(options, start, log.lastSeq);
  const isSalvage = mode === 'salvage' && scan.damage.length > 0;
  const found = await replayLog(directory, scan, replay, { afterSeq: start.seq, isSalvage, recoveryMemoryBytes });
  log.commitsApplied = found.commitsApplied;
  log.bytesRead += found.bytesRead;
  log.notRecovered = isSalvage ? [...found.notRecovered] : notRecoveredOf(scan);
  const isComplete = scan.damage.length === 0 && start.id !== null && replay.refused.length === 0;
  return { ...replay.report(), isComplete, durationMs: monotonicMs() - startedMs, log };
}

/** Where the entries begin: behind this commit, with what id in front, and from which one on they are not truncated. */
interface ReplayStart {
  readonly seq: number;
  readonly id: number | null;
  readonly firstId: number;
}

/** The newest mark says it; without one the log has to begin with its first commit. */
function startOf(directory: Directory, scan: LogScan, { firstSeq }: RecoveryReport): ReplayStart {
  const { logId } = scan.log;
  const marks = logId === undefined ? [] : readIdMarks(directory, logId);
  const newest = marks.reduce<IdMark | undefined>((one, other) => {
    return one === undefined || other.firstId > one.firstId ? other : one;
  }, undefined);
  if (newest !== undefined) return { seq: newest.throughSeq, id: newest.throughId, firstId: newest.firstId };
  return { seq: 0, id: firstSeq <= 1 ? 0 : null, firstId: 1 };
}

class EntryReplay<E> {
  readonly refused: ReplayPlace[] = [];
  readonly #options: ReplayEntriesOptions<E>;
  readonly #codec: Codec<E>;
  readonly #provenSeq: number;
  readonly #start: ReplayStart;
  #idBefore: number | null;
  #firstId: number | null = null;
  #lastId: number | null = null;
  #replayed = 0;
  #withoutId = 0;
  #hasEnded = false;

  /** @param provenSeq - behind this commit there is damage */
  constructor(options: ReplayEntriesOptions<E>, start: ReplayStart, provenSeq: number) {
    this.#options = options;
    this.#codec = options.codec ?? jsonCodec<E>();
    this.#start = start;
    this.#idBefore = start.id;
    this.#provenSeq = provenSeq;
  }

  async commit({ seq, records }: ReplayCommit): Promise<void> {
    if (seq > this.#provenSeq) this.#idBefore = null;
    for (const bytes of entryBytes({ records: records() })) {
      if (this.#hasEnded) return;
      const id = this.#idBefore === null ? null : this.#idBefore + 1;
      this.#idBefore = id;
      if (id !== null && id < this.#start.firstId) continue;
      await this.#entry(bytes.slice(), { id, seq });
    }
  }

  report(): Pick<EntryReplayReport, 'firstId' | 'lastId' | 'replayed' | 'withoutId' | 'refused'> {
    const [firstId, lastId] = [this.#firstId, this.#lastId];
    return { firstId, lastId, replayed: this.#replayed, withoutId: this.#withoutId, refused: this.refused };
  }

  async #entry(bytes: Uint8Array, place: ReplayPlace): Promise<void> {
    const { mode, apply } = this.#options;
    const onBadEntry = (): void => void this.refused.push(place);
    const decoded = decode(this.#codec, bytes, place, { mode, onBadEntry });
    if (decoded === 'end') this.#hasEnded = true;
    if (decoded === 'end' || decoded === 'skip') return;
    await apply(decoded.entry, place);
    this.#replayed += 1;
    if (place.id === null) this.#withoutId += 1;
    else {
      this.#firstId ??= place.id;
      this.#lastId = place.id;
    }
  }
}
