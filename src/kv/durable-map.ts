// A map that several threads use and that survives them: each thread appends its changes to the one log and applies
// everybody's in the order of the log. No thread waits for another, and none holds anything that a death would leave.
// Not here: what a change does (map-state.ts), keeping up with the log (map-replica.ts).

import { invalidArgument } from '../base/errors.js';
import type { WaitOptions } from '../base/wait-bounds.js';
import { refuseEnded } from '../follow/durable-commits.js';
import { type Codec, jsonCodec } from '../typed/codec.js';
import type { EntryLog } from '../typed/entry-log.js';
import { connectTypedLog, openTypedLog, type TypedLogOptions } from '../typed/open.js';
import type { TypedLog, TypedLogHandle } from '../typed/typed-log.js';
import { logicalCodec } from './codec.js';
import type { LogicalRecord } from './logical-record.js';
import { MapReplica } from './map-replica.js';
import type { MapState, Outcome } from './map-state.js';
import { COUNTER_BYTES, decodeCounter } from './replay.js';

/** How keys and values become bytes. */
export interface MapCodecs<K, V> {
  /** Default: text in UTF-8. Equal keys must have equal bytes. */
  readonly key?: Codec<K> | undefined;
  /** Default: JSON. */
  readonly value?: Codec<V> | undefined;
}

/** Options of {@link openDurableMap}: those of the log below but its codec, and how keys and values become bytes. */
export interface DurableMapOptions<K, V> extends Omit<TypedLogOptions<never>, 'codec'>, MapCodecs<K, V> {
  /** Commits behind the last saved state that make the map save one; default 100,000. */
  readonly compactCommits?: number | undefined;
}

/** Reaches an open map from other threads. Cloneable. */
export interface DurableMapHandle {
  readonly kind: 'lanewal-map';
  readonly log: TypedLogHandle;
}

/** One change of a batch. */
export type MapChange<K, V> =
  | { readonly set: K; readonly value: V }
  | { readonly delete: K }
  | { readonly increment: K; readonly by: bigint };

/** The contents as of one commit; later changes do not show. */
export interface MapSnapshot<K, V> {
  readonly seq: number;
  readonly size: number;
  get(key: K): V | undefined;
  has(key: K): boolean;
  counter(key: K): bigint;
  entries(): IterableIterator<[K, V]>;
}

const COMPACT_COMMITS = 100_000;

const textCodec: Codec<string> = {
  encode(key) {
    if (typeof key !== 'string') throw invalidArgument('A key must be text, unless a codec for keys is given.');
    return new TextEncoder().encode(key);
  },
  decode: (bytes) => new TextDecoder().decode(bytes),
};

/** A view of contents through the codecs. */
class MapView<K, V> implements MapSnapshot<K, V> {
  readonly seq: number;
  readonly #state: MapState;
  readonly #codecs: Required<MapCodecs<K, V>>;

  constructor(state: MapState, seq: number, codecs: Required<MapCodecs<K, V>>) {
    this.#state = state;
    this.seq = seq;
    this.#codecs = codecs;
  }

  get size(): number {
    return this.#state.size;
  }

  get(key: K): V | undefined {
    const bytes = this.#bytes(key);
    return bytes === undefined ? undefined : (this.#codecs.value as Codec<V>).decode(bytes);
  }

  has(key: K): boolean {
    return this.#bytes(key) !== undefined;
  }

  counter(key: K): bigint {
    const bytes = this.#bytes(key);
    return bytes === undefined ? 0n : decodeCounter(bytes);
  }

  *entries(): Generator<[K, V], void, void> {
    const { key, value } = this.#codecs as { key: Codec<K>; value: Codec<V> };
    for (const [name, bytes] of this.#state.entries()) yield [key.decode(name), value.decode(bytes)];
  }

  #bytes(key: K): Uint8Array | undefined {
    return this.#state.get((this.#codecs.key as Codec<K>).encode(key));
  }
}

/**
 * A durable map, as every thread has it. Reading is of what this thread has applied: all that it was told is durable,
 * and with {@link refresh} all that is.
 *
 * Threading: belongs to one thread. Memory: each thread holds the contents. Source: design/typed-log.md, "A map".
 */
export class DurableMap<K = string, V = unknown> {
  /** @internal */
  protected readonly replica: MapReplica;
  readonly #log: EntryLog<LogicalRecord>;
  readonly #codecs: Required<MapCodecs<K, V>>;

  /** @internal */
  constructor(log: EntryLog<LogicalRecord>, replica: MapReplica, { key, value }: MapCodecs<K, V>) {
    this.#log = log;
    this.#codecs = { key: key ?? (textCodec as unknown as Codec<K>), value: value ?? jsonCodec<V>() };
    this.replica = replica;
    replica.catchUp();
  }

