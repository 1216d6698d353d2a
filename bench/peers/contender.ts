// What the benchmark 'store' runs: anything that keeps values of 4 KiB by a whole number and makes each write durable
// before it acknowledges it.

import { createRequire } from 'node:module';

/** Where `npm install --prefix bench/peers` puts the peers; seen from dist/bench/peers. */
const PEERS = new URL('../../../bench/peers/', import.meta.url);

/** A store under comparison. */
export interface Contender {
  readonly name: string;
  /** How it is used, for the report. */
  readonly how: string;
  /** Its worker, which calls `serveWriter`. */
  readonly worker: URL;
  /** Makes a store in an empty directory that holds keys 1 to `keys`, each with `value`, all in place. */
  open(directory: string, keys: number, value: Uint8Array): Promise<OpenContender>;
  /** The values of keys 1 to `keys`, read from what is on disk by a store opened anew. */
  readAll(directory: string, keys: number): Promise<Uint8Array[]>;
}

/** A store that is open. */
export interface OpenContender {
  /** What a worker of it is started with. */
  readonly workerData: object;
  /** Brings everything acknowledged to its place, as far as the store has such a thing: part of the work measured. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/** Loads a peer; undefined when it is not installed. */
export function loadPeer<Module>(name: string): Module | undefined {
  const require = createRequire(PEERS);
  try {
    return require(name) as Module;
  } catch (error) {
    const why = String((error as Error).message).split('\n')[0];
    process.stderr.write(`  ${name} is skipped: ${why} (npm install --prefix bench/peers)\n`);
    return undefined;
  }
}

/** Loads a peer that is known to be there. */
export function requirePeer<Module>(name: string): Module {
  return createRequire(PEERS)(name) as Module;
}
