// Recovery of a long log into its page file, beside the least that any recovery has to do with the same bytes (read the
// log, checksum it, write the pages, sync), and beside SQLite recovering and checkpointing the same pages. Each
// measurement runs in a process of its own (recovery-child.ts): a peak of memory never comes down.

import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, copyFileSync, fsyncSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inDirectory, pointAt, ratios, round, type Summary, summary } from './harness.js';
import { loadPeer } from './peers/contender.js';
import type { Measured, RecoveryTask } from './recovery-child.js';
import type { BenchResult, Comparison, Plot } from './result.js';
import type { ComparisonId } from './rows.js';

const CHILD = fileURLToPath(new URL('./recovery-child.js', import.meta.url));
const PAGE_BYTES = 4096;
const MIB = 2 ** 20;

/** How much is recovered. */
export interface RecoveryCase {
  /** Bytes of pages in the log, ascending; the rows are about the last. */
  readonly sizes: readonly number[];
  readonly rounds: number;
}

/** What one size gave, a figure for each round. */
interface Track {
  readonly bytes: number;
  readonly hot: number[];
  readonly rawHot: number[];
  readonly cold: number[];
  readonly rawCold: number[];
  readonly sqlite: number[];
  readonly memoryMiB: number[];
  readonly sqliteMemoryMiB: number[];
}

export async function benchRecovery(parent: string, { sizes, rounds }: RecoveryCase): Promise<BenchResult> {
  const tracks: Track[] = [];
  const whyNotCold = dropCaches();
  const hasSqlite = loadPeer('better-sqlite3') !== undefined;
  for (const bytes of sizes) {
    process.stderr.write(`  ${bytes / MIB} MiB\n`);
    tracks.push(
      await inDirectory(parent, async (directory) => {
        return measure(directory, bytes, rounds, whyNotCold === undefined, hasSqlite);
      }),
    );
  }
  return {
    comparisons: comparisons(tracks.at(-1) as Track),
    plots: [plot(tracks)],
    notes: [
      'Recovery: pages of 4 KiB in an order that looks random, 8 a commit, into a page file that has all its ' +
        'blocks. Raw: the log files read, CRC32C over every byte, the same bytes written to a file that has its ' +
        'blocks, one fsync. SQLite has rows of 4,000 bytes, one to a page, updated in the same order, 8 a ' +
        'transaction; killed, then opened, which reads its WAL, and checkpointed. Every page and row is compared ' +
        'afterwards.',
      ...(whyNotCold === undefined ? [] : [`Cold recovery: skipped, ${whyNotCold}.`]),
      ...(hasSqlite ? [] : ['SQLite: skipped, better-sqlite3 is not there.']),
    ],
    figures: tracks.map(({ bytes, ...seconds }) => ({ mebibytes: bytes / MIB, ...seconds })),
  };
}

async function measure(
  directory: string,
  bytes: number,
  rounds: number,
  isCold: boolean,
  hasSqlite: boolean,
): Promise<Track> {
  const pages = Math.floor(bytes / PAGE_BYTES);
  const track: Track = {
    bytes: pages * PAGE_BYTES,
    hot: [],
    rawHot: [],
    cold: [],
    rawCold: [],
    sqlite: [],
    memoryMiB: [],
    sqliteMemoryMiB: [],
  };
  const [db, target, sqlite] = [join(directory, 'db'), join(directory, 'raw'), join(directory, 'sqlite', 'db')];
  mkdirSync(join(directory, 'sqlite'));
  child('fill', db, pages);
  child('blocks', target, pages);
  if (hasSqlite) killed('sqlite-fill', sqlite, pages);
  const wal = `${sqlite}-wal`;
  if (hasSqlite) copyFileSync(wal, `${wal}.kept`);
  const empty = child('empty', db, pages).peakMiB;
  // Whatever is cold the first time is not measured.
  child('recover', db, pages);
  for (let index = 0; index < rounds; index += 1) {
    const raw = (): number => child('raw', `${db}-wal`, pages, target).seconds;
    track.rawHot.push(raw());
    const hot = child('recover', db, pages);
    track.hot.push(hot.seconds);
    track.memoryMiB.push(hot.peakMiB - empty);
    if (hasSqlite) {
      rmSync(`${sqlite}-shm`, { force: true });
      copySynced(`${wal}.kept`, wal);
      const { seconds, peakMiB } = child('sqlite-recover', sqlite, pages);
      track.sqlite.push(seconds);
      track.sqliteMemoryMiB.push(peakMiB - empty);
    }
    if (!isCold) continue;
    dropCaches();
    track.rawCold.push(raw());
    dropCaches();
    track.cold.push(child('recover', db, pages).seconds);
  }
  child('check', db, pages);
  if (hasSqlite) child('sqlite-check', sqlite, pages);
  return track;
}

