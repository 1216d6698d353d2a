// The global-lock log of bench/baseline: a value is a page, a key its number. A checkpoint replays the log into a page
// file, syncs that, and starts over.

import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { GlobalLockLog, replayGlobalLockLog } from '../baseline/global-lock-log.js';
import type { Contender } from './contender.js';
import { VALUE_BYTES } from './writer.js';

/** What its writers fill in the longest round: that which warms up. */
const LOG_BYTES = 256 * 2 ** 20;

export function globalLock(): Contender {
  return {
    name: 'global-lock log',
    how:
      'append under one lock, one fdatasync for all who wait, a file of zeros used again behind a checkpoint into a ' +
      'page file',
    safety: 'synced',
    worker: new URL('./global-lock-worker.js', import.meta.url),
    open: async (directory, keys, value) => {
      const log = GlobalLockLog.create(join(directory, 'log'), LOG_BYTES);
      const fd = openSync(join(directory, 'pages'), 'w');
      for (let key = 1; key <= keys; key += 1) writeSync(fd, value, 0, VALUE_BYTES, (key - 1) * VALUE_BYTES);
      fsyncSync(fd);
      const settle = async (): Promise<void> => {
        const newest = new Map<number, Uint8Array>();
        replayGlobalLockLog(log.handle.path, (pageNumber, image) => newest.set(pageNumber, image));
        for (const [key, image] of newest) writeSync(fd, image, 0, VALUE_BYTES, (key - 1) * VALUE_BYTES);
        fsyncSync(fd);
        log.startOver();
      };
      const close = async (): Promise<void> => {
        closeSync(fd);
        log.close();
      };
      return { workerData: { handle: log.handle }, settle, close };
    },
    readAll: async (directory, keys) => {
      const file = readFileSync(join(directory, 'pages'));
      const values = Array.from({ length: keys }, (_, index) =>
        file.subarray(index * VALUE_BYTES, (index + 1) * VALUE_BYTES),
      );
      // Everything behind the last checkpoint; what came before it gives the same again.
      replayGlobalLockLog(join(directory, 'log'), (pageNumber, image) => {
        values[pageNumber - 1] = Buffer.from(image);
      });
      return values;
    },
  };
}
