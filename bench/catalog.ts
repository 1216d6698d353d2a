// The benchmarks by name, in the order in which they run, each in full and as a first look (`--quick`).

import { benchAppend } from './append.js';
import { benchCache } from './cache.js';
import { benchCheckpoint, type CheckpointCase } from './checkpoint.js';
import { benchCheckpointLatency } from './checkpoint-latency.js';
import { benchController } from './controller.js';
import { benchEntries } from './entries.js';
import { cachePlots, checkpointPlots, steadyPlots } from './figure-plots.js';
import { benchHistory } from './history.js';
import { benchIdle } from './idle.js';
import { benchInFlight } from './in-flight.js';
import { benchLanes } from './lanes.js';
import { benchMixed } from './mixed.js';
import { benchModes } from './modes.js';
import { benchOpenLoop } from './open-loop.js';
import { benchPeers } from './peers.js';
import { benchRecovery } from './recovery.js';
import type { BenchResult, Plot } from './result.js';
import { benchSteady } from './steady.js';
import { benchStore } from './store.js';
import { benchStoreRecovery } from './store-recovery.js';
import { benchSync } from './sync.js';
import { benchTrace } from './trace.js';

/** Runs a benchmark in a directory on the disk under test. */
export type Benchmark = (directory: string, isQuick: boolean) => Promise<BenchResult>;

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const roundsOf = (isQuick: boolean): number => (isQuick ? 3 : 5);
const KEYS = 20_000;

/** Benchmarks whose figures stand for themselves, a case after the other. */
async function figuresOf<Case, Figures>(
  cases: readonly Case[],
  run: (each: Case) => Promise<Figures>,
  plotsOf: (figures: readonly Figures[]) => Plot[] = () => [],
): Promise<BenchResult> {
  const figures: Figures[] = [];
  for (const each of cases) figures.push(await run(each));
  return { comparisons: [], plots: plotsOf(figures), notes: [], figures };
}

export const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  append: (directory, quick) => benchAppend(directory, { rounds: roundsOf(quick), seconds: quick ? 0.05 : 0.5 }),
  sync: (directory, quick) => benchSync(directory, { rounds: roundsOf(quick), seconds: quick ? 0.2 : 1 }),
  lanes: (directory, quick) =>
    benchLanes(directory, {
      writers: [1, 2, 4, 8, 16, 32],
      rounds: roundsOf(quick),
      seconds: quick ? 0.15 : 0.5,
    }),
  modes: (directory, quick) => benchModes(directory, { rounds: quick ? 5 : 15, seconds: quick ? 0.2 : 0.5 }),
  'in-flight': (directory, quick) =>
    benchInFlight(directory, { requests: 1000, rounds: roundsOf(quick), commitsEach: quick ? 20 : 100 }),
  recovery: (directory, quick) =>
    benchRecovery(directory, {
      sizes: quick ? [16 * MIB, 64 * MIB] : [64 * MIB, 256 * MIB, 1024 * MIB],
      rounds: roundsOf(quick),
    }),
  history: (directory, quick) =>
    benchHistory(directory, {
      historyBytes: quick ? 512 * MIB : 10 * GIB,
      historyEpochs: quick ? 20_000 : 200_000,
      rounds: roundsOf(quick),
      seconds: quick ? 0.3 : 1,
    }),
  'open-loop': (directory, quick) => benchOpenLoop(directory, { rounds: roundsOf(quick), seconds: quick ? 1 : 3 }),
  mixed: (directory, quick) =>
    benchMixed(directory, {
      writers: 4,
      keys: KEYS,
      seconds: quick ? 0.3 : 2,
      rounds: roundsOf(quick),
      readPercent: 80,
    }),
  peers: (directory, quick) =>
    benchPeers(directory, {
      writers: quick ? [1, 8] : [1, 2, 4, 8],
      keys: KEYS,
      seconds: quick ? 0.2 : 0.5,
      rounds: roundsOf(quick),
    }),
  entries: (directory, quick) =>
    benchEntries(directory, {
      sizes: quick ? [256] : [64, 256, 4096],
      writers: quick ? [2, 8] : [1, 2, 4, 8],
      seconds: quick ? 0.2 : 0.5,
      rounds: roundsOf(quick),
    }),
  idle: (directory, quick) => benchIdle(directory, { rounds: roundsOf(quick), seconds: quick ? 1 : 5 }),
  checkpoint: (directory, quick) => {
    const cases: Omit<CheckpointCase, 'pages'>[] = [
      { step: 1, logOrder: 'shuffled' },
      { step: 1, logOrder: 'ascending' },
      { step: 3, logOrder: 'shuffled' },
    ];
    const pages = quick ? 10_000 : 50_000;
    return figuresOf(cases, (each) => benchCheckpoint(directory, { ...each, pages }, roundsOf(quick)), checkpointPlots);
  },
  'checkpoint-latency': (directory, quick) => {
    const given = { pages: quick ? 20_000 : 80_000, commitsPerSecond: 2000, rounds: roundsOf(quick) };
    return figuresOf([given], (each) => benchCheckpointLatency(directory, each));
  },
  controller: (directory, quick) => benchController(directory, { rounds: quick ? 3 : 9, seconds: quick ? 1 : 2 }),
  trace: (directory, quick) => figuresOf([quick ? 500 : 4000], (batches) => benchTrace(directory, batches)),
  steady: (directory, quick) => {
    const cases = [
      { pagesPerCommit: 1, window: 1 },
      { pagesPerCommit: 8, window: 100 },
    ];
    const given = { seconds: quick ? 10 : 60, maxLogBytes: 256 * MIB };
    return figuresOf(cases, (each) => benchSteady(directory, { ...given, ...each }), steadyPlots);
  },
  cache: (directory, quick) => {
    return figuresOf(
      [quick ? 100_000 : 1_000_000],
      (reads) => benchCache(directory, reads, roundsOf(quick)),
      cachePlots,
    );
  },
  store: (directory, quick) => {
    const given = { keys: KEYS, seconds: quick ? 1 : 3, rounds: roundsOf(quick) };
    return benchStore(
      directory,
      [1, 2, 4, 8].map((writers) => ({ ...given, writers })),
    );
  },
  'store-recovery': (directory, quick) => {
    return figuresOf(quick ? [64 * MIB] : [256 * MIB, 1024 * MIB], (each) => benchStoreRecovery(directory, each, 3));
  },
};
