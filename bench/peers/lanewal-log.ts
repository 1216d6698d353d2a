// lanewal's log alone: a value is a page, a key its number. A checkpoint reads what became durable since the last one,
// brings the newest images into a page file, syncs that, and frees the log files behind it.

import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openWal, recoverWal, type Wal, type WalHandle } from '../../src/index.js';
import type { Contender } from './contender.js';
import { VALUE_BYTES } from './writer.js';

/** What a worker is started with. */
export interface LanewalLogData {
  readonly handle: WalHandle;
  readonly isSynced: boolean;
}

const offsetOf = (key: number): number => (key - 1) * VALUE_BYTES;

/** The log under one of its policies. */
export function lanewalLog(fsync: 'full' | 'normal' | 'off'): Contender {
  const isSynced = fsync === 'full';
  return {
    name: isSynced ? 'lanewal log' : `lanewal log, ${fsync}`,
    how:
      `append(...).${isSynced ? 'waitDurable' : 'waitWritten'}(), fsync ${fsync}; log files recycled behind a ` +
      'checkpoint of commits() into a page file',
    safety: isSynced ? 'synced' : 'written',
    worker: new URL('./lanewal-log-worker.js', import.meta.url),
    open: async (directory, keys, value) => {
      const wal = await openWal(join(directory, 'log'), { fsync, maxLogBytes: 2 ** 40 });
      const fd = openSync(join(directory, 'pages'), 'w');
      for (let key = 1; key <= keys; key += 1) writeSync(fd, value, 0, VALUE_BYTES, offsetOf(key));
      fsyncSync(fd);
      let settledSeq = 0;
      const settle = async (): Promise<void> => {
        settledSeq = await checkpoint(wal, fd, settledSeq);
      };
      const close = async (): Promise<void> => {
        closeSync(fd);
        await wal.close();
      };
      return { workerData: { handle: wal.handle, isSynced }, settle, close };
    },
    readAll: async (directory, keys) => {
      const file = readFileSync(join(directory, 'pages'));
      // Everything behind the last checkpoint; what came before it gives the same again.
      const newer = new Map<number, Uint8Array>();
      await recoverWal(join(directory, 'log'), { into: newer });
      return Array.from({ length: keys }, (_, index) => {
        return newer.get(index + 1) ?? file.subarray(offsetOf(index + 1), offsetOf(index + 2));
      });
    },
  };
}

/** @returns through which commit everything is in the page file, `throughSeq` being that of the last time */
async function checkpoint(wal: Wal, fd: number, throughSeq: number): Promise<number> {
  await wal.flush();
  const newest = new Map<number, Uint8Array>();
  let lastSeq = throughSeq;
  for await (const { seq, records } of wal.commits({ from: throughSeq + 1 })) {
    for (const record of records) if (record.kind === 'page') newest.set(record.pageNumber, record.image);
    lastSeq = seq;
  }
  for (const [key, image] of newest) writeSync(fd, image, 0, VALUE_BYTES, offsetOf(key));
  fsyncSync(fd);
  if (lastSeq > throughSeq) await wal.checkpoint({ throughSeq: lastSeq });
  return lastSeq;
}
