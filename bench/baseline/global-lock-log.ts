// The log that one would write first: one file, one lock that every append holds while it writes, one sync for all who
// wait. What the parallel log is measured against, in the same language and with the same care where care costs
// nothing: a file filled with zeros ahead and used again behind a checkpoint, one checksum and one write for each
// commit, a sync that covers everything written before it, and no thread between a writer and the disk.
//
// A commit in the file: bytes of the rest, CRC32C of the rest, generation of the file, page count (4 bytes each), then
// each page's number (4 bytes) and image.

import { closeSync, fdatasyncSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32c } from '../crc32c.js';
import { PAGE_BYTES } from '../log-writer.js';

const HEADER_BYTES = 16;
/** The two fields of the header that the checksum does not cover. */
const UNCOVERED_BYTES = 8;
const ENTRY_BYTES = 4 + PAGE_BYTES;

/** 64-bit words in shared memory: ends are bytes since the log was made, over all generations. */
const END = 0;
const DURABLE = 1;
const START = 2;
const GENERATION = 3;
/** 32-bit words behind them. */
const APPEND_LOCK = 8;
const SYNC_LOCK = 9;
const SYNC_TURN = 10;
const SHARED_BYTES = 64;

const FREE = 0;
const HELD = 1;
const HELD_AND_WANTED = 2;

/** What other threads open the log with. */
export interface GlobalLockHandle {
  readonly path: string;
  readonly shared: SharedArrayBuffer;
  /** A commit that does not fit below starts over at the head of the file, as if all had been checkpointed. */
  readonly wrapBytes: number;
}

/** A page and its number. */
export interface BaselinePage {
  readonly pageNumber: number;
  readonly image: Uint8Array;
}

/** The log, as one thread sees it. */
export class GlobalLockLog {
  readonly handle: GlobalLockHandle;
  readonly #fd: number;
  readonly #words64: BigInt64Array;
  readonly #words32: Int32Array;
  #staging = Buffer.alloc(HEADER_BYTES + ENTRY_BYTES);

  constructor(handle: GlobalLockHandle) {
    this.handle = handle;
    this.#fd = openSync(handle.path, 'r+');
    this.#words64 = new BigInt64Array(handle.shared, 0, 4);
    this.#words32 = new Int32Array(handle.shared);
  }

