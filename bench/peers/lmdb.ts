// lmdb: a value is a value.

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

/** Opens the database as every thread of the benchmark does. */
export function openLmdb(path: string): LmdbDatabase {
  return requirePeer<Lmdb>('lmdb').open({ path, encoding: 'binary', keyEncoding: 'uint32' });
}

/** lmdb, if it is installed. */
export function lmdb(): Contender | undefined {
  if (loadPeer('lmdb') === undefined) return undefined;
  return {
    name: 'lmdb',
    how: 'putSync(key, value), then await flushed; binary values, no compression; no checkpoints to take',
    worker: new URL('./lmdb-worker.js', import.meta.url),
    open: async (directory, keys, value) => {
      const path = join(directory, 'lmdb');
      const database = openLmdb(path);
      database.transactionSync(() => {
        for (let key = 1; key <= keys; key += 1) database.putSync(key, value);
      });
      await database.flushed;
      const settle = async (): Promise<void> => void (await database.flushed);
      return { workerData: { path }, settle, close: () => database.close() };
    },
    readAll: async (directory, keys) => {
      const database = openLmdb(join(directory, 'lmdb'));
      const values = Array.from({ length: keys }, (_, index) => Uint8Array.from(database.get(index + 1)));
      await database.close();
      return values;
    },
  };
}
