// Archives and bases for tests of recovery to a point in time.

import { archiveLogFile } from '../../src/archive/archive-file.js';
import { writeCheckpointRecord } from '../../src/log/checkpoint-record.js';
import { parseLogFileName } from '../../src/log/names.js';
import { type PointInTime, planPointInTime, replayPlan } from '../../src/recovery/point-in-time.js';
import type { Directory } from '../../src/storage/directory.js';
import { MemoryDirectory } from '../../src/storage/memory-directory.js';
import { LOG_ID, transcript } from './log-builder.js';

/** An empty directory with a name for messages. */
export function emptyDirectory(name: string): MemoryDirectory {
  const directory = new MemoryDirectory({ path: `${name}:`, pretendSync: true });
  directory.create({ sync: true });
  return directory;
}

/** Copies the log files of a directory into an archive, but for the newest one, which is in use. */
export function archiveClosed(log: Directory, archive: Directory = emptyDirectory('archive')): Directory {
  const names = log.list().filter((name) => parseLogFileName(name) !== undefined);
  for (const name of names.sort().slice(0, -1)) {
    archiveLogFile({ log, archive, move: () => undefined }, { name, endSeq: 0 }, 'copy');
  }
  return archive;
}

/** What stands beside a backup: a record of how far its page file is. */
export function baseAt(throughSeq: number, more: { logId?: number; wallClockMs?: number; incarnation?: number } = {}) {
  const directory = emptyDirectory('base');
  const record = { logId: LOG_ID, generation: 3, throughSeq, throughEpoch: throughSeq, syncedThrough: throughSeq + 5 };
  writeCheckpointRecord(directory, { ...record, wallClockMs: 1, incarnation: 1, ...more }, { sync: false });
  return directory;
}

/** The commits that a recovery to a point hands over. */
export async function linesTo(log: Directory, others: readonly Directory[], point: PointInTime): Promise<string[]> {
  const plan = await planPointInTime(log, others, point);
  const target = transcript();
  const report = await replayPlan(plan, target, {});
  if (report.lastSeq !== plan.throughSeq || report.commitsApplied !== target.lines.length) throw new Error('a report');
  return target.lines;
}
