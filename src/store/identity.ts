// Whether a page file is the one that a log belongs to. The checkpoint record says what the page file was, and the log
// above it what may have become of it since; a file that neither explains is somebody else's, or a copy from another
// day, and is refused before anything of it is used (design/page-store.md, "Identity").

import { crc32c } from '../base/checksum.js';
import { WalError } from '../base/errors.js';
import { STORE_SPACE } from '../checkpoint/checkpoint.js';
import type { CheckpointRecord, StoreIdentity } from '../log/checkpoint-record.js';
import type { Directory } from '../storage/directory.js';
import type { PageFile } from '../storage/page-file.js';
import type { VersionIndex } from '../versions/version-index.js';

/** What is known of the page file from the log. */
export interface KnownStore {
  /** As of the last checkpoint; undefined when its record does not say. */
  readonly identity: StoreIdentity | undefined;
  /** Everything above the last checkpoint is in it. */
  readonly index: VersionIndex;
  /** The largest size of the store since then, in pages. */
  readonly largestPages: number;
}

/**
 * Refuses a page file that is not this log's.
 *
 * @throws {WalError} ERR_WAL_WRONG_STORE, ERR_WAL_IO; nothing was changed
 */
export function requireOwnPageFile(file: PageFile, known: KnownStore): void {
  requireExplainedEnd(file, known.index);
  const { identity, index } = known;
  if (identity === undefined) return;
  const { sizePages, page1Crc } = identity;
  const pages = file.sizePages();
  const least = Math.min(sizePages, index.smallestCut(STORE_SPACE, Number.MAX_SAFE_INTEGER) ?? sizePages);
  const most = Math.max(sizePages, known.largestPages);
  if (pages < least || pages > most) {
    const range = least === most ? `${least}` : `${least} to ${most}`;
    throw wrongStore(file, `it has ${pages} pages, and the log knows of ${range}`, { pages, least, most });
  }
  // A checkpoint that was under way may have written any image of page 1 that the log has.
  if (sizePages === 0 || index.find(STORE_SPACE, 1, Number.MAX_SAFE_INTEGER) !== undefined) return;
  const image = new Uint8Array(file.pageBytes);
  file.readPage(1, image);
  const crc = crc32c(image);
  if (crc !== page1Crc) throw wrongStore(file, 'its page 1 is another one', { page1Crc: crc, expected: page1Crc });
}

/**
 * What a page file must be, by the newest checkpoint; undefined when nothing says so.
 *
 * Before the first checkpoint of a log with commits the page file may be whatever they were made for.
 */
export function identityOf(record: CheckpointRecord | undefined, lastSeq: number): StoreIdentity | undefined {
  if (record !== undefined) return record.store;
  return lastSeq > 0 ? undefined : { sizePages: 0, page1Crc: 0 };
}

/**
 * A checkpoint of one page file lets go of the log of all: those of other spaces would lose their commits.
 *
 * @param spaces - of which the log has pages or sizes
 * @throws {WalError} ERR_WAL_WRONG_STORE
 */
export function requireOneSpace(spaces: Iterable<number>, log: Directory): void {
  for (const space of spaces) {
    if (space === STORE_SPACE) continue;
    const message = `The log in ${log.path} is of several page files (space ${space}); a page store has one.`;
    throw new WalError('ERR_WAL_WRONG_STORE', message, { space });
  }
}

/** A torn write that made the file longer leaves part of a page (F41); then the log has that page whole. */
export function requireExplainedEnd(file: PageFile, index: VersionIndex): void {
  const partial = file.partialPage();
  if (partial === undefined || index.find(STORE_SPACE, partial, Number.MAX_SAFE_INTEGER) !== undefined) return;
  file.requireWholePages();
}

function wrongStore({ path }: PageFile, why: string, details: Record<string, unknown>): WalError {
  const message = `${path} is not the page file of this log: ${why}. Put the right one there, or open with adopt.`;
  return new WalError('ERR_WAL_WRONG_STORE', message, { path, reason: 'checkpoint_conflict', ...details });
}
