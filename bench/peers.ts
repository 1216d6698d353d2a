// The log, the page store and what else one would use, each writing one value of 4 KiB at a time to one of the same
// keys and waiting for it, with the same writers as threads. Compared are those whose acknowledgement means the same.

import { type Compared, compareContenders, comparedFigures, howNotes } from './compare.js';
import type { ContenderRound } from './contender-run.js';
import { pointAt, ratios, summary } from './harness.js';
import { classicLevel } from './peers/classic-level.js';
import { type Contender, type Safety, skippedPeers } from './peers/contender.js';
import { globalLock } from './peers/global-lock.js';
import { lanewalLog } from './peers/lanewal-log.js';
import { lanewalStore } from './peers/lanewal-store.js';
import { lmdb } from './peers/lmdb.js';
import { sqlite } from './peers/sqlite.js';
import type { BenchResult, Comparison, Plot } from './result.js';
import type { ComparisonId } from './rows.js';

/** How much is done. */
export interface PeersCase {
  readonly writers: readonly number[];
  readonly keys: number;
  readonly seconds: number;
  readonly rounds: number;
}

/** Writers of the rows in the summary. */
const ROW_WRITERS = 8;

const isThere = (each: Contender | undefined): each is Contender => each !== undefined;

/** Everything there is to compare; peers that are not installed are left out. */
function allContenders(): Contender[] {
  return [
    lanewalLog('full'),
    lanewalStore('block'),
    globalLock(),
    sqlite('FULL'),
    sqlite('FULL', 'node:sqlite'),
    ...lmdb(),
    classicLevel(),
    lanewalLog('normal'),
    lanewalLog('off'),
    sqlite('NORMAL'),
    sqlite('OFF'),
  ].filter(isThere);
}

/** The page store and the peers that it is mostly compared with. */
export function storeContenders(): Contender[] {
  return [lanewalStore('await'), lanewalStore('block'), sqlite('FULL'), ...lmdb()].filter(isThere);
}

export async function benchPeers(parent: string, given: PeersCase): Promise<BenchResult> {
  const contenders = allContenders();
  const byWriters = new Map<number, Compared[]>();
  for (const writers of given.writers) {
    process.stderr.write(`  ${writers} writer(s)\n`);
    byWriters.set(writers, await compareContenders(parent, contenders, { ...given, writers }));
  }
  const last = [...byWriters.values()].at(-1) ?? [];
  return {
    comparisons: comparisons(byWriters.get(ROW_WRITERS) ?? []),
    plots: [
      plot(
        byWriters,
        'synced',
        'Durable commits against writers',
        'Each commit is one value of 4 KiB, synced before the next.',
      ),
      plot(
        byWriters,
        'written',
        'Commits that survive the process, not power loss',
        'The same without a sync in each commit: lanewal normal and off, SQLite NORMAL and OFF.',
      ),
      latencies(byWriters.get(ROW_WRITERS) ?? []),
    ],
    notes: [
      'Peers: the same threads, keys that all exist before, values of 4,096 bytes, rounds of the same seconds in ' +
        'turns. Rows and plots count until the last acknowledgement; settledWritesPerSecond in the raw numbers has ' +
        'the checkpoint of each round in it. Caches of 64 MiB. Only those are compared whose acknowledgement ' +
        'survives the same.',
      ...howNotes(last),
      ...skippedPeers().map((name) => `${name}: skipped, not there.`),
    ],
    figures: Object.fromEntries(
      [...byWriters].map(([writers, compared]) => [
        `${writers} writer(s)`,
        Object.fromEntries(compared.map((each) => [each.contender.name, comparedFigures(each)])),
      ]),
    ),
  };
}

function comparisons(compared: readonly Compared[]): Comparison[] {
  const settled = (each: ContenderRound): number => each.settledWritesPerSecond;
  const acknowledged = (each: ContenderRound): number => each.writesPerSecond;
  return [
    beside('peers-log-sqlite', compared, 'lanewal log', 'better-sqlite3, FULL', acknowledged),
    beside('peers-log-lmdb', compared, 'lanewal log', 'lmdb, flushed', acknowledged),
    // A store has to bring its pages home, and SQLite does: that is in the time of both.
    beside('peers-store-sqlite', compared, 'lanewal store', 'better-sqlite3, FULL', settled),
    beside('peers-store-lmdb', compared, 'lanewal store', 'lmdb, flushed', settled),
  ].filter((each) => each !== undefined);
}

function beside(
  id: ComparisonId,
  compared: readonly Compared[],
  name: string,
  other: string,
  rate: (each: ContenderRound) => number,
): Comparison | undefined {
  const [values, besideValues] = [name, other].map((wanted) =>
    compared.find(({ contender }) => contender.name === wanted)?.rounds.map(rate),
  );
  if (values === undefined || besideValues === undefined) return undefined;
  return {
    id,
    what: name,
    beside: other,
    unit: 'commits/s',
    value: summary(values),
    besideValue: summary(besideValues),
    ratio: ratios(values, besideValues),
  };
}

function plot(byWriters: ReadonlyMap<number, Compared[]>, safety: Safety, title: string, caption: string): Plot {
  const names = [...byWriters.values()][0]?.filter(({ contender }) => contender.safety === safety) ?? [];
  return {
    id: `peers-${safety}`,
    title,
    caption: `${caption} Shaded: smallest and largest round.`,
    kind: 'lines',
    x: { label: 'writers', scale: 'log' },
    y: { label: 'commits/s', scale: 'log' },
    series: names.map(({ contender: { name } }) => ({
      name,
      points: [...byWriters].flatMap(([writers, compared]) => {
        const found = compared.find(({ contender }) => contender.name === name);
        return found === undefined
          ? []
          : [
              pointAt(
                writers,
                found.rounds.map(({ writesPerSecond }) => writesPerSecond),
              ),
            ];
      }),
    })),
  };
}

/** Percentiles of the durable ones, medians over the rounds. */
function latencies(compared: readonly Compared[]): Plot {
  const percents = [50, 90, 99, 99.9];
  return {
    id: 'peers-latency',
    title: `Latency of a durable commit, ${ROW_WRITERS} writers`,
    caption: 'Percentiles of each round, medians over the rounds; closed loop.',
    kind: 'lines',
    x: { label: 'percentile', scale: 'percentile' },
    y: { label: 'latency, µs', scale: 'log' },
    series: compared
      .filter(({ contender }) => contender.safety === 'synced')
      .map(({ contender, rounds }) => ({
        name: contender.name,
        points: percents.map((percent) =>
          pointAt(
            percent,
            rounds.map((each) => each.latencies.us(percent)),
          ),
        ),
      })),
  };
}
