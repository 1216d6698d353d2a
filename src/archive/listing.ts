// What an archive directory holds: files with an archived file's name, whose header agrees with it. Files with other
// names are not ours and are not looked at. What contradicts itself is refused, never guessed about (F03, F07).

import { WalError } from '../base/errors.js';
import { decodeFileHeader, type FileHeader } from '../log/codec.js';
import { FILE_HEADER_BYTES } from '../log/layout.js';
import type { Directory, LogFile } from '../storage/directory.js';
import { type ArchivedName, parseArchiveFileName } from './names.js';

/** One archived log file. */
export interface ArchivedFile {
  readonly name: string;
  readonly bytes: number;
  readonly header: FileHeader;
}

/**
 * The archived files, oldest first: by incarnation, then by number, which is the order in which they were written.
 *
 * @param onDamaged - told of each file whose header is damaged or contradicts its name; by default it is thrown
 * @throws {WalError} ERR_WAL_CORRUPT (a damaged header, files of two logs), ERR_WAL_VERSION, ERR_WAL_IO, also for a
 *   link or a directory with an archived file's name
 */
export function listArchive(archive: Directory, onDamaged: (error: WalError) => void = raise): ArchivedFile[] {
  const files: ArchivedFile[] = [];
  for (const name of archive.list()) {
    const named = parseArchiveFileName(name);
    if (named === undefined) continue;
    const file = archive.open(name, 'read');
    try {
      files.push({ name, bytes: file.size(), header: readHeader(archive, file, named) });
    } catch (thrown) {
      if (!(thrown instanceof WalError && thrown.code === 'ERR_WAL_CORRUPT')) throw thrown;
      onDamaged(thrown);
    } finally {
      file.close();
    }
  }
  files.sort(({ header: one }, { header: other }) => {
    return one.incarnation - other.incarnation || one.fileNumber - other.fileNumber;
  });
  const logId = files[0]?.header.logId;
  for (const { name, header } of files) {
    if (header.logId !== logId) throw refused(archive, name, 'the archive holds files of two logs');
  }
  return files;
}

/**
 * Reads the header of a log file.
 *
 * @param named - what its name says
 * @throws {WalError} ERR_WAL_CORRUPT, ERR_WAL_VERSION, ERR_WAL_IO
 */
export function readHeader(directory: Directory, file: LogFile, named: Partial<ArchivedName> = {}): FileHeader {
  const bytes = new Uint8Array(FILE_HEADER_BYTES);
  const header = decodeFileHeader(bytes.subarray(0, file.read(bytes, 0)));
  if (!('refused' in header)) {
    const { incarnation, fileNumber } = header;
    const agrees = { incarnation, fileNumber, ...named };
    if (agrees.incarnation === incarnation && agrees.fileNumber === fileNumber) return header;
    throw refused(directory, file.name, `its header says incarnation ${incarnation}, file ${fileNumber}`);
  }
  if (header.refused !== 'version') throw refused(directory, file.name, header.reason);
  const details = { path: directory.path, file: file.name };
  throw new WalError('ERR_WAL_VERSION', `${file.name}: ${header.reason}. Use a newer library.`, details);
}

function raise(error: WalError): never {
  throw error;
}

function refused({ path }: Directory, file: string, reason: string): WalError {
  const message = `${path}/${file} cannot be used: ${reason}. Move it away, or restore it from a copy.`;
  return new WalError('ERR_WAL_CORRUPT', message, { path, file, epoch: 0, offset: 0, reason });
}
