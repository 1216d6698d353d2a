// Puts one closed log file into the archive, so that a crash at any step leaves it in the log, in the archive, or in
// both, whole, and doing it again is harmless (design/archive.md). Never by a hard link: recycling the log's name would
// overwrite the archived bytes.

import { WalError } from '../base/errors.js';
import { UNFINISHED_SUFFIX } from '../log/names.js';
import type { Directory, LogFile } from '../storage/directory.js';
import { usedEndOf } from './closed-file.js';
import { readHeader } from './listing.js';
import { archiveFileName } from './names.js';

/** How a file gets into the archive: its used part copied, or itself renamed. */
export type ArchiveMode = 'copy' | 'rename';

/** Where from and where to. */
export interface ArchivePlace {
  readonly log: Directory;
  readonly archive: Directory;
  /** Moves a file of the log into the archive: one atomic step, which the file systems of both being one allows. */
  move(name: string, archiveName: string): void;
}

/** One closed log file that is to be in the archive. */
export interface ClosedLogFile {
  readonly name: string;
  /** First sequence that is not in this file or one before it, as whoever closed it knows. */
  readonly endSeq: number;
}

/** Large enough for disk speed, small enough for memory. */
const PIECE_BYTES = 4 * 2 ** 20;

/**
 * Archives one file. In mode `rename` it is gone from the log afterwards.
 *
 * @throws {WalError} ERR_WAL_STORAGE_FULL, ERR_WAL_IO (the file is still in the log), ERR_WAL_EXISTS (the archive has
 *   another file of that name), ERR_WAL_CORRUPT (a header is damaged)
 * Durability: when it returns the file is in the archive whatever happens next.
 */
export function archiveLogFile(place: ArchivePlace, { name, endSeq }: ClosedLogFile, mode: ArchiveMode): void {
  const { log, archive } = place;
  const file = log.open(name, 'read');
  try {
    const header = readHeader(log, file);
    const archiveName = archiveFileName(header);
    const end = usedEndOf(file, header);
    if (archive.list().includes(archiveName)) {
      requireSame(archive, archiveName, end.position.headerCrc, end.position.certificateCrc);
      // A crash came before the directory's sync, or before the file was let go.
      archive.sync();
      if (mode === 'rename') {
        log.remove(name);
        log.sync();
      }
      return;
    }
    if (mode === 'rename') {
      place.move(name, archiveName);
      // The new name first: until it is durable the old one must not be seen to be gone.
      archive.sync();
      log.sync();
      return;
    }
    // Where the walk ends too early something is damaged, and then every byte may be worth having.
    const isWhole = end.position.nextSeq >= endSeq;
    copy(file, archive, archiveName, isWhole ? end.bytes : file.size());
  } finally {
    file.close();
  }
}

function copy(source: LogFile, archive: Directory, archiveName: string, bytes: number): void {
  const unfinished = `${archiveName}${UNFINISHED_SUFFIX}`;
  if (archive.list().includes(unfinished)) archive.remove(unfinished);
  const target = archive.open(unfinished, 'create');
  let isWhole = false;
  try {
    const piece = new Uint8Array(Math.min(PIECE_BYTES, bytes));
    for (let at = 0; at < bytes; ) {
      const count = source.read(piece.subarray(0, Math.min(piece.length, bytes - at)), at);
      if (count === 0) throw cutShort(source, at);
      target.write([piece.subarray(0, count)], at);
      at += count;
    }
    // Its name must not become durable before what it stands for.
    target.sync();
    isWhole = true;
  } finally {
    target.close();
    // On a full disk the next attempt needs the room.
    if (!isWhole) archive.remove(unfinished);
  }
  archive.rename(unfinished, archiveName);
  archive.sync();
}

/** The digests at the end are chained to everything before them: the same ends, the same commits. */
function requireSame(archive: Directory, name: string, headerCrc: number, certificateCrc: number): void {
  const file = archive.open(name, 'read');
  try {
    const { position } = usedEndOf(file, readHeader(archive, file));
    if (position.headerCrc === headerCrc && position.certificateCrc === certificateCrc) return;
  } finally {
    file.close();
  }
  const message =
    `${archive.path}/${name} is there already and holds other commits than the log's file. ` +
    'Give each log an archive directory of its own; if this one is damaged, move it away.';
  throw new WalError('ERR_WAL_EXISTS', message, { path: archive.path, file: name });
}

function cutShort(file: LogFile, offset: number): WalError {
  return new WalError('ERR_WAL_CORRUPT', `${file.name} ends within its segments.`, { file: file.name, offset });
}
