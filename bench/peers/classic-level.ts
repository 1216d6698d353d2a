// classic-level (LevelDB): a value is a value. One handle for each thread, all of one database.

import { join } from 'node:path';
import { type Contender, loadPeer, requirePeer } from './contender.js';

/** As much of classic-level as is used. */
export interface LevelDatabase {
  open(options: { multithreading: boolean }): Promise<void>;
  put(key: string, value: Uint8Array, options: { sync: boolean }): Promise<void>;
  batch(
    operations: readonly { type: 'put'; key: string; value: Uint8Array }[],
    options: { sync: boolean },
  ): Promise<void>;
  getSync(key: string): Uint8Array;
  close(): Promise<void>;
}
type Level = { ClassicLevel: new (path: string, options: object) => LevelDatabase };

const KEY_DIGITS = 8;
const BATCH = 500;

/** Keys of the same length, in order. */
export function levelKey(key: number): string {
  return String(key).padStart(KEY_DIGITS, '0');
}

/** Opens the database as every thread of the benchmark does. */
export async function openLevel(path: string): Promise<LevelDatabase> {
  const { ClassicLevel } = requirePeer<Level>('classic-level');
  const database = new ClassicLevel(path, { keyEncoding: 'utf8', valueEncoding: 'view', compression: false });
  await database.open({ multithreading: true });
  return database;
}

/** classic-level, if it is installed. */
export function classicLevel(): Contender | undefined {
  if (loadPeer('classic-level') === undefined) return undefined;
  const pathOf = (directory: string): string => join(directory, 'level');
  return {
    name: 'classic-level, sync',
    how: 'put(key, value, { sync: true }), no compression, a handle for each thread; compaction as LevelDB has it',
    safety: 'synced',
    worker: new URL('./classic-level-worker.js', import.meta.url),
    open: async (directory, keys, value) => {
      const path = pathOf(directory);
      const database = await openLevel(path);
      for (let first = 1; first <= keys; first += BATCH) {
        const count = Math.min(BATCH, keys - first + 1);
        const puts = Array.from({ length: count }, (_, index) => {
          return { type: 'put' as const, key: levelKey(first + index), value };
        });
        await database.batch(puts, { sync: true });
      }
      const settle = async (): Promise<void> => undefined;
      return { workerData: { path }, settle, close: () => database.close() };
    },
    readAll: async (directory, keys) => {
      const database = await openLevel(pathOf(directory));
      const values = Array.from({ length: keys }, (_, index) => database.getSync(levelKey(index + 1)));
      await database.close();
      return values;
    },
  };
}
