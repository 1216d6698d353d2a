// Plots of the benchmarks whose figures stand for themselves.

import type { Compared } from './compare.js';
import { pointAt, type Summary } from './harness.js';
import type { Plot, Series } from './result.js';

const bars = (id: string, title: string, caption: string, unit: string, series: readonly Series[]): Plot => {
  const [x, y] = [{ label: '', scale: 'linear' } as const, { label: unit, scale: 'linear' } as const];
  return { id, title, caption, kind: 'bars', x, y, series };
};

/** What of a case of `checkpoint` is drawn. */
export interface CheckpointFigures {
  readonly pages: number;
  readonly storePages: number;
  readonly logOrder: string;
  readonly checkpoint: Summary;
  readonly raw: number;
}

export function checkpointPlots(cases: readonly CheckpointFigures[]): Plot[] {
  const series = cases.flatMap(({ pages, storePages, logOrder, checkpoint, raw }): Series[] => {
    const name = `${pages === storePages ? 'all pages' : `1 page of ${Math.round(storePages / pages)}`}, ${logOrder}`;
    const { median, min, max } = checkpoint;
    return [
      { name, points: [{ x: name, y: median, low: min, high: max }] },
      { name: 'raw disk', points: [{ x: name, y: raw }], isReference: true },
    ];
  });
  const caption =
    'All pages of a store or every third, which the log has in ascending or in shuffled order; nobody writes ' +
    'meanwhile. Below each: the same pages written and synced without a log.';
  return [bars('checkpoint', 'Pages written by a checkpoint', caption, 'pages/s', series)];
}

/** What of a case of `steady` is drawn. */
export interface SteadyFigures {
  readonly pagesPerCommit: number;
  readonly window: number;
  readonly logMiB: { readonly bound: number; readonly oneFile: number; readonly most: number };
}

export function steadyPlots(cases: readonly SteadyFigures[]): Plot[] {
  const series = cases.map(({ pagesPerCommit, window, logMiB }): Series => {
    const name = `${pagesPerCommit} page(s), ${window === 1 ? 'each waits' : `${window} in flight`}`;
    return { name, points: [{ x: name, y: logMiB.most }] };
  });
  const { bound, oneFile } = cases[0]?.logMiB ?? { bound: 0, oneFile: 0 };
  const limit = { name: 'bound and one file', points: [{ x: '', y: bound + oneFile }], isReference: true };
  const caption = 'The most that the log directory held while 8 writers did what they could, and what it may hold.';
  return [bars('steady', 'Size of a bounded log under load', caption, 'MiB', [...series, limit])];
}

/** Nanoseconds of a read by its name; beside them a `unit`. */
export function cachePlots([figures = {}]: readonly Readonly<Record<string, unknown>>[]): Plot[] {
  const series = Object.entries(figures).flatMap(([name, ns]): Series[] => {
    return typeof ns === 'number'
      ? [{ name, points: [{ x: name, y: ns }], isReference: name.startsWith('pread') }]
      : [];
  });
  return [
    bars('cache', 'A read of a page that is in the cache', 'Through a transaction, without a copy.', 'ns', series),
  ];
}

/** By writers: what each store did, its checkpoints in the time. */
export function storePlot(byWriters: ReadonlyMap<number, readonly Compared[]>): Plot {
  const names = [...byWriters.values()][0]?.map(({ contender }) => contender.name) ?? [];
  return {
    id: 'store',
    title: 'Durable transactions against writers',
    caption: 'Each writes one value of 4 KiB and waits; bringing everything to its place is in the time.',
    kind: 'lines',
    x: { label: 'writers', scale: 'log' },
    y: { label: 'transactions/s', scale: 'log' },
    series: names.map((name) => ({
      name,
      points: [...byWriters].flatMap(([writers, compared]) => {
        const found = compared.find(({ contender }) => contender.name === name);
        if (found === undefined) return [];
        return [
          pointAt(
            writers,
            found.rounds.map(({ settledWritesPerSecond }) => settledWritesPerSecond),
          ),
        ];
      }),
    })),
  };
}
