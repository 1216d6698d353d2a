// What takes entries, as one thread of the benchmark sees it: lanewal's log of entries, classic-level, and what one
// would write first, a file that is appended to and synced.

import { type FileHandle, open } from 'node:fs/promises';
import { type Appended, bytesCodec, connectTypedLog, type TypedLogHandle } from '../src/index.js';
import { levelKey, openLevel } from './peers/classic-level.js';

/** Takes entries. Whatever returns a promise is awaited, some at a time where nobody waits for the disk. */
export interface EntrySink {
  /** Takes it; what is returned returns, or resolves, when the entry survives power loss. */
  durable(entry: Uint8Array): () => void | Promise<void>;
  /** Takes it; nothing is synced. */
  unsynced(entry: Uint8Array): void | Promise<void>;
  /** Takes several at once. */
  batch(entries: readonly Uint8Array[]): void | Promise<void>;
  /** Resolves when everything taken is with the operating system. */
  settle(): void | Promise<void>;
}

/** Which sink, and where. */
export type SinkStart =
  | { readonly kind: 'lanewal'; readonly handle: TypedLogHandle }
  | { readonly kind: 'level' | 'file'; readonly path: string };

/** What a thread is started with. */
export interface EntryWriterData {
  readonly start: SinkStart;
  readonly writer: number;
}

/**
 * What it does in a round: waits for each entry, or for the one {@link IN_FLIGHT} back, or for none, or hands over
 * {@link BATCH} at once.
 */
export interface EntryPlan {
  readonly mode: 'durable' | 'in-flight' | 'unsynced' | 'batch';
  readonly seconds: number;
  /** Of this writer: the round ends behind so many, if it has not ended before. */
  readonly commits?: number;
  readonly bytes: number;
}

/** Entries handed over at once, where they are. */
export const BATCH = 100;
/** Entries of a writer that are not durable yet, where it keeps some in flight. */
export const IN_FLIGHT = 32;

const TIMEOUT_MS = 60_000;
/** Keys of one thread stay apart from those of another. */
const KEYS_PER_WRITER = 10_000_000;

export async function openSink(start: SinkStart, writer: number): Promise<EntrySink> {
  if (start.kind === 'lanewal') return lanewalSink(start.handle);
  if (start.kind === 'level') return levelSink(start.path, writer);
  return fileSink(await open(start.path, 'a'));
}

async function lanewalSink(handle: TypedLogHandle): Promise<EntrySink> {
  const log = await connectTypedLog(handle, { codec: bytesCodec });
  let last: Appended | undefined;
  return {
    durable: (entry) => {
      const appended = log.append(entry);
      return () => appended.waitDurable(TIMEOUT_MS);
    },
    unsynced: (entry) => {
      last = log.append(entry);
    },
    batch: (entries) => {
      last = log.appendBatch(entries);
    },
    settle: () => last?.written(),
  };
}

async function levelSink(path: string, writer: number): Promise<EntrySink> {
  const level = await openLevel(path);
  let count = writer * KEYS_PER_WRITER;
  const nextKey = (): string => {
    count += 1;
    return levelKey(count);
  };
  return {
    durable: (entry) => {
      const put = level.put(nextKey(), entry, { sync: true });
      return () => put;
    },
    unsynced: (entry) => level.put(nextKey(), entry, { sync: false }),
    batch: (entries) => {
      const puts = entries.map((value) => ({ type: 'put' as const, key: nextKey(), value }));
      return level.batch(puts, { sync: false });
    },
    settle: () => undefined,
  };
}

function fileSink(file: FileHandle): EntrySink {
  const appendSynced = async (entry: Uint8Array): Promise<void> => {
    await file.appendFile(entry);
    await file.sync();
  };
  return {
    durable: (entry) => {
      const synced = appendSynced(entry);
      return () => synced;
    },
    unsynced: (entry) => file.appendFile(entry),
    batch: (entries) => file.appendFile(Buffer.concat(entries)),
    settle: () => undefined,
  };
}
