// A log of entries, as every thread of the process sees it: append, wait, read. Entries are operations of commits of
// the log below; one batch is one commit. Not here: opening, truncation, saved states (typed-log.ts).

import { invalidArgument, WalError } from '../base/errors.js';
import type { WaitOptions } from '../base/wait-bounds.js';
import type { Commit } from '../commit.js';
import { type LogSource, refuseEnded } from '../follow/durable-commits.js';
import { type CommitInput, OPERATION_BYTES_MAX } from '../record/commit.js';
import type { WalWriter, AppendOptions as WriterOptions } from '../writer.js';
import type { Codec } from './codec.js';
import { checkEntriesOptions, decode, durableEntries, type EntriesOptions, type LoggedEntry } from './entries.js';
import { type EntryIds, EntryIndex } from './entry-index.js';
import { readIdMarks } from './id-marks.js';
import { ENTRY_CODE } from './layout.js';
import { type PendingSync, PendingSyncs } from './pending-syncs.js';
import { entriesById } from './placed-entries.js';

/** What goes into one commit with the entries, and how long to wait for room. */
export interface EntryAppendOptions extends WriterOptions, Omit<CommitInput, 'operations'> {}

/** Settings of a log of entries that every thread has. */
export interface EntrySettings {
  /** How many entries of a thread ask for a seal. */
  readonly every: number;
  readonly entryBytesMax: number;
  readonly logId: number;
}

/** Entries that were appended together: one entry, or a batch. */
export class Appended {
  /** Their commit; 0 for an empty batch, which is none. */
  readonly seq: number;
  readonly count: number;
  readonly #commit: Commit | undefined;
  readonly #ids: (seq: number, options: WaitOptions) => Promise<EntryIds>;

  /** @internal */
  constructor(
    commit: Commit | undefined,
    count: number,
    ids: (seq: number, options: WaitOptions) => Promise<EntryIds>,
  ) {
    this.seq = commit?.seq ?? 0;
    this.count = count;
    this.#commit = commit;
    this.#ids = ids;
  }

  /** Resolves when they survive power loss. @throws {WalError} as `commit.durable()` */
  async durable(options?: WaitOptions): Promise<void> {
    await this.#commit?.durable(options);
  }

  /** Resolves when they survive the death of the process. @throws {WalError} as `commit.written()` */
  async written(options?: WaitOptions): Promise<void> {
    await this.#commit?.written(options);
  }

  /** Like {@link durable}, blocking this thread; for workers. */
  waitDurable(timeoutMs: number): void {
    this.#commit?.waitDurable(timeoutMs);
  }

  /**
   * The ids, once they are durable: before, nobody can know how many entries stand in front of them.
   *
   * @throws {WalError} as {@link durable}; ERR_WAL_OVERTAKEN when they were truncated meanwhile
   */
  ids(options: WaitOptions = {}): Promise<EntryIds> {
    return this.#ids(this.seq, options);
  }
}

/**
 * Appends and reads entries from one thread.
 *
 * Threading: belongs to one thread. Source: design/typed-log.md.
 */
export class EntryLog<E> {
  /** The codec in use. */
  readonly codec: Codec<E>;
  /** @internal */
  readonly source: LogSource;
  /** @internal */
  protected readonly index: EntryIndex;
  readonly #writer: WalWriter;
  #settings: EntrySettings;
  /** @internal Told of what this thread appends. */
  protected readonly appendListeners = new Set<(appended: Appended) => void>();
  readonly #syncs: PendingSyncs;
  /** One for all appends. */
  readonly #idsOf = (seq: number, options: WaitOptions): Promise<EntryIds> => this.#ids(seq, options);
  #unasked = 0;

  /** @internal */
  constructor(writer: WalWriter, source: LogSource, codec: Codec<E>, settings: EntrySettings) {
    this.#writer = writer;
    this.source = source;
    this.codec = codec;
    this.#settings = settings;
    this.index = new EntryIndex(source, () => readIdMarks(source.directory, settings.logId));
    this.#syncs = new PendingSyncs(writer.waiters.durable);
  }

  /** @internal The id of the log. */
  get logId(): number {
    return this.#settings.logId;
  }

