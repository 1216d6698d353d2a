// `lanewal stat`: where a log stands, how large it is, and why each of its files is kept.

import fs from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { readLatch } from '../../control/latch.js';
import type { HeldLog } from '../../log/checkpoint-record.js';
import {
  CHECKPOINT_NAMES,
  isEvidenceName,
  LATCH_NAME,
  LOCK_NAME,
  parseLogFileName,
  parseSpareFileName,
  UNFINISHED_SUFFIX,
} from '../../log/names.js';
import { type LogScan, reportOf } from '../../recovery/scan.js';
import type { NodeDirectory } from '../../storage/node-directory.js';
import { EXIT } from '../exit-status.js';
import { logDirectoryOf, scanSteadily } from '../log-reading.js';
import { filePath } from '../option-values.js';
import { bytesInWords, printJson, printLine, printPairs, printTable } from '../output.js';
import { existingPageFiles } from '../page-files.js';

/** Adds the command. `finish` gets the exit status. */
export function addStat(program: Command, finish: (status: number) => void): void {
  program
    .command('stat')
    .summary('print marks, sizes, files and checkpoint of a log')
    .description(
      'Prints where the log of DB (the directory DB-wal) stands on disk: marks, sizes, checkpoint, and every file ' +
        'with the reason it is kept. Takes no lock and changes nothing; works right after a crash and beside a ' +
        'running writer. A missing log is an empty one. The exit status is 1 when the log is damaged.',
    )
    .argument('<db>', 'the database whose log it is', filePath)
    .option('--json', 'print the figures as one JSON document')
    .action(async (db: string, { json }: { json?: boolean }) => {
      const directory = logDirectoryOf(db);
      const scan = await scanSteadily(directory);
      const figures = figuresOf(db, directory, scan);
      if (json === true) printJson(figures);
      else print(figures);
      finish(scan.damage.length > 0 ? EXIT.damaged : EXIT.done);
    });
}