function child(task: RecoveryTask, path: string, pages: number, target = ''): Measured {
  const output = execFileSync(process.execPath, [CHILD, task, path, String(pages), target], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(output) as Measured;
}

/** Synced, or a checkpoint of SQLite, which syncs its WAL first, would have to write the copy to the disk. */
function copySynced(from: string, to: string): void {
  copyFileSync(from, to);
  const fd = openSync(to, 'r+');
  fsyncSync(fd);
  closeSync(fd);
}

/** Runs a task that ends in SIGKILL. */
function killed(task: RecoveryTask, path: string, pages: number): void {
  const { signal } = spawnSync(process.execPath, [CHILD, task, path, String(pages)], { stdio: 'inherit' });
  if (signal !== 'SIGKILL') throw new Error(`The task ${task} was to be killed.`);
}

/** Empties the page cache of the system; or says why it cannot. */
function dropCaches(): string | undefined {
  if (process.platform !== 'linux') return 'the page cache cannot be emptied on this system';
  try {
    execFileSync('sync');
    writeFileSync('/proc/sys/vm/drop_caches', '3');
    return undefined;
  } catch (error) {
    return `the page cache can be emptied by root only (${(error as NodeJS.ErrnoException).code ?? 'no sync'})`;
  }
}

function comparisons(track: Track): Comparison[] {
  const what = `${round(track.bytes / MIB, 0)} MiB`;
  const row = (id: ComparisonId, name: string, values: number[], beside: string, others: number[]): Comparison[] => {
    if (values.length === 0 || others.length === 0) return [];
    const [value, besideValue] = [summary(values), summary(others)];
    return [{ id, what: `${what}, ${name}`, beside, unit: 's', value, besideValue, ratio: ratios(values, others) }];
  };
  const raw = 'raw read + CRC32C + write';
  const memory: Summary = summary(track.memoryMiB);
  return [
    ...row('recovery-hot', 'hot', track.hot, raw, track.rawHot),
    ...row('recovery-cold', 'cold', track.cold, raw, track.rawCold),
    ...row('recovery-sqlite', 'hot', track.hot, 'SQLite: open and checkpoint', track.sqlite),
    {
      id: 'recovery-memory',
      what,
      beside: 'SQLite, above the same empty process',
      unit: 'MiB',
      value: memory,
      besideValue: summary(track.sqliteMemoryMiB),
    },
  ];
}

function plot(tracks: readonly Track[]): Plot {
  const line = (name: string, of: (track: Track) => readonly number[], isReference = false) => ({
    name,
    isReference,
    points: tracks.filter((track) => of(track).length > 0).map((track) => pointAt(track.bytes / MIB, of(track))),
  });
  const series = [
    line('lanewal, hot', ({ hot }) => hot),
    line('lanewal, cold', ({ cold }) => cold),
    line('SQLite, hot', ({ sqlite }) => sqlite),
    line('raw, hot', ({ rawHot }) => rawHot, true),
    line('raw, cold', ({ rawCold }) => rawCold, true),
  ];
  return {
    id: 'recovery',
    title: 'Recovery time against log size',
    caption:
      'From the start of recovery until every page is in the page file and synced. Dashed: read, checksum, write, ' +
      'sync.',
    kind: 'lines',
    x: { label: 'pages in the log, MiB', scale: 'log' },
    y: { label: 'seconds', scale: 'log' },
    series: series.filter(({ points }) => points.length > 0),
  };
}