  /** This thread's writer of the log below. */
  get writer(): WalWriter {
    return this.#writer;
  }

  /**
   * Appends one entry; no I/O.
   *
   * @throws {WalError} as `writer.append`, ERR_WAL_RECORD_TOO_LARGE, and what the codec throws; nothing was
   *   appended then
   * Durability: none yet. Await `durable()` of the result, or use {@link appendDurable}.
   */
  append(entry: E, options?: EntryAppendOptions): Appended {
    if (options !== undefined) return this.appendBatch([entry], options);
    // As most appends are: nothing to be copied but the entry.
    const operations = [{ code: ENTRY_CODE, bytes: this.#encode(entry) }];
    return this.#appended(this.#writer.append({ operations }), 1);
  }

  /**
   * Appends entries as one commit: all of them are there after a crash, or none. An empty batch does nothing.
   *
   * With `pages`, `sizes` and the like in the options, those are part of the commit, in front of the entries.
   *
   * @throws {WalError} as {@link append}: all entries are encoded before anything is appended
   */
  appendBatch(entries: readonly E[], { timeoutMs, ...rest }: EntryAppendOptions = {}): Appended {
    const operations = entries.map((entry) => ({ code: ENTRY_CODE, bytes: this.#encode(entry) }));
    const isNothing = operations.length === 0 && rest.pages === undefined && rest.sizes === undefined;
    if (isNothing && rest.dbSizePages === undefined) return this.#appended(undefined, 0);
    const bounds = timeoutMs === undefined ? {} : { timeoutMs };
    return this.#appended(this.#writer.append({ ...rest, operations }, bounds), operations.length);
  }

  /** Like {@link appendBatch}, waiting for room without blocking. */
  async appendBatchAsync(
    entries: readonly E[],
    { timeoutMs, signal, ...rest }: EntryAppendOptions & { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Appended> {
    const operations = entries.map((entry) => ({ code: ENTRY_CODE, bytes: this.#encode(entry) }));
    if (operations.length === 0 && rest.pages === undefined) return this.#appended(undefined, 0);
    const commit = await this.#writer.appendAsync({ ...rest, operations }, { timeoutMs, signal });
    return this.#appended(commit, operations.length);
  }

  /**
   * Appends one entry and waits until it is durable. Entries of any threads that wait at the same time share one sync.
   *
   * @returns its id
   */
  async appendDurable(entry: E, options: WaitOptions = {}): Promise<number> {
    const appended = this.append(entry);
    return (await appended.ids(options)).firstId;
  }

  /**
   * Starts a sync of everything appended by now, by any thread, and goes on: the result says when it is done. At most
   * four are under way; then this waits for one of them.
   *
   * @throws {WalError} ERR_WAL_TIMEOUT, ERR_WAL_ABORTED while it waits for one of four
   */
  syncAsync(options: WaitOptions = {}): Promise<PendingSync> {
    return this.#syncs.start(this.source.control.commitSeqNext.load() - 1, options);
  }

  /** The oldest entry that is there; one more than {@link lastId} when there is none. */
  get firstId(): number {
    return this.counted().firstId;
  }

  /** The last durable entry; 0 before the first. */
  get lastId(): number {
    return this.counted().lastId;
  }

  /** How many durable entries there are. */
  count(): number {
    const { lastId, firstId } = this.counted();
    return lastId + 1 - firstId;
  }

  /**
   * Durable entries in the order of their ids: an async iterator. What is still to be read stays in the log until the
   * iteration ends.
   *
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT; ERR_WAL_OVERTAKEN (`from` is truncated), ERR_WAL_CORRUPT (an entry
   *   that the codec does not know, in mode `strict`), ERR_WAL_ABORTED, ERR_WAL_CLOSED, ERR_WAL_IO
   */
  entries(options: EntriesOptions = {}): AsyncIterableIterator<LoggedEntry<E>, undefined> {
    checkEntriesOptions(options);
    return durableEntries(this.source, this.counted(), this.codec, options);
  }

  /** Like {@link entries}, collected; with `backward` newest first. */
  async collect(options: Omit<EntriesOptions, 'follow'> = {}): Promise<LoggedEntry<E>[]> {
    const all: LoggedEntry<E>[] = [];
    for await (const entry of this.entries(options)) all.push(entry);
    return all;
  }

  /**
   * Entries by their ids: what an index of entries refers to.
   *
   * @param ids - in any order, also several times
   * @returns for each of them the entry, or undefined for one that is truncated or not durable
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT; ERR_WAL_OVERTAKEN when some are truncated meanwhile; ERR_WAL_CORRUPT
   *   (also for an entry that the codec refuses), ERR_WAL_CLOSED, ERR_WAL_IO
   */
  async get(ids: readonly number[]): Promise<(LoggedEntry<E> | undefined)[]> {
    const bad = ids.find((id) => !Number.isSafeInteger(id) || id < 1);
    if (bad !== undefined) throw invalidArgument('The id of an entry is a whole number from 1.', { id: String(bad) });
    const index = this.counted();
    const { firstId, lastId } = index;
    const there = new Set(ids.filter((id) => id >= firstId && id <= lastId));
    const found = new Map<number, LoggedEntry<E>>();
    for (const raw of entriesById(
      this.source,
      index,
      [...there].sort((one, other) => one - other),
    )) {
      const { bytes, ...place } = raw;
      const { entry } = decode(this.codec, bytes, place, {}) as { entry: E };
      found.set(raw.id, { ...place, entry });
    }
    return ids.map((id) => found.get(id));
  }

  #encode(entry: E): Uint8Array {
    const bytes = this.codec.encode(entry);
    const { entryBytesMax } = this.#settings;
    if (!(bytes instanceof Uint8Array)) throw invalidArgument('A codec must encode an entry as a Uint8Array.');
    if (bytes.length <= entryBytesMax) return bytes;
    const message = `An entry of ${bytes.length} bytes is larger than ${entryBytesMax}.`;
    throw new WalError('ERR_WAL_RECORD_TOO_LARGE', message, { bytes: bytes.length, entryBytesMax });
  }

  /** @internal The settings in force in this thread. */
  protected get settings(): EntrySettings {
    return this.#settings;
  }

  protected set settings(settings: EntrySettings) {
    this.#settings = settings;
  }

  /** @internal The index, with everything durable in it. */
  protected counted(): EntryIndex {
    refuseEnded(this.source.control);
    this.index.catchUp();
    return this.index;
  }

  #appended(commit: Commit | undefined, count: number): Appended {
    this.#unasked += count;
    if (commit !== undefined && this.#unasked >= this.#settings.every) {
      this.#unasked = 0;
      this.source.control.demandThrough(commit.seq);
    }
    const appended = new Appended(commit, count, this.#idsOf);
    if (commit !== undefined) for (const listener of this.appendListeners) listener(appended);
    return appended;
  }

  async #ids(seq: number, options: WaitOptions): Promise<EntryIds> {
    if (seq === 0) return { firstId: 1, lastId: 0 };
    await this.followed(seq, () => this.counted().throughSeq, options);
    return this.index.idsOf(seq);
  }

  /** @internal Resolves when a commit is durable, and what follows the durable log has come to it. */
  async followed(seq: number, follow: () => number, options: WaitOptions = {}): Promise<void> {
    await this.#writer.waiters.durable.wait(seq, options);
    const { control } = this.source;
    for (;;) {
      // I7: the turn before the mark; the epoch's moves right behind the sequence's.
      const turn = control.durableTurn.load();
      if (follow() >= seq) return;
      await control.durableTurn.waitAsync(turn);
    }
  }
}

/** Largest entry that is taken unless more is asked for, in bytes. */
export const ENTRY_BYTES_DEFAULT = 16 * 2 ** 20;

/** Checks a bound of entries. @throws {WalError} ERR_WAL_INVALID_ARGUMENT */
export function checkEntryBytesMax(entryBytesMax: number): void {
  if (Number.isSafeInteger(entryBytesMax) && entryBytesMax >= 1 && entryBytesMax <= OPERATION_BYTES_MAX) return;
  throw invalidArgument(`entryBytesMax lies from 1 to ${OPERATION_BYTES_MAX}.`, { entryBytesMax });
}
