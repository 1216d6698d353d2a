// The contract between the log and whatever keeps its bytes: one flat directory of files. All operations are
// synchronous, because they run on threads of their own. Implementations: node-directory.ts, memory-directory.ts.
// The assumptions about the medium are numbered in design/assumptions.md.

/** One open file. Belongs to the thread that opened it: a descriptor number never crosses threads (F04, F43). */
export interface LogFile {
  readonly name: string;

  /**
   * Reads into `target` from `position` and continues after short reads.
   *
   * @returns the bytes read; fewer than `target.length` only at the end of the file
   * @throws {WalError} ERR_WAL_IO; an error is an error, never "end of file"
   */
  read(target: Uint8Array, position: number): number;

  /**
   * Writes all `pieces` one after the other from `position`; checks every count and continues after short writes.
   *
   * After a crash any subset of the sectors of an unsynced write may be there (A3). After a throw the range is
   * undefined.
   * @throws {WalError} ERR_WAL_STORAGE_FULL (ENOSPC, EDQUOT: may be tried again at the same place), ERR_WAL_IO
   */
  write(pieces: readonly Uint8Array[], position: number): void;

  /**
   * The same while the thread goes on. Until it settles the bytes of `pieces` stay as they are, nobody reads or writes
   * the range, no sync is for it, and the file is not closed.
   *
   * @throws {WalError} ERR_WAL_STORAGE_FULL, ERR_WAL_IO, as {@link write}
   */
  startWrite(pieces: readonly Uint8Array[], position: number): Promise<void>;

  /**
   * Makes everything written before the call durable (fdatasync).
   *
   * @throws {WalError} ERR_WAL_IO; after a throw the contents are unknown and a second call proves nothing (A5)
   */
  sync(): void;

  /**
   * The same while the thread goes on: what is written before it resolves may be durable then, or not. The file must
   * not be closed before.
   *
   * @throws {WalError} ERR_WAL_IO, as {@link sync}
   */
  startSync(): Promise<void>;

  /** Bytes in the file now. */
  size(): number;

  /** Sets the size; bytes gained are zero. Durable only after `sync`. */
  truncate(bytes: number): void;

  /** Closes; twice is harmless. Does not sync. */
  close(): void;
}

/**
 * `create`: must not exist; `write`: must exist; `read`: must exist, never written; `direct`: the same, and read past
 * the page cache, if there is one: then only whole sectors, into memory that is aligned to 4 KiB.
 */
export type OpenMode = 'create' | 'write' | 'read' | 'direct';

/** A flat directory of log files. Names come from numbers (log/names.ts), never from file contents. */
export interface Directory {
  /** Absolute path, or a label for a directory without one; for messages. */
  readonly path: string;

  /** Whether the directory exists. */
  exists(): boolean;

  /**
   * Creates the directory (0700) and makes its own entry durable in its parent when `sync` is set; existing is fine.
   */
  create(options: { sync: boolean }): void;

  /** Names of the entries, in no order. A missing directory has none. */
  list(): string[];

  /**
   * Opens a regular file (0600 when created); links, directories and devices are refused.
   *
   * A created name is durable only after the directory's `sync` (A4).
   * @throws {WalError} ERR_WAL_NOT_FOUND, ERR_WAL_EXISTS, ERR_WAL_STORAGE_FULL, ERR_WAL_IO
   */
  open(name: string, mode: OpenMode): LogFile;

  /** Renames over whatever has the name `to`; durable only after `sync` (A4). */
  rename(from: string, to: string): void;

  /** Removes a file; durable only after `sync`: until then it may come back after a crash (A4). */
  remove(name: string): void;

  /** Makes creations, renames and removals durable (fsync of the directory). */
  sync(): void;
}