  /**
   * Makes a log whose first `fileBytes` bytes are zeros on disk. It goes on behind them, or, if `isWrapping`, at the
   * head again, over what is there: for rounds that nobody replays.
   */
  static create(path: string, fileBytes: number, isWrapping = false): GlobalLockLog {
    const fd = openSync(path, 'wx');
    const zeros = Buffer.alloc(2 ** 20);
    for (let at = 0; at < fileBytes; at += zeros.length) writeSync(fd, zeros, 0, zeros.length, at);
    fsyncSync(fd);
    closeSync(fd);
    const wrapBytes = isWrapping ? fileBytes : Number.MAX_SAFE_INTEGER;
    const log = new GlobalLockLog({ path, shared: new SharedArrayBuffer(SHARED_BYTES), wrapBytes });
    Atomics.store(log.#words64, GENERATION, 1n);
    return log;
  }

  /** Writes one commit; returns the end of it, for {@link waitDurable}. */
  append(pages: readonly BaselinePage[]): bigint {
    const commit = this.#encode(pages);
    this.#lock();
    try {
      const end = Atomics.load(this.#words64, END);
      if (this.#offsetOf(end) + commit.length > this.handle.wrapBytes) this.startOver();
      writeSync(this.#fd, commit, 0, commit.length, this.#offsetOf(end));
      const next = end + BigInt(commit.length);
      // Behind the write: whoever syncs up to here syncs these bytes.
      Atomics.store(this.#words64, END, next);
      return next;
    } finally {
      this.#unlock();
    }
  }

  /** Blocks until everything up to `end` is synced: syncs it, or waits for the thread that does. */
  waitDurable(end: bigint): void {
    for (;;) {
      const turn = Atomics.load(this.#words32, SYNC_TURN);
      if (Atomics.load(this.#words64, DURABLE) >= end) return;
      if (Atomics.compareExchange(this.#words32, SYNC_LOCK, FREE, HELD) !== FREE) {
        Atomics.wait(this.#words32, SYNC_TURN, turn);
        continue;
      }
      const written = Atomics.load(this.#words64, END);
      if (Atomics.load(this.#words64, DURABLE) < end) {
        fdatasyncSync(this.#fd);
        Atomics.store(this.#words64, DURABLE, written);
      }
      Atomics.store(this.#words32, SYNC_LOCK, FREE);
      Atomics.add(this.#words32, SYNC_TURN, 1);
      Atomics.notify(this.#words32, SYNC_TURN);
    }
  }

  /** Starts over at the head of the file; for when everything in it is kept elsewhere and nobody appends. */
  startOver(): void {
    Atomics.store(this.#words64, START, Atomics.load(this.#words64, END));
    Atomics.add(this.#words64, GENERATION, 1n);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #offsetOf(end: bigint): number {
    return Number(end - Atomics.load(this.#words64, START));
  }

  #encode(pages: readonly BaselinePage[]): Buffer {
    const bytes = HEADER_BYTES + pages.length * ENTRY_BYTES;
    if (this.#staging.length < bytes) this.#staging = Buffer.alloc(bytes);
    const commit = this.#staging.subarray(0, bytes);
    commit.writeUInt32LE(bytes - UNCOVERED_BYTES, 0);
    commit.writeUInt32LE(Number(Atomics.load(this.#words64, GENERATION)), 8);
    commit.writeUInt32LE(pages.length, 12);
    for (const [index, { pageNumber, image }] of pages.entries()) {
      const at = HEADER_BYTES + index * ENTRY_BYTES;
      commit.writeUInt32LE(pageNumber, at);
      commit.set(image, at + 4);
    }
    commit.writeUInt32LE(crc32c(commit.subarray(UNCOVERED_BYTES)), 4);
    return commit;
  }

  /** A mutex of three states, so that a lock nobody wants is given back without a call into the system. */
  #lock(): void {
    if (Atomics.compareExchange(this.#words32, APPEND_LOCK, FREE, HELD) === FREE) return;
    while (Atomics.exchange(this.#words32, APPEND_LOCK, HELD_AND_WANTED) !== FREE) {
      Atomics.wait(this.#words32, APPEND_LOCK, HELD_AND_WANTED);
    }
  }

  #unlock(): void {
    if (Atomics.exchange(this.#words32, APPEND_LOCK, FREE) === HELD_AND_WANTED) {
      Atomics.notify(this.#words32, APPEND_LOCK, 1);
    }
  }
}

/** Reads the commits of the newest generation in order, up to the first that is not whole. */
export function replayGlobalLockLog(path: string, onPage: (pageNumber: number, image: Uint8Array) => void): number {
  const fd = openSync(path, 'r');
  let generation: number | undefined;
  let commits = 0;
  const header = Buffer.alloc(HEADER_BYTES);
  for (let at = 0; readSync(fd, header, 0, HEADER_BYTES, at) === HEADER_BYTES; commits += 1) {
    const pageCount = header.readUInt32LE(12);
    const bytes = HEADER_BYTES + pageCount * ENTRY_BYTES;
    generation ??= header.readUInt32LE(8);
    if (header.readUInt32LE(0) !== bytes - UNCOVERED_BYTES || header.readUInt32LE(8) !== generation) break;
    const commit = Buffer.alloc(bytes);
    if (readSync(fd, commit, 0, bytes, at) < bytes) break;
    if (crc32c(commit.subarray(UNCOVERED_BYTES)) !== header.readUInt32LE(4)) break;
    for (let entry = HEADER_BYTES; entry < bytes; entry += ENTRY_BYTES) {
      onPage(commit.readUInt32LE(entry), commit.subarray(entry + 4, entry + ENTRY_BYTES));
    }
    at += bytes;
  }
  closeSync(fd);
  return commits;
}
