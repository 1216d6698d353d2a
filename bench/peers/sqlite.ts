// SQLite, through better-sqlite3 or through Node's own binding: a value is a row.

import { join } from 'node:path';
import { type Contender, loadPeer, requirePeer } from './contender.js';

/** As much of either binding as is used. */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): {
    run(...values: readonly unknown[]): unknown;
    get(...values: readonly unknown[]): unknown;
    all(): unknown[];
  };
  close(): void;
}
export type SqliteBinding = 'better-sqlite3' | 'node:sqlite';
export type Synchronous = 'FULL' | 'NORMAL' | 'OFF';

/** What a worker is started with. */
export interface SqliteData {
  readonly binding: SqliteBinding;
  readonly synchronous: Synchronous;
  readonly path: string;
}

type Open = new (path: string) => SqliteDatabase;

const BUSY_MS = 60_000;

/** Opens a connection as every thread of the benchmark does. */
export function openSqlite({ binding, synchronous, path }: SqliteData): SqliteDatabase {
  const database =
    binding === 'better-sqlite3'
      ? new (requirePeer<Open>(binding))(path)
      : new (requirePeer<{ DatabaseSync: Open }>(binding).DatabaseSync)(path);
  database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
  database.exec('PRAGMA journal_mode = WAL');
  database.exec(`PRAGMA synchronous = ${synchronous}`);
  database.exec('PRAGMA cache_size = -65536');
  return database;
}

/** SQLite through a binding, if that is there. */
export function sqlite(synchronous: Synchronous, binding: SqliteBinding = 'better-sqlite3'): Contender | undefined {
  if (loadPeer(binding) === undefined) return undefined;
  const dataOf = (directory: string): SqliteData => ({ binding, synchronous, path: join(directory, 'sqlite') });
  return {
    name: `${binding}, ${synchronous}`,
    how:
      `UPDATE of one row, WAL, synchronous=${synchronous}, wal_autocheckpoint 1000, page_size 4096, cache of 64 ` +
      'MiB a connection',
    safety: synchronous === 'FULL' ? 'synced' : 'written',
    worker: new URL('./sqlite-worker.js', import.meta.url),
    open: async (directory, keys, value) => {
      const workerData = dataOf(directory);
      const database = openSqlite(workerData);
      database.exec('CREATE TABLE kv (id INTEGER PRIMARY KEY, value BLOB NOT NULL)');
      const insert = database.prepare('INSERT INTO kv (id, value) VALUES (?, ?)');
      database.exec('BEGIN');
      for (let key = 1; key <= keys; key += 1) insert.run(key, value);
      database.exec('COMMIT');
      const settle = async (): Promise<void> => void database.exec('PRAGMA wal_checkpoint(FULL)');
      await settle();
      return { workerData, settle, close: async () => database.close() };
    },
    readAll: async (directory) => {
      const database = openSqlite(dataOf(directory));
      const rows = database.prepare('SELECT value FROM kv ORDER BY id').all() as { value: Uint8Array }[];
      database.close();
      return rows.map(({ value }) => value);
    },
  };
}
