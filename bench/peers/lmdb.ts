// lmdb: a value is a value. Used in the two ways in which it can acknowledge a write that is durable.

import { join } from 'node:path';
import { type Contender, loadPeer, requirePeer } from './contender.js';

/** As much of lmdb as is used. */
export interface LmdbDatabase {
  putSync(key: number, value: Uint8Array): void;
  transactionSync(work: () => void): void;
  readonly flushed: Promise<unknown>;
  get(key: number): Uint8Array;
  close(): Promise<void>;
}
type Lmdb = { open(options: object): LmdbDatabase };

/** `flushed`: as lmdb is by default, then its `flushed`; `sync`: `putSync` returns when the value is durable. */
export type LmdbWait = 'flushed' | 'sync';

/** What a worker is started with. */
export interface LmdbData {
  readonly path: string;
  readonly wait: LmdbWait;
}

/** Opens the database as every thread of the benchmark does. */
export function openLmdb({ path, wait }: LmdbData): LmdbDatabase {
  const { open } = requirePeer<Lmdb>('lmdb');
  return open({ path, encoding: 'binary', keyEncoding: 'uint32', overlappingSync: wait === 'flushed' });
}

/** lmdb in both ways, if it is installed. */
export function lmdb(): Contender[] {
  return loadPeer('lmdb') === undefined ? [] : [contender('flushed'), contender('sync')];
}

function contender(wait: LmdbWait): Contender {
  const put =
    wait === 'flushed' ? 'putSync(key, value), then await flushed' : 'putSync(key, value), no overlappingSync';
  const dataOf = (directory: string): LmdbData => ({ path: join(directory, 'lmdb'), wait });
  return {
    name: wait === 'flushed' ? 'lmdb, flushed' : 'lmdb, blocking',
    safety: 'synced',
    how: `${put}; binary values, no compression; no checkpoints to take`,
    worker: new URL('./lmdb-worker.js', import.meta.url),
    open: async (directory, keys, value) => {
      const workerData = dataOf(directory);
      const database = openLmdb(workerData);
      database.transactionSync(() => {
        for (let key = 1; key <= keys; key += 1) database.putSync(key, value);
      });
      await database.flushed;
      const settle = async (): Promise<void> => void (await database.flushed);
      return { workerData, settle, close: () => database.close() };
    },
    readAll: async (directory, keys) => {
      const database = openLmdb(dataOf(directory));
      const values = Array.from({ length: keys }, (_, index) => Uint8Array.from(database.get(index + 1)));
      await database.close();
      return values;
    },
  };
}
