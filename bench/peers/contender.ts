// What the benchmarks with peers run: anything that keeps values of 4 KiB by a whole number, and acknowledges a write
// at a stated level of safety.

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Where `npm install --prefix bench/peers` puts the peers, seen from dist/bench/peers. An installed package has no such
 * folder: there they are looked for where the command was started.
 */
const PLACES = [new URL('../../../bench/peers/', import.meta.url), pathToFileURL(`${process.cwd()}/`)];
const PEERS = ['better-sqlite3', 'lmdb', 'classic-level'];

/**
 * What an acknowledged write survives. `synced`: power loss; `written`: the death of the process; only later writes
 * are synced.
 */
export type Safety = 'synced' | 'written';

/** A store under comparison. */
export interface Contender {
  readonly name: string;
  /** How it is used, for the report. */
  readonly how: string;
  readonly safety: Safety;
  /** Its worker, which calls `serveWriter`. */
  readonly worker: URL;
  /** Makes a store in an empty directory that holds keys 1 to `keys`, each with `value`, all in place. */
  open(directory: string, keys: number, value: Uint8Array): Promise<OpenContender>;
  /** The values of keys 1 to `keys`, read from what is on disk by a store opened anew. */
  readAll(directory: string, keys: number): Promise<(Uint8Array | undefined)[]>;
}

/** A store that is open. */
export interface OpenContender {
  /** What a worker of it is started with. */
  readonly workerData: object;
  /** Brings everything acknowledged to its place, as far as the store has such a thing: part of the work measured. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

const skipped = new Set<string>();

/** Loads a peer; undefined when it is not there, which is said once. */
export function loadPeer<Module>(name: string): Module | undefined {
  try {
    return requirePeer<Module>(name);
  } catch (error) {
    const why = String((error as Error).message).split('\n')[0];
    if (!skipped.has(name)) process.stderr.write(`  ${name} is skipped: ${why}${remedy(name)}\n`);
    skipped.add(name);
    return undefined;
  }
}

function remedy(name: string): string {
  if (name.startsWith('node:')) return '';
  const isCheckout = existsSync(new URL('package.json', PLACES[0]));
  return isCheckout ? ' (npm install --prefix bench/peers)' : ` (npm install ${name})`;
}

/** The peers that were asked for and are not there. */
export function skippedPeers(): string[] {
  return [...skipped];
}

/** Loads a peer that is known to be there. */
export function requirePeer<Module>(name: string): Module {
  return createRequire(placeOf(name))(name) as Module;
}

/** Versions of the peers that are there. */
export function peerVersions(): Record<string, string> {
  return Object.fromEntries(PEERS.flatMap((name) => versionOf(name)));
}

/** The first place that has it; the first of all when none has, so that the error names that. */
function placeOf(name: string): URL {
  const has = (place: URL): boolean => {
    try {
      return createRequire(place).resolve(name) !== '';
    } catch {
      return false;
    }
  };
  return PLACES.find(has) ?? (PLACES[0] as URL);
}

function versionOf(name: string): [string, string][] {
  try {
    // Not every package exports its package.json: look in the folders above its main file.
    for (let folder = dirname(createRequire(placeOf(name)).resolve(name)); ; folder = dirname(folder)) {
      if (!folder.includes(name)) return [];
      const found = readManifest(join(folder, 'package.json'));
      if (found?.name === name && found.version !== undefined) return [[name, found.version]];
    }
  } catch {
    return [];
  }
}

function readManifest(path: string): { name?: string; version?: string } | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
