// Keeps the archive within its bounds, oldest file first. A file is only ever removed while the next one starts at or
// below what need not be kept: so the archive has no hole, and nothing above the checkpoint or a reader leaves it.

import type { Directory } from '../storage/directory.js';
import type { ArchivedFile } from './listing.js';

/** Bounds of an archive. The newest file stays, whatever they are. */
export interface ArchiveBounds {
  readonly filesMax: number;
  readonly bytesMax: number;
}

/**
 * Removes the oldest files while there are too many, or too many bytes.
 *
 * @param files - oldest first
 * @param keepAboveSeq - everything above it stays in the archive
 * @returns the files that are left
 * @throws {WalError} ERR_WAL_IO
 * Durability: removals are durable on return. One that a crash undoes is done again.
 */
export function pruneArchive(
  archive: Directory,
  files: readonly ArchivedFile[],
  { filesMax, bytesMax }: ArchiveBounds,
  keepAboveSeq: number,
): ArchivedFile[] {
  const left = [...files];
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  for (;;) {
    const [oldest, next] = left;
    if (oldest === undefined || next === undefined || (left.length <= filesMax && bytes <= bytesMax)) break;
    if (next.header.start.nextSeq > keepAboveSeq + 1) break;
    archive.remove(oldest.name);
    left.shift();
    bytes -= oldest.bytes;
  }
  if (left.length < files.length) archive.sync();
  return left;
}
