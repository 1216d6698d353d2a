// What is in each log file, in terms of entries.

import type { LogFileInfo } from '../flusher/messages.js';
import type { EntrySegment } from './entry-index.js';

/** One log file of a log of entries, and the durable entries in it: truncated ones, too, as long as it is there. */
export interface EntryFile extends LogFileInfo {
  readonly entries: number;
  /** Null without entries. */
  readonly firstId: number | null;
  readonly lastId: number | null;
  /** When the first and the last of them were written, in milliseconds since 1970: informational. */
  readonly firstMs: number | null;
  readonly lastMs: number | null;
}

type Range = Pick<EntryFile, 'firstId' | 'lastId' | 'firstMs' | 'lastMs'>;

const NOTHING: Range = { firstId: null, lastId: null, firstMs: null, lastMs: null };

/** Ties log files to the entries in them. */
export function entryFiles(files: readonly LogFileInfo[], segments: Iterable<EntrySegment>): EntryFile[] {
  const ranges = new Map<number, Range>();
  for (const { fileNumber, firstId, lastId, wallClockMs } of segments) {
    if (lastId < firstId) continue;
    const first = ranges.get(fileNumber) ?? { firstId, firstMs: wallClockMs };
    ranges.set(fileNumber, { firstId: first.firstId, firstMs: first.firstMs, lastId, lastMs: wallClockMs });
  }
  return files.map((file) => {
    const range = ranges.get(file.fileNumber) ?? NOTHING;
    const { firstId, lastId } = range;
    return { ...file, ...range, entries: firstId === null || lastId === null ? 0 : lastId + 1 - firstId };
  });
}
