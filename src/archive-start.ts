// The archive of a log that is being opened: checks that it can be used, before anything is written to it.

import type { ArchivePlace } from './archive/archive-file.js';
import { nodeArchivePlace, openArchive } from './archive/archiver.js';
import { invalidArgument } from './base/errors.js';
import { type ArchiveService, type ArchiveStart, inlineArchive } from './flusher/archive-hold.js';
import type { Settings } from './settings.js';
import type { Directory } from './storage/directory.js';
import { NodeDirectory } from './storage/node-directory.js';

/** An archive that is ready. */
export interface OpenedArchive {
  /** For a flusher on a thread of its own. */
  readonly start: ArchiveStart;
  /** For one that runs inline. */
  inline(): ArchiveService;
}

/**
 * Opens the archive that the settings name; undefined when they name none.
 *
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT (policy `off`, the log's own directory, mode `rename` over two file
 *   systems), ERR_WAL_WRONG_STORE (another log's archive), ERR_WAL_CORRUPT, ERR_WAL_STORAGE_FULL, ERR_WAL_IO
 */
export function openArchiveOf(log: Directory, settings: Settings, logId: number): OpenedArchive | undefined {
  const { archiveDirectory, archiveMode: mode, archiveFilesMax: filesMax, archiveBytesMax: bytesMax } = settings;
  if (archiveDirectory === undefined) return undefined;
  if (settings.fsync === 'off') {
    // The archive would hold commits that a power cut takes from the log, whose numbers are then given again.
    throw invalidArgument("An archive needs fsync 'full' or 'normal': without syncs it may differ from the log.");
  }
  const place = placeOf(log, new NodeDirectory(archiveDirectory), mode);
  openArchive(place, logId, mode);
  const archive = { mode, filesMax, bytesMax };
  return { start: { path: place.archive.path, settings: archive }, inline: () => inlineArchive(place, archive) };
}

function placeOf(log: Directory, archive: NodeDirectory, mode: Settings['archiveMode']): ArchivePlace {
  if (log instanceof NodeDirectory) return nodeArchivePlace(log, archive);
  const refuse = (): never => {
    throw invalidArgument("archiveMode 'rename' needs a log in the file system; use 'copy'.", { archiveMode: mode });
  };
  if (mode === 'rename') refuse();
  return { log, archive, move: refuse };
}