  /** The last commit that is in the contents. */
  get seq(): number {
    return this.replica.throughSeq;
  }

  get size(): number {
    return this.replica.state.size;
  }

  /** The value of a key; undefined when it is not there. @throws what the codec throws, for a counter too */
  get(key: K): V | undefined {
    return this.#view().get(key);
  }

  has(key: K): boolean {
    return this.#view().has(key);
  }

  /** The counter under a key; 0 when it is not there. @throws {WalError} ERR_WAL_INVALID_ARGUMENT: it is no counter */
  counter(key: K): bigint {
    return this.#view().counter(key);
  }

  /** Keys and values; of a map without counters, unless the codec takes them. */
  entries(): IterableIterator<[K, V]> {
    return this.#view().entries();
  }

  /** The contents as they are now: a copy of the keys, not of what they hold. */
  snapshot(): MapSnapshot<K, V> {
    return new MapView(this.replica.state.copy(), this.seq, this.#codecs);
  }

  /** Brings the contents up to all that is durable. @throws {WalError} ERR_WAL_CLOSED, ERR_WAL_IO */
  refresh(): void {
    refuseEnded(this.#log.source.control);
    this.replica.catchUp();
  }

  /**
   * Sets a key. Resolves when that is durable, and in the contents.
   *
   * @throws {WalError} as `appendBatch` and `durable()` of a log of entries; ERR_WAL_OUTCOME_UNKNOWN when the log
   *   failed meanwhile
   */
  async set(key: K, value: V, options: WaitOptions = {}): Promise<void> {
    await this.#change([this.#upsert(key, value)], options);
  }

  /** Removes a key. @returns whether it was there */
  async delete(key: K, options: WaitOptions = {}): Promise<boolean> {
    const [outcome] = await this.#change([{ kind: 'remove', key: this.#key(key) }], options);
    return outcome?.isDone === true;
  }

  /**
   * Adds to the counter under a key; a key that is not there counts from 0.
   *
   * @returns the sum, each exactly once
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT: the key holds no counter, or the sum has more than 64 bits; nothing
   *   changed then
   */
  async increment(key: K, by = 1n, options: WaitOptions = {}): Promise<bigint> {
    const [outcome] = await this.#change([this.#increment(key, by)], options);
    if (outcome?.isDone === true) return decodeCounter(outcome.value as Uint8Array);
    throw invalidArgument('This key holds no counter, or one that would leave 64 bits.', { by: String(by) });
  }

  /**
   * Sets a key if it holds what is expected, as bytes; undefined: if it is not there.
   *
   * @returns whether it did
   */
  async compareAndSwap(key: K, expected: V | undefined, value: V, options: WaitOptions = {}): Promise<boolean> {
    const known = expected === undefined ? {} : { expected: this.#value(expected) };
    // Whether it succeeds is decided where it stands in the log; this is what its writer hopes for.
    const record = { kind: 'compareAndSwap', key: this.#key(key), value: this.#value(value), success: true } as const;
    const [outcome] = await this.#change([{ ...record, ...known }], options);
    return outcome?.isDone === true;
  }

  /** Makes several changes at once: nobody, and no crash, sees some of them. An impossible increment is left out. */
  async batch(changes: readonly MapChange<K, V>[], options: WaitOptions = {}): Promise<void> {
    const records = changes.map((change): LogicalRecord => {
      if ('set' in change) return this.#upsert(change.set, change.value);
      if ('delete' in change) return { kind: 'remove', key: this.#key(change.delete) };
      return this.#increment(change.increment, change.by);
    });
    if (records.length > 0) await this.#change(records, options);
  }

  async #change(records: readonly LogicalRecord[], options: WaitOptions): Promise<readonly Outcome[]> {
    const { replica } = this;
    const token = replica.expect();
    try {
      const { seq } = await this.#log.appendBatchAsync(records, { ...options, ...token });
      // Whoever was kept from running for long must not keep the log that its own commit needs room in.
      replica.catchUp();
      await this.#log.followed(seq, () => this.#caughtUp(seq), options);
      return replica.outcomes(token);
    } finally {
      replica.forget(token);
    }
  }

  #caughtUp(seq: number): number {
    if (this.replica.throughSeq < seq) this.replica.catchUp();
    return this.replica.throughSeq;
  }

  #view(): MapView<K, V> {
    return new MapView(this.replica.state, this.seq, this.#codecs);
  }

  #upsert(key: K, value: V): LogicalRecord {
    return { kind: 'upsert', key: this.#key(key), value: this.#value(value) };
  }

  #increment(key: K, delta: bigint): LogicalRecord {
    if (typeof delta !== 'bigint') throw invalidArgument('by must be a bigint.', { by: String(delta) });
    const name = this.#key(key);
    const present = this.replica.state.get(name);
    const isCounter = present?.length === COUNTER_BYTES;
    // The sum as its writer sees it; what counts is the delta, where it stands in the log.
    const result = BigInt.asIntN(64, (isCounter ? decodeCounter(present) : 0n) + delta);
    return { kind: 'increment', key: name, delta, result };
  }

  #key(key: K): Uint8Array {
    return (this.#codecs.key as Codec<K>).encode(key);
  }

  #value(value: V): Uint8Array {
    return (this.#codecs.value as Codec<V>).encode(value);
  }
}

/** A durable map, as the thread has it that opened it. */
export class OwnedDurableMap<K = string, V = unknown> extends DurableMap<K, V> {
  /** Reaches this map from other threads. */
  readonly handle: DurableMapHandle;
  /** The log of entries below. */
  readonly log: TypedLog<LogicalRecord>;
  readonly #compactCommits: number;
  #compactedSeq: number;
  #compacting: Promise<void> | undefined;
  #compactTimes = 0;
  readonly #stop: () => void;

  /** @internal */
  constructor(log: TypedLog<LogicalRecord>, options: DurableMapOptions<K, V>) {
    super(log, new MapReplica(log.source, log.logId), options);
    this.log = log;
    this.handle = { kind: 'lanewal-map', log: log.handle };
    this.#compactCommits = options.compactCommits ?? COMPACT_COMMITS;
    this.#compactedSeq = this.seq;
    this.#stop = log.wal.onDurable(({ lastSeq }) => {
      if (lastSeq - this.#compactedSeq >= this.#compactCommits) void this.#compactSoon(1);
    });
    // Twice: the log lets go of what both saved states hold.
    log.wal.on('checkpointWanted', () => void this.#compactSoon(2));
  }

  /** Saves the contents and lets the log go of what two saved states hold. @throws {WalError} as `log.saveState` */
  async compact(): Promise<void> {
    this.refresh();
    const { lastId, state } = this.replica;
    this.#compactedSeq = this.seq;
    await this.log.saveState({ state: state.encode(), lastId, metadata: { keys: state.size } });
  }

  /** Drains and closes the map. Twice is harmless. @throws {WalError} as `log.close()` */
  async close(options: { timeoutMs?: number } = {}): Promise<void> {
    this.#stop();
    await this.#compacting?.catch(() => undefined);
    this.replica.close();
    await this.log.close(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** A compaction by itself that fails costs nothing but the log's room; the log says so when that runs out. */
  async #compactSoon(times: number): Promise<void> {
    this.#compactTimes = Math.max(this.#compactTimes, times);
    if (this.#compacting !== undefined) return;
    this.#compacting = (async () => {
      for (; this.#compactTimes > 0; this.#compactTimes -= 1) await this.compact();
    })();
    await this.#compacting.catch(() => undefined);
    this.#compactTimes = 0;
    this.#compacting = undefined;
  }
}

/**
 * Opens the durable map of `path`, whose log is the directory `<path>-wal`; recovers it first.
 *
 * @throws {WalError} as `openTypedLog`; ERR_WAL_GAP when what the log let go of is in no saved state
 *
 * Threading: the opening thread owns the map; others use `connectDurableMap(map.handle)`.
 */
export async function openDurableMap<K = string, V = unknown>(
  path: string,
  options: DurableMapOptions<K, V> = {},
): Promise<OwnedDurableMap<K, V>> {
  const { key, value, compactCommits, ...rest } = options;
  if (compactCommits !== undefined && !(Number.isSafeInteger(compactCommits) && compactCommits >= 1))
    throw invalidArgument('compactCommits must be a whole number from 1.', { compactCommits });
  const log = await openTypedLog<LogicalRecord>(path, { ...rest, codec: logicalCodec });
  try {
    return new OwnedDurableMap(log, options);
  } catch (error) {
    await log.close().catch(() => undefined);
    throw error;
  }
}

/**
 * Connects this thread to an open durable map.
 *
 * @param handle - `map.handle`, from `workerData` or a message
 * @param codecs - those that the map was opened with
 * @throws {WalError} as `connectWal`
 */
export async function connectDurableMap<K = string, V = unknown>(
  handle: DurableMapHandle,
  codecs: MapCodecs<K, V> = {},
): Promise<DurableMap<K, V>> {
  if (typeof handle !== 'object' || handle === null || handle.kind !== 'lanewal-map')
    throw invalidArgument('This is no handle of an open map.');
  const log = await connectTypedLog<LogicalRecord>(handle.log, { codec: logicalCodec });
  return new DurableMap(log, new MapReplica(log.source, log.logId), codecs);
}