function figuresOf(db: string, directory: NodeDirectory, scan: LogScan) {
  const { firstSeq, lastSeq, segments, epochs, voids, tail, droppedBytes, damage, cleanlyClosed } = reportOf(scan);
  const { log, checkpoint = null, position, syncedThrough } = scan;
  const files = directory
    .list()
    .sort()
    .map((name) => fileOf(directory, name, scan));
  return {
    log: directory.path,
    exists: directory.exists(),
    logId: log.logId ?? null,
    pageSize: log.pageBytes ?? null,
    // What keeps the log conservative; the mode of whoever has it open is not on disk.
    fallback: readLatch(directory)?.reason ?? 'none',
    incarnation: log.incarnation,
    // The lowest commit that is still in the log, and the last one; 0 when there is none.
    firstSeq,
    lastSeq,
    lastEpoch: position.epoch,
    // Proven on disk: later epochs are there, too, but perhaps only in the system's cache.
    syncedThrough,
    segments,
    epochs,
    voids,
    tail,
    cleanlyClosed,
    droppedBytes,
    damage,
    checkpoint,
    dbSizePages: [...scan.chain.sizes]
      .sort(([one], [other]) => one - other)
      .map(([space, pages]) => ({ space, pages })),
    pageFiles: existingPageFiles(db).map((path) => ({ path, bytes: sizeOf(path) })),
    files,
    totalBytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function fileOf(directory: NodeDirectory, name: string, scan: LogScan) {
  const part = scan.chain.files.find(({ file }) => file.name === name);
  return {
    name,
    bytes: sizeOf(join(directory.path, name)),
    usedBytes: part?.endOffset ?? 0,
    kept: whyKept(name, scan),
  };
}

/** 0 for a file that a running writer has taken away meanwhile. */
function sizeOf(path: string): number {
  return fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** Why a file of the log directory is there. */
function whyKept(name: string, scan: LogScan): string {
  if (name === LOCK_NAME || name === `${LOCK_NAME}.pid`) return 'excludes a second opener; never removed';
  if ((CHECKPOINT_NAMES as readonly string[]).includes(name)) return 'one of the last two checkpoint records';
  if (name === LATCH_NAME) return 'keeps the log conservative until wal.resumeAuto()';
  if (isEvidenceName(name)) return 'evidence of a divergence (shadow compare), kept for you to look at';
  if (parseSpareFileName(name) !== undefined) return 'spare, ready to be the next log file';
  if (name.endsWith(UNFINISHED_SUFFIX)) return 'was not finished; the next opening removes it';
  if (name.includes('.damaged-')) return 'discarded because of damage, kept for you to look at';
  return parseLogFileName(name) === undefined ? 'not ours' : whyLogFileKept(name, scan);
}

function whyLogFileKept(name: string, { log, chain, checkpoint }: LogScan): string {
  if (log.headerless.some((file) => file.name === name)) return 'has no header: was never started, or is damaged';
  if (log.refused.some(({ file }) => file === name)) return 'contradicts the other files';
  const part = chain.files.find(({ file }) => file.name === name);
  if (part === undefined) return 'is not part of the log any more; a checkpoint removes it';
  const first = part.file.header.start.nextSeq;
  const last = part.end.nextSeq - 1;
  const throughSeq = checkpoint?.throughSeq ?? 0;
  const isCurrent = log.files.at(-1)?.name === name;
  if (last < first) return isCurrent ? 'current file, no commits yet' : 'holds no commits; a checkpoint removes it';
  const commits = `commits ${first} to ${last}`;
  if (last > throughSeq) {
    const why = checkpoint === undefined ? 'no checkpoint yet' : `the checkpoint is at ${throughSeq}`;
    return `${isCurrent ? 'current file, ' : ''}${commits}: ${why}`;
  }
  if (isCurrent) return `current file, ${commits}, all below the checkpoint`;
  return `${commits}: below the checkpoint, ${whoHeld(last, checkpoint?.held)}`;
}

/** As far as the disk tells: who was there at the checkpoint may be gone since. */
function whoHeld(lastSeq: number, held: HeldLog | undefined): string {
  if (held === undefined || held.throughSeq >= lastSeq) return 'to be recycled';
  const { by, throughSeq } = held;
  const article = by === 'archive' ? 'the' : by === 'observer' ? 'an' : 'a';
  return `kept by ${article} ${by} above ${throughSeq} when it was taken`;
}

function print(figures: ReturnType<typeof figuresOf>): void {
  const { checkpoint, firstSeq, lastSeq, pageSize, files, damage } = figures;
  printPairs([
    ['log', `${figures.log}${figures.exists ? '' : ' (not there: an empty log)'}`],
    ['page size', pageSize ?? '-'],
    ['incarnation', figures.incarnation],
    ['fallback', figures.fallback],
    [
      'commits',
      firstSeq === 0 ? `none; the last one was ${lastSeq}` : `${firstSeq} to ${lastSeq}, ${figures.voids} voids`,
    ],
    ['epochs', `through ${figures.lastEpoch}, synced through ${figures.syncedThrough}`],
    ['tail', `${figures.tail}${figures.cleanlyClosed ? ', closed in order' : ''}`],
    [
      'checkpoint',
      checkpoint === null ? 'none' : `through commit ${checkpoint.throughSeq}, number ${checkpoint.generation}`,
    ],
    [
      'log kept by',
      checkpoint?.held === undefined ? '-' : `${checkpoint.held.by}, everything above ${checkpoint.held.throughSeq}`,
    ],
    ['size', bytesInWords(figures.totalBytes)],
    ...figures.pageFiles.map(({ path, bytes }): [string, string] => ['page file', `${path}, ${bytesInWords(bytes)}`]),
    ...damage.map(({ file, epoch, offset, reason }): [string, string] => {
      return ['damage', `${file} at ${offset}, epoch ${epoch}: ${reason}`];
    }),
  ]);
  if (files.length === 0) return;
  printLine();
  printTable(
    ['file', 'bytes', 'used', 'why it is there'],
    files.map(({ name, bytes, usedBytes, kept }) => {
      return [name, bytes, usedBytes, kept];
    }),
  );
}
