// A base, an archive and a crashed log on the file system, and what the store was after each commit.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { archiveLogFile } from '../../src/archive/archive-file.js';
import { seeded } from '../../src/base/random.js';
import { writeCheckpointRecord } from '../../src/log/checkpoint-record.js';
import { parseLogFileName } from '../../src/log/names.js';
import { NodeDirectory } from '../../src/storage/node-directory.js';
import { type CommitSpec, image, LOG_ID, LogBuilder, PAGE_BYTES } from './log-builder.js';

/** What was made. */
export interface BaseAndArchive {
  /** A backup: the store as of `baseSeq`. */
  readonly base: string;
  /** The store that is lost, of which the log directory is left. */
  readonly lost: string;
  readonly archive: string;
  readonly baseSeq: number;
  readonly lastSeq: number;
  /** The bytes of the page file behind each commit; index 0 is the empty one. */
  readonly states: readonly Uint8Array[];
  /** When each commit was written. */
  readonly timesMs: readonly number[];
}

/** Writes commits at random: pages, now and then a cut or a growth; three epochs a file; archives the closed files. */
export function makeBaseAndArchive(folder: string, seed: number, lastSeq = 24, baseSeq = 9): BaseAndArchive {
  const random = seeded(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const [lost, base, archivePath] = ['lost.db', 'base.db', 'archive'].map((name) => join(folder, name)) as string[];
  const log = new NodeDirectory(`${lost}-wal`);
  const archive = new NodeDirectory(archivePath as string);
  archive.create({ sync: false });
  const builder = new LogBuilder(log, { fileBytes: 32 * 1024 }).start();
  const states: Uint8Array[] = [new Uint8Array(0)];
  const timesMs = [0];
  for (let seq = 1; seq <= lastSeq; seq += 1) {
    const pagesNow = (states.at(-1) as Uint8Array).length / PAGE_BYTES;
    const isSized = pagesNow > 0 && below(4) === 0;
    const dbSizePages = isSized ? 1 + below(pagesNow + 2) : undefined;
    const numbers = [...new Set([1 + below(dbSizePages ?? 8), 1 + below(dbSizePages ?? 8)])];
    const written = numbers.map((pageNumber) => ({ pageNumber, image: image(1 + below(250)) }));
    const spec: CommitSpec = { pages: written, ...(dbSizePages !== undefined && { dbSizePages }) };
    states.push(afterCommit(states.at(-1) as Uint8Array, written, dbSizePages));
    builder.wallClockMs = 1_000_000 + 1000 * seq;
    timesMs.push(builder.wallClockMs);
    builder.epoch(spec).sync();
    if (seq % 3 === 0) builder.rotate();
  }
  const names = log.list().filter((name) => parseLogFileName(name) !== undefined);
  for (const name of names.sort().slice(0, -1)) {
    archiveLogFile({ log, archive, move: () => undefined }, { name, endSeq: 0 }, 'copy');
  }
  writeFileSync(base as string, states[baseSeq] as Uint8Array);
  mkdirSync(`${base}-wal`);
  const record = { logId: LOG_ID, generation: 1, incarnation: 1, throughSeq: baseSeq, throughEpoch: baseSeq };
  const clock = { syncedThrough: baseSeq, wallClockMs: (timesMs[baseSeq] as number) + 1 };
  writeCheckpointRecord(new NodeDirectory(`${base}-wal`), { ...record, ...clock }, { sync: false });
  return {
    base: base as string,
    lost: lost as string,
    archive: archivePath as string,
    baseSeq,
    lastSeq,
    states,
    timesMs,
  };
}

function afterCommit(
  before: Uint8Array,
  written: readonly { pageNumber: number; image: Uint8Array }[],
  dbSizePages: number | undefined,
): Uint8Array {
  const pagesMax = written.reduce(
    (most, { pageNumber }) => Math.max(most, pageNumber),
    dbSizePages ?? before.length / PAGE_BYTES,
  );
  const after = new Uint8Array(pagesMax * PAGE_BYTES);
  after.set(before.subarray(0, (dbSizePages ?? Number.POSITIVE_INFINITY) * PAGE_BYTES));
  for (const page of written) after.set(page.image, (page.pageNumber - 1) * PAGE_BYTES);
  return after;
}
