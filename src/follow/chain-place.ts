// A place in the chain of segments (design/recovery.md, "Definitions"): an open log file and where in it the log goes
// on. Knows whether the file is still the one it was: a recycled file is written over under the very descriptor that
// reads it.

import { WalError } from '../base/errors.js';
import { decodeFileHeader, type FileHeader, type LogPosition } from '../log/codec.js';
import { FILE_HEADER, FILE_HEADER_BYTES } from '../log/layout.js';
import type { ListedFile } from '../recovery/log-files.js';
import { type CheckedHeader, chainFault, isAtHome, readCertificateCrc, readSegmentHeader } from '../segment/reader.js';
import type { Directory, LogFile } from '../storage/directory.js';
import { openIfThere } from '../storage/open-if-there.js';

/** One log file, open for reading. */
export class FollowedFile {
  readonly listed: ListedFile;
  readonly opened: LogFile;
  readonly #identity: Uint8Array;

  private constructor(listed: ListedFile, opened: LogFile, identity: Uint8Array) {
    this.listed = listed;
    this.opened = opened;
    this.#identity = identity;
  }

  /**
   * Opens a listed file; undefined when its name is gone, or is another file's by now.
   *
   * @throws {WalError} ERR_WAL_IO
   */
  static open(directory: Directory, listed: ListedFile): FollowedFile | undefined {
    const opened = openIfThere(directory, listed.name);
    if (opened === undefined) return undefined;
    const bytes = new Uint8Array(FILE_HEADER_BYTES);
    const header = decodeFileHeader(bytes.subarray(0, opened.read(bytes, 0)));
    if (!('refused' in header) && isSameFile(header, listed.header))
      return new FollowedFile(listed, opened, bytes.slice(0, FILE_HEADER.bytes));
    opened.close();
    return undefined;
  }

  /**
   * Whether the file still is what it was. Asked behind a read: whoever uses a file again writes its header first, so
   * what was read was the file's own.
   *
   * @throws {WalError} ERR_WAL_IO
   */
  isIntact(): boolean {
    const bytes = new Uint8Array(FILE_HEADER.bytes);
    const length = this.opened.read(bytes, 0);
    return length === bytes.length && bytes.every((byte, index) => byte === this.#identity[index]);
  }

  close(): void {
    this.opened.close();
  }
}

/** Where the log goes on. */
export interface ChainPlace {
  readonly file: FollowedFile;
  readonly offset: number;
  /** What the segment there has to continue. */
  readonly position: LogPosition;
}

/** Where the segments of a file begin. */
export function startOf(file: FollowedFile): ChainPlace {
  return { file, offset: FILE_HEADER_BYTES, position: file.listed.header.start };
}

/**
 * The header of the segment that goes on with the log at a place, or why there is none.
 *
 * @throws {WalError} ERR_WAL_VERSION, ERR_WAL_IO
 */
export function headerAt({ file, offset, position }: ChainPlace): CheckedHeader | string {
  const { header: home, name } = file.listed;
  const header = readSegmentHeader(file.opened, offset);
  if (header === undefined) return 'the file ends';
  if ('refused' in header) {
    if (header.refused !== 'version') return header.reason;
    throw new WalError('ERR_WAL_VERSION', `${name} at ${offset}: ${header.reason}. Use a newer library.`, {
      file: name,
      offset,
    });
  }
  if (!isAtHome(header, home, offset)) return 'a segment of another place or time stands here';
  return chainFault(header, position) ?? header;
}

/** The place behind a segment, or why there is none. */
export function placeBehind({ file, offset }: ChainPlace, header: CheckedHeader): ChainPlace | string {
  const certificateCrc = readCertificateCrc(file.opened, header);
  if (certificateCrc === undefined) return 'the file ends within a segment';
  const { epoch, endSeq: nextSeq, headerCrc, segmentBytes } = header;
  return { file, offset: offset + segmentBytes, position: { epoch, nextSeq, headerCrc, certificateCrc } };
}

function isSameFile(one: FileHeader, other: FileHeader): boolean {
  return one.logId === other.logId && one.incarnation === other.incarnation && one.fileNumber === other.fileNumber;
}
