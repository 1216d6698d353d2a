// Moves what `stop` discards out of the log's way before anything can overwrite it: a person, or a better tool, may
// want it (design/recovery.md). Names are built from numbers and are no log file names, so nothing here is read again.

import { logFileName, UNFINISHED_SUFFIX } from '../log/names.js';
import type { Directory } from '../storage/directory.js';
import type { LogScan } from './scan.js';

const COPY_BYTES = 4 * 2 ** 20;

/** Name under which the discarded contents of a log file are kept. */
export function damagedFileName(fileNumber: number, incarnation: number): string {
  return `${logFileName(fileNumber)}.damaged-${incarnation.toString(16).padStart(8, '0')}`;
}

/**
 * Moves files aside that hold nothing but discarded bytes, and copies one that holds both.
 *
 * The highest number goes first: whatever a crash leaves in between ends at the same place as before.
 *
 * @returns the names that are no longer part of the log
 * @throws {WalError} ERR_WAL_STORAGE_FULL, ERR_WAL_IO
 */
export function moveDamagedAside(directory: Directory, scan: LogScan, { sync }: { sync: boolean }): Set<string> {
  const moved = new Set<string>();
  if (scan.damage.length === 0) return moved;
  const incarnation = scan.incarnationMax + 1;
  const { files } = scan.chain;
  const last = files.at(-1);
  const isRestarted = scan.position !== last?.end;
  const keptThrough = isRestarted ? 0 : (last?.file.fileNumber ?? 0);
  if (last !== undefined && !isRestarted && last.endOffset < last.file.bytes) {
    copyAside(directory, last.file.name, damagedFileName(last.file.fileNumber, incarnation), sync);
  }
  const damaged = new Set(scan.damage.map(({ file }) => file));
  const refused = new Set(scan.log.refused.map(({ file }) => file));
  const present = [...scan.log.fileNumbers].sort((one, other) => other - one);
  for (const fileNumber of present) {
    const name = logFileName(fileNumber);
    const isHeaderLost = damaged.has(name) && scan.log.headerless.some((file) => file.name === name);
    // In front of the chain stands only what the checkpoint covers; left there, it would be found damaged again.
    const isFlawed = damaged.has(name) && fileNumber < (files[0]?.file.fileNumber ?? 0);
    if (fileNumber <= keptThrough && !refused.has(name) && !isHeaderLost && !isFlawed) continue;
    directory.rename(name, damagedFileName(fileNumber, incarnation));
    moved.add(name);
  }
  if (sync) directory.sync();
  return moved;
}

function copyAside(directory: Directory, from: string, to: string, sync: boolean): void {
  const unfinished = `${to}${UNFINISHED_SUFFIX}`;
  const source = directory.open(from, 'read');
  try {
    const target = directory.open(unfinished, 'create');
    try {
      const buffer = new Uint8Array(COPY_BYTES);
      for (let at = 0; ; ) {
        const bytes = source.read(buffer, at);
        if (bytes === 0) break;
        target.write([buffer.subarray(0, bytes)], at);
        at += bytes;
      }
      if (sync) target.sync();
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
  directory.rename(unfinished, to);
}
