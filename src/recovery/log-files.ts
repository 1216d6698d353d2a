// Which files make up a log: strict names, readable headers, one log id, one page size. A name is a convenience,
// identity lives in the checksummed header (F03, F07, F20), and what contradicts itself is refused, never guessed
// about.

import { WalError } from '../base/errors.js';
import { type CheckpointRecord, readCheckpointSlots } from '../log/checkpoint-record.js';
import { decodeFileHeader, type FileHeader } from '../log/codec.js';
import { FILE_HEADER_BYTES } from '../log/layout.js';
import { parseLogFileName } from '../log/names.js';
import type { Directory } from '../storage/directory.js';
import type { DamageEntry } from './report.js';

/** A log file with a valid header that agrees with its name. */
export interface ListedFile {
  readonly name: string;
  readonly fileNumber: number;
  readonly bytes: number;
  readonly header: FileHeader;
}

/** A file with a log file's name and no header of its own. */
export interface HeaderlessFile {
  readonly name: string;
  readonly fileNumber: number;
  readonly bytes: number;
  readonly reason: string;
}

/** Everything in a log directory that matters to recovery. */
export interface LogFiles {
  /** Ascending by number. */
  readonly files: readonly ListedFile[];
  readonly headerless: readonly HeaderlessFile[];
  /** Files that contradict their names or each other: no part of the log, and damage. */
  readonly refused: readonly DamageEntry[];
  readonly checkpoint: CheckpointRecord | undefined;
  /** The other slot's record, if it is valid, too. */
  readonly checkpointBefore: CheckpointRecord | undefined;
  readonly checkpointsDamaged: readonly { readonly name: string; readonly reason: string }[];
  /** Of the files, or of the checkpoint when no file has a header; undefined in an empty log. */
  readonly logId: number | undefined;
  readonly pageBytes: number | undefined;
  /** The newest incarnation among the headers, 0 without any. */
  readonly incarnation: number;
  /** Every number that a name uses, whatever is in the file. */
  readonly fileNumbers: ReadonlySet<number>;
}

/**
 * Lists the files of a log.
 *
 * @throws {WalError} ERR_WAL_VERSION; ERR_WAL_CORRUPT when files of two logs are in one directory; ERR_WAL_IO, also for
 *   a link or a directory with a log file's name
 */
export function listLogFiles(directory: Directory): LogFiles {
  const slots = readCheckpointSlots(directory);
  const headerless: HeaderlessFile[] = [];
  const readable: ListedFile[] = [];
  const fileNumbers = new Set<number>();
  for (const name of directory.list()) {
    const fileNumber = parseLogFileName(name);
    if (fileNumber === undefined) continue;
    fileNumbers.add(fileNumber);
    const { header, bytes } = readFileHeader(directory, name);
    if (typeof header === 'string') headerless.push({ name, fileNumber, bytes, reason: header });
    else readable.push({ name, fileNumber, bytes, header });
  }
  readable.sort((one, other) => one.fileNumber - other.fileNumber);
  checkOneLog(readable, slots.newest);
  const { files, refused } = separate(readable, headerless);
  const first = files[0]?.header;
  return {
    files,
    headerless: headerless.sort((one, other) => one.fileNumber - other.fileNumber),
    refused,
    checkpoint: slots.newest,
    checkpointBefore: slots.valid[1],
    checkpointsDamaged: slots.damaged,
    logId: first?.logId ?? slots.newest?.logId,
    pageBytes: first?.pageBytes,
    incarnation: files.reduce((highest, { header }) => Math.max(highest, header.incarnation), 0),
    fileNumbers,
  };
}

function readFileHeader(directory: Directory, name: string): { header: FileHeader | string; bytes: number } {
  const file = directory.open(name, 'read');
  try {
    const bytes = new Uint8Array(FILE_HEADER_BYTES);
    const header = decodeFileHeader(bytes.subarray(0, file.read(bytes, 0)));
    if (!('refused' in header)) return { header, bytes: file.size() };
    if (header.refused === 'version') {
      throw new WalError('ERR_WAL_VERSION', `${name}: ${header.reason}. Use a newer library.`, { file: name });
    }
    return { header: header.reason, bytes: file.size() };
  } finally {
    file.close();
  }
}

/** Files of two logs in one directory are a mix-up that only a person can sort out: refused in every mode. */
function checkOneLog(files: readonly ListedFile[], checkpoint: CheckpointRecord | undefined): void {
  const logId = checkpoint?.logId ?? files[0]?.header.logId;
  const pageBytes = files[0]?.header.pageBytes;
  for (const { name, header } of files) {
    const reason =
      header.logId !== logId
        ? 'it belongs to another log'
        : header.pageBytes !== pageBytes
          ? 'it has another page size'
          : undefined;
    if (reason === undefined) continue;
    const message = `The directory holds files of two logs: ${name} does not fit, ${reason}. Move it away.`;
    throw new WalError('ERR_WAL_CORRUPT', message, { file: name, epoch: 0, offset: 0, reason });
  }
}

/** Takes out what contradicts itself; a file that only still holds the header of an older one joins `headerless`. */
function separate(
  readable: readonly ListedFile[],
  headerless: HeaderlessFile[],
): { files: ListedFile[]; refused: DamageEntry[] } {
  const refused: DamageEntry[] = [];
  const refuse = ({ name, bytes, header }: ListedFile, reason: string): void => {
    refused.push({ file: name, epoch: header.start.epoch + 1, offset: 0, bytes, reason });
  };
  const named = readable.filter(({ fileNumber, header }) => header.fileNumber === fileNumber);
  const oldest = named[0]?.fileNumber ?? 0;
  for (const file of readable) {
    const { header, fileNumber, name, bytes } = file;
    if (header.fileNumber === fileNumber) continue;
    // Without syncs (policy off) a recycled file can get its new name and keep its old header in a power cut.
    if (header.fileNumber < oldest && header.fileNumber < fileNumber) {
      headerless.push({ name, fileNumber, bytes, reason: `it still has the header of file ${header.fileNumber}` });
    } else if (named.some((other) => other.fileNumber === header.fileNumber)) {
      refuse(file, `two files say that they are file ${header.fileNumber}`);
    } else refuse(file, `its name says file ${fileNumber} and its header file ${header.fileNumber}`);
  }
  const files: ListedFile[] = [];
  for (const file of named) {
    const before = files.at(-1)?.header;
    if (before !== undefined && before.incarnation > file.header.incarnation) {
      refuse(file, 'its incarnation is lower than that of the file before it');
    } else files.push(file);
  }
  return { files, refused };
}
