// Opening a log of entries: on a path, or in memory; what must be there already and what must not is decided under the
// lock, so that of several who create one wins. And connecting other threads to it.

import { invalidArgument, WalError } from '../base/errors.js';
import { connectWal } from '../connect.js';
import { Control } from '../epoch/control.js';
import { LOCK_NAME, parseLogFileName } from '../log/names.js';
import { listLogFiles } from '../recovery/log-files.js';
import type { SettingOptions } from '../settings.js';
import type { Directory } from '../storage/directory.js';
import { acquireLock, type LogLock } from '../storage/lock.js';
import { MemoryDirectory } from '../storage/memory-directory.js';
import { NodeDirectory } from '../storage/node-directory.js';
import { EventLoopHold } from '../thread/keep-alive.js';
import { Wal } from '../wal.js';
import { type Codec, jsonCodec } from './codec.js';
import { checkEntryBytesMax, ENTRY_BYTES_DEFAULT, EntryLog } from './entry-log.js';
import { type FlushPolicy, flushMapping } from './flush-policy.js';
import { TypedLog, type TypedLogHandle } from './typed-log.js';

/** What has to be there before: a log, none, or either. */
export type OpenHow = 'open' | 'create' | 'openOrCreate';

/** Options of {@link openTypedLog}: settings of the log below, and what follows. */
export interface TypedLogOptions<E> extends SettingOptions {
  /** Default: JSON. */
  readonly codec?: Codec<E> | undefined;
  /** Default `openOrCreate`. */
  readonly how?: OpenHow | undefined;
  /** Default: the settings of the log below decide. */
  readonly flush?: FlushPolicy | undefined;
  /** Largest entry in bytes; default 16 MiB, at most 100 MiB. */
  readonly entryBytesMax?: number | undefined;
}

/** Options of {@link openMemoryLog}. */
export interface MemoryLogOptions<E> extends Omit<TypedLogOptions<E>, 'how'> {
  /** Whether syncs of memory count as done; default: what `directory` says, else false. Without, `fsync` is `off`. */
  readonly pretendSync?: boolean | undefined;
  /** Memory of an earlier log, to open it again; default: new memory. */
  readonly directory?: MemoryDirectory | undefined;
}

/**
 * Opens the log of entries of `path`, which is the directory `<path>-wal`.
 *
 * @throws {WalError} as `openWal`; ERR_WAL_EXISTS (`how: 'create'` and there is one), ERR_WAL_NOT_FOUND (`how: 'open'`
 *   and there is none)
 *
 * Threading: the opening thread owns the log. Of several processes that create, one creates and the others are refused.
 * Source: design/typed-log.md.
 */
export async function openTypedLog<E>(path: string, options: TypedLogOptions<E> = {}): Promise<TypedLog<E>> {
  if (typeof path !== 'string' || path === '') throw invalidArgument('The path of a log must be a non-empty string.');
  const { how = 'openOrCreate', ...settings } = options;
  if (!['open', 'create', 'openOrCreate'].includes(how))
    throw invalidArgument("how must be 'open', 'create' or 'openOrCreate'.", { how: String(how) });
  const directory = new NodeDirectory(`${path}-wal`);
  if (how === 'open' && !directory.exists()) throw notFound(directory);
  const lock = (): LogLock => {
    const held = acquireLock(directory.path, LOCK_NAME);
    try {
      admit(directory, how);
      return held;
    } catch (error) {
      held.release();
      throw error;
    }
  };
  return openOn({ directory, lock, isThreaded: true }, settings);
}

/**
 * Opens a log of entries in memory: the same interface, for as long as the memory is there.
 *
 * `flush` writes what was appended; it cannot sync it. `fsync` is `off` unless `pretendSync` is set.
 *
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT for another `fsync`
 *
 * Threading: one thread; blocking waits would wait for themselves.
 */
export async function openMemoryLog<E>(options: MemoryLogOptions<E> = {}): Promise<TypedLog<E>> {
  const { pretendSync, directory = new MemoryDirectory({ pretendSync }), fsync, ...rest } = options;
  if (pretendSync !== undefined && pretendSync !== directory.pretendSync)
    throw invalidArgument('pretendSync is decided by the directory that is given.', { pretendSync });
  const pretends = directory.pretendSync;
  if (!pretends && fsync !== undefined && fsync !== 'off')
    throw invalidArgument("Memory cannot be synced: set fsync to 'off', or pretendSync to true.", { fsync });
  return openTypedLogOn(directory, { ...rest, fsync: pretends ? (fsync ?? 'full') : 'off' });
}

/**
 * Opens a log of entries over any directory, with its flusher on this thread: the same code as in production, in one
 * thread.
 *
 * @throws {WalError} as {@link openTypedLog}, but for ERR_WAL_LOCKED: the caller sees to it that nobody else has the
 *   directory
 */
export function openTypedLogOn<E>(
  directory: Directory,
  { how = 'openOrCreate', ...options }: TypedLogOptions<E> = {},
): Promise<TypedLog<E>> {
  const lock = (): { release(): void } => {
    admit(directory, how);
    return { release: () => undefined };
  };
  return openOn({ directory, lock, isThreaded: false }, options);
}

/**
 * Connects this thread to an open log of entries.
 *
 * @param handle - `log.handle`, from `workerData` or a message
 * @throws {WalError} as `connectWal`
 */
export async function connectTypedLog<E>(
  handle: TypedLogHandle,
  { codec = jsonCodec<E>() }: { readonly codec?: Codec<E> | undefined } = {},
): Promise<EntryLog<E>> {
  if (typeof handle !== 'object' || handle === null || handle.kind !== 'lanewal-typed')
    throw invalidArgument('This is no handle of an open log of entries.');
  const writer = await connectWal(handle.wal);
  const directory = new NodeDirectory(handle.directoryPath);
  const source = { directory, control: new Control(handle.wal.control), writerId: writer.writerId };
  return new EntryLog(writer, source, codec, handle.settings);
}

async function openOn<E>(
  place: Parameters<typeof Wal.open>[0],
  { codec = jsonCodec<E>(), flush, entryBytesMax = ENTRY_BYTES_DEFAULT, ...options }: Omit<TypedLogOptions<E>, 'how'>,
): Promise<TypedLog<E>> {
  checkEntryBytesMax(entryBytesMax);
  const mapping = flushMapping(flush, options);
  const wal = await new EventLoopHold().during(Wal.open(place, { ...options, ...mapping.settings }));
  try {
    const logId = listLogFiles(place.directory).logId as number;
    const log = new TypedLog(wal, codec, { every: mapping.every, entryBytesMax, logId });
    // Counts now, so that a log whose ids are lost is refused here.
    void log.lastId;
    return log;
  } catch (error) {
    await wal.close().catch(() => undefined);
    throw error;
  }
}

/** Under the lock: whoever creates a log holds it until its first file has its name. */
function admit(directory: Directory, how: OpenHow): void {
  const isThere = directory.list().some((name) => parseLogFileName(name) !== undefined);
  if (how === 'open' && !isThere) throw notFound(directory);
  if (how === 'create' && isThere)
    throw new WalError('ERR_WAL_EXISTS', `There is a log in ${directory.path} already.`, { path: directory.path });
}

function notFound(directory: Directory): WalError {
  return new WalError('ERR_WAL_NOT_FOUND', `There is no log in ${directory.path}.`, { path: directory.path });
}
