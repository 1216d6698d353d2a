// How long log files stay: writes checkpoint records, lets files go that nobody needs, and says who needs the others
// (design/retention.md). Only the flusher's thread uses it. Strictly oldest first, so that the log never has a hole.

import { wallClockMs } from '../base/clock.js';
import { invalidArgument, WalError } from '../base/errors.js';
import type { Control } from '../epoch/control.js';
import type { PinKind } from '../epoch/pins.js';
import {
  type CheckpointRecord,
  type HeldLog,
  type StoreIdentity,
  writeCheckpointRecord,
} from '../log/checkpoint-record.js';
import type { LogWriter, OlderFile, Release } from '../log/log-writer.js';
import type { Directory } from '../storage/directory.js';
import type { LogFileInfo } from './messages.js';

/** Who keeps a log file; `none` when it goes with the next checkpoint. */
export type KeptBy = 'current' | 'checkpoint' | PinKind | HoldName | 'none';

/** Who may hold a file back that checkpoints and pins let go. */
export type HoldName = 'archive' | 'observer';

/**
 * Holds files back until something has happened to them. The one place for it: asked for each file in turn, oldest
 * first, once checkpoint and pins let it go; after a change call {@link Retention.release} again.
 */
export interface ReleaseHold {
  readonly name: HoldName;
  holds(file: OlderFile): boolean;
  /** Takes a file that nobody holds any more, instead of having it recycled; undefined where files are never taken. */
  take?(file: OlderFile): Release;
}

/** What the checkpoint slots hold when the log is opened. */
export interface CheckpointStart {
  /** Of the newest record; zeros when there is none. */
  readonly generation: number;
  readonly throughSeq: number;
  readonly store: StoreIdentity | undefined;
  /** How far the record in the other slot goes; -1 when there is none, or none that can be read. */
  readonly otherThroughSeq: number;
}

/** What recovery found in the slots. */
export function checkpointStart(found: {
  readonly checkpoint: CheckpointRecord | undefined;
  readonly checkpointBefore: CheckpointRecord | undefined;
}): CheckpointStart {
  const { generation = 0, throughSeq = 0, store } = found.checkpoint ?? {};
  return { generation, throughSeq, store, otherThroughSeq: found.checkpointBefore?.throughSeq ?? -1 };
}

/** What a record says of the log it belongs to. */
export interface RetentionIdentity {
  readonly logId: number;
  readonly incarnation: number;
  /** False under policy `off`. */
  readonly sync: boolean;
}

/** Who needs a file, from which commit on. */
interface Holder {
  readonly by: KeptBy;
  readonly throughSeq: number;
}

/** What the file is kept by, in the words of a message. */
const IN_WORDS: Readonly<Record<Exclude<KeptBy, 'current' | 'none'>, string>> = {
  checkpoint: 'no checkpoint went beyond',
  reader: 'a reader needs everything above',
  snapshot: 'a snapshot needs everything above',
  backup: 'a backup needs everything above',
  archive: 'the archive has nothing above',
  observer: 'an observer (wal.onRelease) keeps everything above',
};

/** The log files of one open log, as far as keeping them goes. */
export class Retention {
  readonly #directory: Directory;
  readonly #control: Control;
  readonly #log: LogWriter;
  readonly #identity: RetentionIdentity;
  readonly #holds: readonly ReleaseHold[];
  #checkpoint: CheckpointStart;

  constructor(
    directory: Directory,
    control: Control,
    log: LogWriter,
    identity: RetentionIdentity,
    checkpoint: CheckpointStart,
    holds: readonly ReleaseHold[],
  ) {
    this.#directory = directory;
    this.#control = control;
    this.#log = log;
    this.#identity = identity;
    this.#checkpoint = checkpoint;
    this.#holds = holds;
  }

  /** The last commit that the newest checkpoint covers. */
  get checkpointSeq(): number {
    return this.#checkpoint.throughSeq;
  }

  /**
   * Notes durably that everything up to `throughSeq` is in the store.
   *
   * @param store - the page file as of this checkpoint, if that is what the store is
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT beyond the durable mark; ERR_WAL_EXHAUSTED, ERR_WAL_STORAGE_FULL
   *   (nothing has changed), ERR_WAL_IO
   */
  checkpoint(throughSeq: number, store?: StoreIdentity): void {
    const durableSeq = this.#control.durableSeq.load();
    if (!Number.isSafeInteger(throughSeq) || throughSeq < 0 || throughSeq > durableSeq) {
      throw invalidArgument(`throughSeq is ${throughSeq}; it must be a commit up to the durable mark ${durableSeq}.`, {
        throughSeq,
        durableSeq,
      });
    }
    if (!isStore(store))
      throw invalidArgument('store must have sizePages and page1Crc, both whole numbers.', { store });
    const before = this.#checkpoint;
    const isNews = throughSeq > before.throughSeq || (throughSeq === before.throughSeq && !isSame(store, before.store));
    if (isNews) this.#write(throughSeq, store);
  }

