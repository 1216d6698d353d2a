// Files of several directories as one directory that can only be read: each under a name of its own, wherever it
// stands. Not here: which file has which name (recovery/archived-log.ts).

import { assert } from '../base/assert.js';
import { WalError } from '../base/errors.js';
import type { Directory, LogFile, OpenMode } from './directory.js';

/** Where a file really is. */
export interface FilePlace {
  readonly directory: Directory;
  readonly name: string;
}

/** A directory of files that stand elsewhere. */
export class MergedDirectory implements Directory {
  readonly path: string;
  readonly #places: ReadonlyMap<string, FilePlace>;

  constructor(path: string, places: ReadonlyMap<string, FilePlace>) {
    this.path = path;
    this.#places = places;
  }

  exists(): boolean {
    return true;
  }

  list(): string[] {
    return [...this.#places.keys()];
  }

  open(name: string, mode: OpenMode): LogFile {
    assert(mode === 'read', ONLY_READ);
    const place = this.#places.get(name);
    if (place === undefined) throw new WalError('ERR_WAL_NOT_FOUND', `${this.path} has no file ${name}.`, { name });
    return place.directory.open(place.name, mode);
  }

  create(): void {
    assert(false, ONLY_READ);
  }

  rename(): void {
    assert(false, ONLY_READ);
  }

  remove(): void {
    assert(false, ONLY_READ);
  }

  sync(): void {
    assert(false, ONLY_READ);
  }
}

const ONLY_READ = 'merged directories are only read';
