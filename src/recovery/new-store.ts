// Makes a store out of a recovery to a point in time: copies of the base's page files are brought forward under
// temporary names, synced, and named when they are whole; then a log of their own is begun behind the last commit, with
// an id of its own, so that it is never taken for the log they came from (design/archive.md).

import { basename, dirname, resolve } from 'node:path';
import { crc32c } from '../base/checksum.js';
import { WalError } from '../base/errors.js';
import type { StoreIdentity } from '../log/checkpoint-record.js';
import { UNFINISHED_SUFFIX } from '../log/names.js';
import { NodeDirectory } from '../storage/node-directory.js';
import { PageFile } from '../storage/page-file.js';
import { beginLog } from './new-log.js';
import type { PointInTimePlan } from './point-in-time.js';

const COPY_BYTES = 4 * 2 ** 20;

/**
 * Copies the page files of a base under temporary names and opens the copies.
 *
 * @param bases - by space; undefined where there is none: an empty one is made
 * @param targets - by space
 * @throws {WalError} ERR_WAL_EXISTS (a target, or a log beside the first one), ERR_WAL_STORAGE_FULL, ERR_WAL_IO; no
 *   copy is left then
 */
export function copyPageFiles(
  bases: readonly (string | undefined)[],
  targets: readonly string[],
  pageBytes: number,
): PageFile[] {
  for (const path of [...targets, logPathOf(targets)]) {
    if (isThere(path))
      throw new WalError('ERR_WAL_EXISTS', `${path} is there already. Recover into a new file.`, { path });
  }
  const copies: PageFile[] = [];
  try {
    for (const [space, target] of targets.entries()) {
      const { directory, name } = placeOf(target);
      const unfinished = `${name}${UNFINISHED_SUFFIX}`;
      if (directory.list().includes(unfinished)) directory.remove(unfinished);
      const base = bases[space];
      copyFile(base, directory, unfinished);
      copies.push(PageFile.openIn(directory, unfinished, pageBytes, 'write'));
    }
    return copies;
  } catch (error) {
    for (const copy of copies) copy.close();
    removeCopies(targets);
    throw error;
  }
}

/** Whether anything has that name. */
export function isThere(path: string): boolean {
  const { directory, name } = placeOf(path);
  return directory.list().includes(name);
}

/** What a checkpoint record says of a page file. */
export function identityOf(file: PageFile): StoreIdentity {
  const page = new Uint8Array(file.pageBytes);
  return { sizePages: file.sizePages(), page1Crc: file.readPage(1, page) ? crc32c(page) : 0 };
}

/** Takes away what {@link copyPageFiles} made. */
export function removeCopies(targets: readonly string[]): void {
  for (const target of targets) {
    const { directory, name } = placeOf(target);
    const unfinished = `${name}${UNFINISHED_SUFFIX}`;
    if (directory.list().includes(unfinished)) directory.remove(unfinished);
  }
}

/**
 * Gives the copies, which are synced, their names, and begins their log.
 *
 * A crash on the way leaves whole page files or none; with them perhaps no log, or one without a commit.
 */
export async function nameNewStore(
  targets: readonly string[],
  { throughSeq, throughEpoch, pageBytes }: PointInTimePlan,
  store: StoreIdentity | undefined,
): Promise<void> {
  for (const target of targets) {
    const { directory, name } = placeOf(target);
    directory.rename(`${name}${UNFINISHED_SUFFIX}`, name);
    directory.sync();
  }
  await beginLog(new NodeDirectory(logPathOf(targets)), { throughSeq, throughEpoch, pageBytes, store });
}

function logPathOf([first = '']: readonly string[]): string {
  return `${first}-wal`;
}

function placeOf(path: string): { directory: NodeDirectory; name: string } {
  const whole = resolve(path);
  return { directory: new NodeDirectory(dirname(whole)), name: basename(whole) };
}

function copyFile(from: string | undefined, directory: NodeDirectory, to: string): void {
  const target = directory.open(to, 'create');
  try {
    if (from === undefined) return;
    const { directory: fromDirectory, name } = placeOf(from);
    const source = fromDirectory.open(name, 'read');
    try {
      const piece = new Uint8Array(COPY_BYTES);
      for (let at = 0; ; ) {
        const bytes = source.read(piece, at);
        if (bytes === 0) return;
        target.write([piece.subarray(0, bytes)], at);
        at += bytes;
      }
    } finally {
      source.close();
    }
  } finally {
    target.close();
  }
}