  /**
   * Recycles the files that nobody needs.
   *
   * @returns whether there was any
   * @throws {WalError} ERR_WAL_STORAGE_FULL (the rest goes with the next checkpoint), ERR_WAL_IO
   */
  release(): boolean {
    const before = this.#log.olderFiles.length;
    this.#log.release(this.checkpointSeq, (file) => this.#letGo(file));
    return this.#log.olderFiles.length < before;
  }

  /** The log files, oldest first, and who keeps each. */
  files(): LogFileInfo[] {
    let before: KeptBy = 'none';
    return this.#log.files().map(({ fileNumber, name, bytes, endSeq, isCurrent }, index) => {
      const file = this.#log.olderFiles[index];
      const own = file === undefined ? 'current' : (this.#holderOf(file, this.checkpointSeq)?.by ?? 'none');
      // Oldest first: what nobody needs waits for what is in front of it.
      before = own === 'none' ? before : own;
      return { fileNumber, name, bytes, endSeq, isCurrent, keptBy: before };
    });
  }

  /** Why the log is full, for whoever waits. */
  fullError({ details }: WalError): WalError {
    const { maxLogBytes } = details as { maxLogBytes: number };
    const [oldest] = this.#log.olderFiles;
    const holder = oldest && this.#holderOf(oldest, this.checkpointSeq);
    const by = holder?.by ?? 'none';
    const why =
      by === 'current' || by === 'none'
        ? 'its files are about to be let go'
        : `${IN_WORDS[by]} commit ${holder?.throughSeq}`;
    const message = `The log has reached its ${maxLogBytes} bytes (maxLogBytes): ${why}.`;
    const more = { keptBy: by, throughSeq: holder?.throughSeq ?? 0, file: oldest?.name ?? '' };
    return new WalError('ERR_WAL_LOG_FULL', message, { ...details, ...more });
  }

  #write(throughSeq: number, store: StoreIdentity | undefined): void {
    const { sync, logId, incarnation } = this.#identity;
    const generation = this.#checkpoint.generation + 1;
    const record = {
      logId,
      incarnation,
      generation,
      throughSeq,
      throughEpoch: this.#log.epochThrough(throughSeq),
      syncedThrough: this.#log.syncedThrough,
      wallClockMs: wallClockMs(),
      store,
      held: this.#heldAt(throughSeq),
    };
    writeCheckpointRecord(this.#directory, record, { sync });
    this.#checkpoint = { generation, throughSeq, store, otherThroughSeq: this.#checkpoint.throughSeq };
  }

  /** Lets a file go if nobody needs it; from then on it is as good as gone. */
  #letGo(file: OlderFile): Release {
    const lastSeq = file.endSeq - 1;
    if (this.#holderOf(file, this.checkpointSeq) !== undefined) return 'stay';
    // C2: each of the two records must be enough without the file, or damage to the newer one would lose the log.
    if (this.#checkpoint.otherThroughSeq < lastSeq) this.#write(this.#checkpoint.throughSeq, this.#checkpoint.store);
    // P1: a pin that was taken behind the look above is seen here, or is refused.
    if (this.#control.pins.advanceReleased(lastSeq) < lastSeq) return 'stay';
    return this.#holds.find((hold) => hold.take !== undefined)?.take?.(file) ?? 'recycle';
  }

  /** Who needs a file once the store is at `checkpointSeq`. */
  #holderOf(file: OlderFile, checkpointSeq: number): Holder | undefined {
    const lastSeq = file.endSeq - 1;
    // A checkpoint that may not go on for a snapshot is not what to wait for.
    const pinBelow = this.#control.pins.oldest(['snapshot', 'backup']);
    if (pinBelow !== undefined && pinBelow.throughSeq < lastSeq)
      return { by: pinBelow.kind, throughSeq: pinBelow.throughSeq };
    if (lastSeq > checkpointSeq) return { by: 'checkpoint', throughSeq: checkpointSeq };
    const pin = this.#control.pins.oldest();
    if (pin !== undefined && pin.throughSeq < lastSeq) return { by: pin.kind, throughSeq: pin.throughSeq };
    const hold = this.#holds.find((each) => each.holds(file));
    return hold && { by: hold.name, throughSeq: this.#control.pins.releasedSeq };
  }

  #heldAt(checkpointSeq: number): HeldLog | undefined {
    const [oldest] = this.#log.olderFiles;
    const holder = oldest && this.#holderOf(oldest, checkpointSeq);
    if (holder === undefined) return undefined;
    const { by, throughSeq } = holder;
    return by === 'current' || by === 'checkpoint' || by === 'none' ? undefined : { by, throughSeq };
  }
}

function isStore(store: StoreIdentity | undefined): boolean {
  if (store === undefined) return true;
  const { sizePages, page1Crc } = store;
  return Number.isSafeInteger(sizePages) && sizePages >= 0 && Number.isInteger(page1Crc) && page1Crc >>> 0 === page1Crc;
}

function isSame(one: StoreIdentity | undefined, other: StoreIdentity | undefined): boolean {
  return one === undefined || (one.sizePages === other?.sizePages && one.page1Crc === other.page1Crc);
}
