// The processes of recovery.ts: `recovery-child.js TASK PATH PAGES [TARGET]`. Prints how long the task took and how
// much memory the process ever had; the tasks that prepare something print the same, and nobody looks.

import { closeSync, fsyncSync, openSync, readdirSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openWal, recoverWal } from '../src/index.js';
import { crc32c } from './crc32c.js';
import { peakMemoryMiB, shuffled } from './harness.js';
import { openSqlite, type SqliteDatabase } from './peers/sqlite.js';
import { isStamped, PAGE_BYTES, stamp } from './store-pages.js';

export type RecoveryTask =
  | 'empty'
  | 'fill'
  | 'blocks'
  | 'recover'
  | 'check'
  | 'raw'
  | 'sqlite-fill'
  | 'sqlite-recover'
  | 'sqlite-check';

/** What a process prints. */
export interface Measured {
  readonly seconds: number;
  readonly peakMiB: number;
}

const PAGES_PER_COMMIT = 8;
const PIECE_BYTES = 2 ** 20;
/** Spare files have another name, and no recovery reads them. */
const LOG_FILE = /^[0-9a-f]{16}\.wal$/;
/** A row of SQLite that takes one page of 4,096 bytes. */
const ROW_BYTES = 4000;
/** In the page file and the database before, and in the log. */
const OLD = 1;
const NEW = 2;

/** A log of all pages in an order that looks random, and a page file that has its blocks and older images. */
async function fill(path: string, pages: number): Promise<void> {
  await blocks(path, pages);
  await using wal = await openWal(path, { fsync: 'normal', maxLogBytes: 2 ** 42 });
  const images = Array.from({ length: PAGES_PER_COMMIT }, () => new Uint8Array(PAGE_BYTES));
  await inCommits(pages, async (numbers) => {
    const writes = numbers.map((pageNumber, index) => {
      return { pageNumber, image: stamp(images[index] as Uint8Array, pageNumber, NEW) };
    });
    await wal.connect().appendAsync({ pages: writes });
  });
}

/** Calls `act` with the numbers of the pages of each commit. */
async function inCommits(pages: number, act: (numbers: readonly number[]) => void | Promise<void>): Promise<void> {
  const order = shuffled(1, pages, 1);
  for (let at = 0; at < order.length; at += PAGES_PER_COMMIT) {
    const written = act(order.slice(at, at + PAGES_PER_COMMIT));
    if (written !== undefined) await written;
  }
}

/** A file of pages with older images, synced. */
async function blocks(path: string, pages: number): Promise<void> {
  const fd = openSync(path, 'w');
  const image = new Uint8Array(PAGE_BYTES);
  for (let page = 1; page <= pages; page += 1) {
    writeSync(fd, stamp(image, page, OLD), 0, PAGE_BYTES, (page - 1) * PAGE_BYTES);
  }
  fsyncSync(fd);
  closeSync(fd);
}

/** The least that a recovery has to do: every byte of the log read and checksummed, and as many written and synced. */
function raw(logDirectory: string, pages: number, target: string): void {
  const to = openSync(target, 'r+');
  const piece = new Uint8Array(PIECE_BYTES);
  const pageBytes = pages * PAGE_BYTES;
  let written = 0;
  let checksum = 0;
  for (const name of readdirSync(logDirectory)
    .filter((each) => LOG_FILE.test(each))
    .sort()) {
    const from = openSync(join(logDirectory, name), 'r');
    for (let at = 0; ; ) {
      const count = readSync(from, piece, 0, PIECE_BYTES, at);
      if (count === 0) break;
      checksum ^= crc32c(piece.subarray(0, count));
      const bytes = Math.min(count, pageBytes - written);
      if (bytes > 0) writeSync(to, piece, 0, bytes, written);
      written += bytes;
      at += count;
    }
    closeSync(from);
  }
  fsyncSync(to);
  closeSync(to);
  if (written !== pageBytes || Number.isNaN(checksum)) throw new Error(`Only ${written} bytes were written.`);
}

/** Every page is the one of the log. */
function check(path: string, pages: number): void {
  const fd = openSync(path, 'r');
  const image = new Uint8Array(PAGE_BYTES);
  for (let page = 1; page <= pages; page += 1) {
    readSync(fd, image, 0, PAGE_BYTES, (page - 1) * PAGE_BYTES);
    if (!isStamped(image, page, NEW)) throw new Error(`Page ${page} was not recovered.`);
  }
  closeSync(fd);
}

function openRows(path: string): SqliteDatabase {
  const database = openSqlite({ binding: 'better-sqlite3', synchronous: 'NORMAL', path });
  database.exec('PRAGMA wal_autocheckpoint = 0');
  return database;
}

/** A database whose WAL holds every row anew, killed before any checkpoint. */
async function sqliteFill(path: string, pages: number): Promise<void> {
  const database = openRows(path);
  database.exec('CREATE TABLE kv (id INTEGER PRIMARY KEY, value BLOB NOT NULL)');
  const value = new Uint8Array(ROW_BYTES);
  const insert = database.prepare('INSERT INTO kv (id, value) VALUES (?, ?)');
  database.exec('BEGIN');
  for (let page = 1; page <= pages; page += 1) insert.run(page, stamp(value, page, OLD));
  database.exec('COMMIT');
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  const update = database.prepare('UPDATE kv SET value = ? WHERE id = ?');
  await inCommits(pages, (numbers) => {
    database.exec('BEGIN');
    for (const page of numbers) update.run(stamp(value, page, NEW), page);
    database.exec('COMMIT');
  });
  process.kill(process.pid, 'SIGKILL');
}

function sqliteRecover(path: string): void {
  const database = openRows(path);
  database.prepare('SELECT value FROM kv WHERE id = 1').get();
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
}

function sqliteCheck(path: string, pages: number): void {
  const select = openRows(path).prepare('SELECT value FROM kv WHERE id = ?');
  const expected = new Uint8Array(ROW_BYTES);
  for (let page = 1; page <= pages; page += 1) {
    const { value } = select.get(page) as { value: Uint8Array };
    if (Buffer.compare(value, stamp(expected, page, NEW)) !== 0) throw new Error(`Row ${page} was not recovered.`);
  }
}

const TASKS: Record<RecoveryTask, (path: string, pages: number, target: string) => void | Promise<void>> = {
  empty: () => undefined,
  fill,
  blocks,
  recover: async (path) => void (await recoverWal(path)),
  check,
  raw,
  'sqlite-fill': sqliteFill,
  'sqlite-recover': sqliteRecover,
  'sqlite-check': sqliteCheck,
};

const [task, path = '', pages, target = ''] = process.argv.slice(2);
const startMs = performance.now();
await TASKS[task as RecoveryTask](path, Number(pages), target);
const measured: Measured = { seconds: (performance.now() - startMs) / 1000, peakMiB: peakMemoryMiB() };
process.stdout.write(JSON.stringify(measured));
