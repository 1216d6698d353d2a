// lanewal's log alone: a value is a page, a key its number. It is read back by recovery.

import { join } from 'node:path';
import { openWal, recoverWal, type WalHandle } from '../../src/index.js';
import type { Contender } from './contender.js';

/** What a worker is started with. */
export interface LanewalLogData {
  readonly handle: WalHandle;
  readonly isSynced: boolean;
}

const PAGES_PER_COMMIT = 64;

/** The log under one of its policies. */
export function lanewalLog(fsync: 'full' | 'normal' | 'off'): Contender {
  const isSynced = fsync === 'full';
  return {
    name: isSynced ? 'lanewal log' : `lanewal log, ${fsync}`,
    how:
      `append(...).${isSynced ? 'waitDurable' : 'waitWritten'}(), fsync ${fsync}; everything stays in the log, and ` +
      'is read back by recoverWal',
    safety: isSynced ? 'synced' : 'written',
    worker: new URL('./lanewal-log-worker.js', import.meta.url),
    open: async (directory, keys, value) => {
      const wal = await openWal(join(directory, 'log'), { fsync, maxLogBytes: 2 ** 40 });
      const writer = wal.connect();
      for (let first = 1; first <= keys; first += PAGES_PER_COMMIT) {
        const count = Math.min(PAGES_PER_COMMIT, keys - first + 1);
        const pages = Array.from({ length: count }, (_, index) => ({ pageNumber: first + index, image: value }));
        await writer.appendAsync({ pages });
      }
      await wal.flush();
      const settle = async (): Promise<void> => undefined;
      return { workerData: { handle: wal.handle, isSynced }, settle, close: () => wal.close() };
    },
    readAll: async (directory, keys) => {
      const pages = new Map<number, Uint8Array>();
      await recoverWal(join(directory, 'log'), { into: pages });
      return Array.from({ length: keys }, (_, index) => pages.get(index + 1));
    },
  };
}
