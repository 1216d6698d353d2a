// Contention: 1 to 32 writers of one log, with a window of commits in flight and waiting for each one, in the steady
// state (log files recycled behind them). Beside it in the same rounds: 1, 2 and 4 raw streams that write and sync
// pieces of the size of the log's segments, and the global-lock log.

import { inDirectory, pointAt, ratios, summary } from './harness.js';
import type { RoundPlan } from './log-writer.js';
import { LockLogUnderTest, LogUnderTest } from './logs-under-test.js';
import { RawStreams } from './raw-disk.js';
import type { BenchResult, Comparison, Series } from './result.js';
import type { ComparisonId } from './rows.js';
import type { LogRound } from './writers.js';

const MB = 1e6;
const LANES = 8;
const ROW_WRITERS = 4;

/** How much is done. */
export interface LanesCase {
  readonly writers: readonly number[];
  readonly rounds: number;
  /** Of each figure in a round. */
  readonly seconds: number;
}

/** Figures by what they are of, one for each round. */
type Track = Map<string, number[]>;

const PLANS = {
  'window, 8 pages': { kind: 'window', pages: 8, window: 100 },
  'window, 1 page': { kind: 'window', pages: 1, window: 100 },
  'wait, 1 page': { kind: 'wait', pages: 1 },
} as const satisfies Record<string, Omit<RoundPlan, 'seconds'>>;
type PlanName = keyof typeof PLANS;

export async function benchLanes(parent: string, { writers, rounds, seconds }: LanesCase): Promise<BenchResult> {
  return inDirectory(parent, async (directory) => {
    const raw = await RawStreams.start(directory, 4);
    const most = Math.max(...writers);
    const full = await LogUnderTest.start(directory, 'full', { fsync: 'full', lanes: LANES }, most);
    const normal = await LogUnderTest.start(directory, 'normal', { fsync: 'normal', lanes: LANES }, ROW_WRITERS);
    const baseline = await LockLogUnderTest.start(directory, most);
    const track: Track = new Map();
    await firstPass(full, seconds, track);
    for (const log of [full, normal, baseline]) await log.warmUp(PLANS['window, 8 pages']);
    for (let index = 0; index < rounds; index += 1) {
      await runRound({ raw, full, normal, baseline }, writers, seconds, track);
    }
    await Promise.all([full.stop(), normal.stop(), baseline.stop(), raw.stop()]);
    return report(track, writers);
  });
}

interface UnderTest {
  readonly raw: RawStreams;
  readonly full: LogUnderTest;
  readonly normal: LogUnderTest;
  readonly baseline: LockLogUnderTest;
}

/** Before any file comes back: a log whose code is warm, on files that are made while it runs. */
async function firstPass(log: LogUnderTest, seconds: number, track: Track): Promise<void> {
  await log.warmUpWaiting();
  const run = await log.run({ ...PLANS['window, 8 pages'], seconds }, ROW_WRITERS);
  note(track, 'first pass', run.bytesPerSecond / MB);
  note(track, 'first pass, unfilled bytes', run.unfilledBytes);
}

async function runRound(all: UnderTest, writers: readonly number[], seconds: number, track: Track): Promise<void> {
  for (const name of Object.keys(PLANS) as PlanName[]) {
    const plan = { ...PLANS[name], seconds };
    for (const count of writers) {
      const run = await all.full.run(plan, count);
      note(track, `${name}, ${count}`, rateOf(name, run));
      if (name === 'window, 8 pages' && count === ROW_WRITERS) {
        note(track, 'unfilled bytes', run.unfilledBytes);
        await besideRaw(all.raw, 'full', run.segmentBytes, seconds, track);
      }
      if (name !== 'window, 1 page')
        note(track, `lock ${name}, ${count}`, rateOf(name, await all.baseline.run(plan, count)));
    }
  }
  const plan = { ...PLANS['window, 8 pages'], seconds };
  const run = await all.normal.run(plan, ROW_WRITERS);
  note(track, `normal, ${ROW_WRITERS}`, run.bytesPerSecond / MB);
  await besideRaw(all.raw, 'normal', run.segmentBytes, seconds, track);
}

