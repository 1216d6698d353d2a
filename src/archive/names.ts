// Names in an archive directory, made from numbers alone (faults.md F32). The incarnation comes first: a log that was
// opened with `onDamage: 'stop'` may give a file number again, and both files may be in the archive (F18).

import { UNFINISHED_SUFFIX } from '../log/names.js';

/** `00000001-0000000000000001.wal`: incarnation and file number in lower-case hexadecimal digits. */
const ARCHIVE_FILE = /^([0-9a-f]{8})-([0-9a-f]{16})\.wal$/;

/** What the name of an archived file says. */
export interface ArchivedName {
  readonly incarnation: number;
  readonly fileNumber: number;
}

/** Name of an archived log file; both numbers from 1. */
export function archiveFileName({ incarnation, fileNumber }: ArchivedName): string {
  return `${incarnation.toString(16).padStart(8, '0')}-${fileNumber.toString(16).padStart(16, '0')}.wal`;
}

/** The numbers in an archived file's name, or `undefined` for any other name; inverse of {@link archiveFileName}. */
export function parseArchiveFileName(name: string): ArchivedName | undefined {
  const [, incarnationDigits = '', fileDigits = ''] = ARCHIVE_FILE.exec(name) ?? [];
  const incarnation = Number.parseInt(incarnationDigits, 16);
  const fileNumber = Number.parseInt(fileDigits, 16);
  return incarnation > 0 && fileNumber > 0 && Number.isSafeInteger(fileNumber)
    ? { incarnation, fileNumber }
    : undefined;
}

/** Whether a copy into the archive left this behind. */
export function isUnfinishedArchiveName(name: string): boolean {
  return (
    name.endsWith(UNFINISHED_SUFFIX) && parseArchiveFileName(name.slice(0, -UNFINISHED_SUFFIX.length)) !== undefined
  );
}
