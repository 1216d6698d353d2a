// Reading the entries of an open log, in the order of their ids: once, or as they become durable. Not here: which id
// the first of them has (entry-index.ts).

import { invalidArgument, WalError } from '../base/errors.js';
import type { DurableCommit } from '../follow/commit-copy.js';
import { durableCommits, type LogSource, refuseAborted } from '../follow/durable-commits.js';
import type { DecodedRecord } from '../record/codec.js';
import type { Codec } from './codec.js';
import type { EntryIndex } from './entry-index.js';
import { ENTRY_CODE } from './layout.js';
import { entriesBackward } from './placed-entries.js';

/** An entry as it is read. */
export interface LoggedEntry<E> {
  /** 1, 2, 3, ... over the life of the log. */
  readonly id: number;
  /** The commit it is part of: entries of one batch have the same. */
  readonly seq: number;
  readonly entry: E;
  /** When it was written, in milliseconds since 1970: informational. */
  readonly wallClockMs: number;
}

/** What to do about an entry that its codec cannot decode. */
export type ReplayMode =
  /** End with ERR_WAL_CORRUPT. */
  | 'strict'
  /** End in front of it. */
  | 'bestEffort'
  /** Leave it out, and go on. */
  | 'salvage';

/** Which entries to read. */
export interface EntriesOptions {
  /** First id; default: the oldest one in the log, or backward the last durable one. */
  readonly from?: number | undefined;
  /** Ends behind so many; default: no bound. */
  readonly limit?: number | undefined;
  /** Newest first: `from` and those in front of it; default false. */
  readonly backward?: boolean | undefined;
  /** Goes on with entries as they become durable, until the log is closed; default false. */
  readonly follow?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Default `strict`. */
  readonly mode?: ReplayMode | undefined;
  /** Told of every entry that cannot be decoded, in the modes that go on or end in front of it. */
  readonly onBadEntry?:
    | ((bad: { readonly id: number; readonly seq: number; readonly cause: unknown }) => void)
    | undefined;
}

/**
 * Durable entries in the order of their ids.
 *
 * @param index - with everything durable in it
 */
export function durableEntries<E>(
  source: LogSource,
  index: EntryIndex,
  codec: Codec<E>,
  options: EntriesOptions,
): AsyncIterableIterator<LoggedEntry<E>, undefined> {
  const { from, backward = false, follow = false, signal, limit = Number.POSITIVE_INFINITY } = options;
  const first = from ?? (backward ? index.lastId : index.firstId);
  if (from !== undefined && first < index.firstId) throw truncated(first, index.firstId);
  if (backward) return backwards(source, index, codec, { ...options, from: Math.min(first, index.lastId) });
  const place = index.placeBefore(first);
  const isNothing = limit === 0 || (!follow && first > index.lastId);
  const bounds = { from: place.seq + 1, follow, signal, ...(isNothing && { limit: 0 }) };
  const commits = durableCommits(source, bounds);
  const entries = read(commits, { id: place.id, first, limit }, codec, options);
  return {
    next: () => entries.next() as Promise<IteratorResult<LoggedEntry<E>, undefined>>,
    // A generator would finish its wait for the next commit first.
    return: async () => {
      await commits.return?.();
      await entries.return();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* backwards<E>(
  source: LogSource,
  index: EntryIndex,
  codec: Codec<E>,
  { from, limit = Number.POSITIVE_INFINITY, ...options }: EntriesOptions & { readonly from: number },
): AsyncGenerator<LoggedEntry<E>, undefined, void> {
  let left = limit;
  if (left === 0) return;
  for (const { bytes, ...place } of entriesBackward(source, index, from)) {
    refuseAborted(options.signal);
    const decoded = decode(codec, bytes, place, options);
    if (decoded === 'end') return;
    if (decoded === 'skip') continue;
    yield { ...place, entry: decoded.entry };
    left -= 1;
    if (left === 0) return;
  }
}

async function* read<E>(
  commits: AsyncIterable<DurableCommit>,
  { id: idBefore, first, limit }: { id: number; first: number; limit: number },
  codec: Codec<E>,
  options: EntriesOptions,
): AsyncGenerator<LoggedEntry<E>, void, void> {
  let left = limit;
  let id = idBefore;
  for await (const commit of commits) {
    for (const bytes of entryBytes(commit)) {
      id += 1;
      if (id < first) continue;
      const decoded = decode(codec, bytes, { id, seq: commit.seq }, options);
      if (decoded === 'end') return;
      if (decoded === 'skip') continue;
      yield { id, seq: commit.seq, entry: decoded.entry, wallClockMs: commit.wallClockMs };
      left -= 1;
      if (left === 0) return;
    }
  }
}

/** The bytes of the entries of a commit, in order. */
export function* entryBytes({
  records,
}: {
  readonly records: Iterable<DecodedRecord>;
}): Generator<Uint8Array, void, void> {
  for (const record of records) {
    if (record.kind === 'operation' && record.space === 0 && record.code === ENTRY_CODE) yield record.bytes;
  }
}

/** What becomes of entries that the codec refuses. */
interface Refusals<Id> {
  readonly mode?: ReplayMode | undefined;
  readonly onBadEntry?: ((bad: { readonly id: Id; readonly seq: number; readonly cause: unknown }) => void) | undefined;
}

/** What the codec makes of the bytes of an entry, or what the mode says about an entry that it refuses. */
export function decode<E, Id extends number | null>(
  codec: Codec<E>,
  bytes: Uint8Array,
  { id, seq }: { readonly id: Id; readonly seq: number },
  { mode = 'strict', onBadEntry }: Refusals<Id>,
): { entry: E } | 'end' | 'skip' {
  try {
    return { entry: codec.decode(bytes) };
  } catch (cause) {
    if (mode === 'strict') {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const message = `Entry ${id ?? `of commit ${seq}`} cannot be decoded: ${reason}`;
      throw new WalError('ERR_WAL_CORRUPT', message, { id, seq, reason: 'the codec refuses the entry' }, cause);
    }
    onBadEntry?.({ id, seq, cause });
    return mode === 'bestEffort' ? 'end' : 'skip';
  }
}

/** Checks what to read. @throws {WalError} ERR_WAL_INVALID_ARGUMENT */
export function checkEntriesOptions({ from, limit, mode, backward = false, follow = false }: EntriesOptions): void {
  if (typeof backward !== 'boolean' || (backward && follow))
    throw invalidArgument('backward must be true or false, and does not go with follow.', { backward, follow });
  if (from !== undefined && !(Number.isSafeInteger(from) && from >= 1))
    throw invalidArgument('from must be the id of an entry, from 1.', { from: String(from) });
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0))
    throw invalidArgument('limit must be a whole number from 0.', { limit: String(limit) });
  if (mode !== undefined && !['strict', 'bestEffort', 'salvage'].includes(mode))
    throw invalidArgument("mode must be 'strict', 'bestEffort' or 'salvage'.", { mode: String(mode) });
}

/** The error of whoever wants what is truncated. */
function truncated(id: number, firstId: number): WalError {
  const message = `Entry ${id} is truncated; the log begins with entry ${firstId}.`;
  return new WalError('ERR_WAL_OVERTAKEN', message, { id, firstId });
}
