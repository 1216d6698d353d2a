// A connection of SQLite. A statement outside a transaction is one; it returns when that is committed.

import { workerData } from 'node:worker_threads';
import { openSqlite, type SqliteData } from './sqlite.js';
import { serveWriter } from './writer.js';

const database = openSqlite(workerData as SqliteData);
const update = database.prepare('UPDATE kv SET value = ? WHERE id = ?');
const select = database.prepare('SELECT value FROM kv WHERE id = ?');
serveWriter({
  read: (key) => (select.get(key) as { value: Uint8Array }).value,
  write: (key, value) => void update.run(value, key),
});
