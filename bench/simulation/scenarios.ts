// What is asked of the simulation: the rows that were measured on two cores, and the log as it could be built on up to
// 64 cores, one change after the other.

import type { Plot, Series } from '../result.js';
import { type Scenario, simulate } from './log-model.js';
import { MANY_CORES, MEASURED } from './parameters.js';

/** The log as it is built, on the machine at hand; `lanes` of bench/lanes.ts. */
export const TWO_CORES: Omit<Scenario, 'writers' | 'window' | 'pages'> = {
  cores: 2,
  lanes: 8,
  operationBytes: 0,
  flushers: 1,
  disks: 1,
  isOverlapped: false,
  sequenceBlock: 1,
  wakers: 1,
  costs: MEASURED,
};

export const CORES = [1, 2, 4, 8, 16, 32, 64];
const SIMULATED_US = 100_000;
const DISKS = 4;
const WINDOW = 100;

/** What a line of a plot changes of the log as it is built. */
type Change = Partial<Scenario> & { readonly line?: number; readonly frame?: number };

/** As built: a lane for each writer, one flusher that writes while it syncs, one disk. */
function scenarioOf(cores: number, load: Partial<Scenario>, { line, frame, ...change }: Change): Scenario {
  const costs = { ...MANY_CORES, lineUs: line ?? MANY_CORES.lineUs, frameUs: frame ?? MANY_CORES.frameUs };
  const built = {
    ...TWO_CORES,
    cores,
    writers: cores,
    lanes: cores,
    window: WINDOW,
    pages: 1,
    isOverlapped: cores > 2,
  };
  const scenario = { ...built, ...load, ...change, costs };
  // A flusher without a lane has nothing to do.
  return { ...scenario, flushers: Math.min(scenario.flushers, scenario.lanes) };
}

function series(name: string, load: Partial<Scenario>, change: Change, isReference = false): Series {
  const points = CORES.map((cores) => {
    const { commitsPerSecond } = simulate(scenarioOf(cores, load, change), SIMULATED_US);
    return { x: cores, y: Math.round(commitsPerSecond) };
  });
  return { name, isReference, points };
}

const AXES = {
  kind: 'lines',
  x: { label: 'cores, and as many writers', scale: 'log' },
  y: { label: 'commits/s', scale: 'log' },
} as const;
const SMALL = { pages: 0, operationBytes: 256 };
const FOUR_FLUSHERS = { disks: DISKS, flushers: DISKS };
/** The flusher's share of a frame when writers hand over the digest of many. */
const CHEAP_FRAME = 0.1;
const CHEAP = { ...FOUR_FLUSHERS, frame: CHEAP_FRAME };

/** The plots of design/scaling.md, simulated now. */
export function scalingPlots(): Plot[] {
  return [
    {
      ...AXES,
      id: 'scaling-pages',
      title: 'Simulated: 1 page of 4 KiB, 100 in flight',
      caption: 'What bounds the log when cores and disks are added, and what each change moves.',
      series: [
        series('lanewal as built', {}, {}),
        series('no line ever travels', {}, { line: 0 }, true),
        series('one lane for all', {}, { lanes: 1 }),
        series('segments on 4 disks', {}, { disks: DISKS }),
        series('4 flushers, 4 disks', {}, FOUR_FLUSHERS),
        series('and cheap frames', {}, CHEAP),
      ],
    },
    {
      ...AXES,
      id: 'scaling-small',
      title: 'Simulated: 256 bytes, 100 in flight',
      caption: 'Small commits: the frames are what the flushers have to do, then the line of the counter.',
      series: [
        series('lanewal as built', SMALL, {}),
        series('one lane for all', SMALL, { lanes: 1 }),
        series('4 flushers, 4 disks', SMALL, FOUR_FLUSHERS),
        series('and cheap frames', SMALL, CHEAP),
        series('and blocks of 16', SMALL, { ...CHEAP, sequenceBlock: 16 }),
        series('no line ever travels', SMALL, { ...CHEAP, line: 0 }, true),
      ],
    },
    {
      ...AXES,
      id: 'scaling-wait',
      title: 'Simulated: 1 page of 4 KiB, each waits',
      caption: 'Who waits has to be woken: one thread wakes them all, or those that were woken wake others.',
      series: [
        series('lanewal as built', { window: 1 }, {}),
        series('4 flushers, 4 disks', { window: 1 }, FOUR_FLUSHERS),
        series('8 wake the others', { window: 1 }, { wakers: 8 }),
      ],
    },
  ];
}
