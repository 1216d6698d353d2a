// better-sqlite3: a value is a row.

import { join } from 'node:path';
import { type Contender, loadPeer, requirePeer } from './contender.js';

/** As much of better-sqlite3 as is used. */
export interface SqliteDatabase {
  pragma(text: string, options?: { simple: boolean }): unknown;
  exec(sql: string): void;
  prepare(sql: string): {
    run(...values: readonly unknown[]): unknown;
    all(): unknown[];
  };
  transaction(work: () => void): () => void;
  close(): void;
}
type Sqlite = new (path: string, options: { timeout: number }) => SqliteDatabase;

const BUSY_MS = 60_000;

/** Opens a connection as every thread of the benchmark does. */
export function openSqlite(path: string): SqliteDatabase {
  const database = new (requirePeer<Sqlite>('better-sqlite3'))(path, { timeout: BUSY_MS });
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.pragma('cache_size = -65536');
  return database;
}

/** better-sqlite3, if it is installed. */
export function sqlite(): Contender | undefined {
  if (loadPeer('better-sqlite3') === undefined) return undefined;
  return {
    name: 'better-sqlite3',
    how: 'UPDATE of one row, WAL, synchronous=FULL, wal_autocheckpoint 1000, page_size 4096, cache of 64 MiB a connection',
    worker: new URL('./sqlite-worker.js', import.meta.url),
    open: async (directory, keys, value) => {
      const path = join(directory, 'sqlite');
      const database = openSqlite(path);
      database.exec('CREATE TABLE kv (id INTEGER PRIMARY KEY, value BLOB NOT NULL)');
      const insert = database.prepare('INSERT INTO kv (id, value) VALUES (?, ?)');
      database.transaction(() => {
        for (let key = 1; key <= keys; key += 1) insert.run(key, value);
      })();
      const settle = async (): Promise<void> => void database.pragma('wal_checkpoint(FULL)');
      await settle();
      return { workerData: { path }, settle, close: async () => database.close() };
    },
    readAll: async (directory) => {
      const database = openSqlite(join(directory, 'sqlite'));
      const rows = database.prepare('SELECT value FROM kv ORDER BY id').all() as { value: Uint8Array }[];
      database.close();
      return rows.map(({ value }) => value);
    },
  };
}