/** The disk in pieces of the same size, right behind the log. */
async function besideRaw(raw: RawStreams, policy: string, bytes: number, seconds: number, track: Track): Promise<void> {
  note(track, `segment ${policy}`, bytes);
  for (const streams of [1, 2, 4]) {
    note(track, `raw ${policy} ${streams}`, (await raw.round(bytes, seconds, streams)).bytesPerSecond / MB);
  }
}

function rateOf(name: PlanName, run: LogRound): number {
  return name === 'window, 8 pages' ? run.bytesPerSecond / MB : run.commitsPerSecond;
}

function note(track: Track, name: string, figure: number): void {
  track.set(name, [...(track.get(name) ?? []), figure]);
}

function report(track: Track, writers: readonly number[]): BenchResult {
  const rates = (name: string): number[] => track.get(name) ?? [];
  const line = (name: string, from: string, isReference = false): Series => ({
    name,
    isReference,
    points: writers
      .filter((count) => track.has(`${from}, ${count}`))
      .map((count) => pointAt(count, rates(`${from}, ${count}`))),
  });
  const rawLine = (streams: number): Series => ({
    name: `raw disk, ${streams} stream${streams === 1 ? '' : 's'}`,
    isReference: true,
    points: writers.map((count) => pointAt(count, rates(`raw full ${streams}`))),
  });
  const segmentKiB = Math.round(summary(rates('segment full')).median / 1024);
  return {
    comparisons: comparisons(track),
    plots: [
      {
        id: 'bandwidth',
        title: 'Durable bandwidth against writers',
        caption:
          '8 pages of 4 KiB a commit, 100 commits in flight for each writer, everything synced. Dashed: the disk ' +
          `alone, overwriting and syncing pieces of ${segmentKiB} KiB, as the log does with ${ROW_WRITERS} writers.`,
        kind: 'lines',
        x: { label: 'writers', scale: 'log' },
        y: { label: 'MB/s', scale: 'linear' },
        series: [
          line('lanewal', 'window, 8 pages'),
          line('global-lock log', 'lock window, 8 pages'),
          rawLine(1),
          rawLine(2),
          rawLine(4),
        ],
      },
      {
        id: 'contention',
        title: 'Commits against writers',
        caption:
          '1 page of 4 KiB a commit, all synced: 100 in flight for each writer, and each writer waiting for its ' +
          'commit.',
        kind: 'lines',
        x: { label: 'writers', scale: 'log' },
        y: { label: 'commits/s', scale: 'log' },
        series: [
          line('lanewal, 100 in flight', 'window, 1 page'),
          line('lanewal, each waits', 'wait, 1 page'),
          line('global-lock log, each waits', 'lock wait, 1 page'),
        ],
      },
    ],
    notes: [
      `Lanes: one log of ${LANES} lanes for all counts of writers, which run in turns within a round. Log files are ` +
        'recycled; `first pass` in the raw numbers is a round over files that were made while it ran. The ' +
        'global-lock log has the same writers, pages and windows; its file holds zeros on disk and is used again, as ' +
        'log files are. The raw streams are threads with a file each, measured right behind the log in every round.',
    ],
    figures: Object.fromEntries(
      [...track].map(([name, figures]) => [name, figures.map((figure) => Math.round(figure))]),
    ),
  };
}

function comparisons(track: Track): Comparison[] {
  const all: (Comparison | undefined)[] = [];
  const row = (id: ComparisonId, what: [string, string], beside: [string, string], unit = 'MB/s'): void => {
    const [values, besideValues] = [track.get(what[1]), track.get(beside[1])];
    if (values === undefined || besideValues === undefined) return;
    const [value, besideValue] = [summary(values), summary(besideValues)];
    all.push({ id, what: what[0], beside: beside[0], unit, value, besideValue, ratio: ratios(values, besideValues) });
  };
  const full: [string, string] = ['lanewal, full', `window, 8 pages, ${ROW_WRITERS}`];
  const normal: [string, string] = ['lanewal, normal', `normal, ${ROW_WRITERS}`];
  for (const streams of [1, 2, 4] as const) {
    row(`bandwidth-full-${streams}`, full, [`raw streams: ${streams}`, `raw full ${streams}`]);
    row(`bandwidth-normal-${streams}`, normal, [`raw streams: ${streams}`, `raw normal ${streams}`]);
  }
  row('contention', ['16 writers', 'window, 8 pages, 16'], ['2 writers', 'window, 8 pages, 2']);
  return all.filter((each) => each !== undefined);
}
