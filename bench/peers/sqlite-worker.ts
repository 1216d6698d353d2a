// A writer of better-sqlite3: a connection of its own. A statement outside a transaction is one; it returns durable.

import { workerData } from 'node:worker_threads';
import { openSqlite } from './sqlite.js';
import { serveWriter } from './writer.js';

const update = openSqlite((workerData as { path: string }).path).prepare('UPDATE kv SET value = ? WHERE id = ?');
serveWriter((key, value) => void update.run(value, key));
