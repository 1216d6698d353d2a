// The metrics of an open log as plain data: what was counted, how it stands, how long things took. What each means is
// in design/observability.md; adapters/prometheus.ts shows them to others.

import { type Control, type CounterName, type StateName, stateName } from './epoch/control.js';
import type { Fallback } from './epoch/mode.js';
import type { DecisionBoard, DecisionMetrics } from './flusher/decision-board.js';
import type { Lane } from './lane/lane.js';
import { readMarks } from './marks.js';
import type { Histogram } from './observe/histogram.js';
import type { HistogramName, Telemetry } from './observe/telemetry.js';
import type { Mode } from './settings.js';
import type { StoreMetrics } from './store-metrics.js';

/** Counters that keep a maximum or a number of things: they do not add up over logs. */
const LEVELS = ['framesPerEpochMax', 'lanesPerEpochMax', 'lanesUsed'] as const;
type Level = (typeof LEVELS)[number];

/** How a log stands at one moment. */
export interface Gauges extends Readonly<Record<Level, number>> {
  readonly appendedSeq: number;
  readonly writtenSeq: number;
  readonly durableSeq: number;
  readonly durableEpoch: number;
  readonly sealedEpoch: number;
  /** Commits in a lane or on disk that are not durable yet. */
  readonly pendingCommits: number;
  /** Bytes in the lanes that are not written yet, and what the lanes have room for. */
  readonly stagedBytes: number;
  readonly laneBytes: number;
  /** Every commit up to here is in a store that was checkpointed, and may have left the log: 0 when there is none. */
  readonly releasedSeq: number;
}

/** The metrics of an open log. */
export interface Metrics {
  readonly state: StateName;
  /** The mode in force, and why it is conservative. */
  readonly mode: Mode;
  readonly fallback: Fallback;
  /** What only grows while the log is open, from 0. */
  readonly counters: Readonly<Record<Exclude<CounterName, Level>, number>>;
  readonly gauges: Gauges;
  /** Times in ms. `append` is of one append in 64, the others of everything. */
  readonly histograms: Readonly<Record<HistogramName, Histogram>>;
  /** What the controller decided; of a log that has one. */
  readonly decisions?: DecisionMetrics;
  /** Of a page store. */
  readonly store?: StoreMetrics;
}

/** Where the metrics of an open log are read. */
export interface Measured {
  readonly control: Control;
  readonly lanes: readonly Lane[];
  readonly telemetry: Telemetry;
  readonly decisions: DecisionBoard | undefined;
}

/** Reads everything once; together it is no snapshot. */
export function readMetrics({ control, lanes, telemetry, decisions }: Measured): Metrics {
  const { framesPerEpochMax, lanesPerEpochMax, lanesUsed, ...counters } = control.counters();
  const { appendedSeq, writtenSeq, durableSeq, durableEpoch, epoch: sealedEpoch } = readMarks(control, lanes);
  const gauges = {
    appendedSeq,
    writtenSeq,
    durableSeq,
    durableEpoch,
    sealedEpoch,
    pendingCommits: Math.max(0, appendedSeq - durableSeq),
    stagedBytes: lanes.reduce((sum, lane) => sum + lane.stagedBytes(), 0),
    laneBytes: lanes.reduce((sum, lane) => sum + lane.bytes, 0),
    framesPerEpochMax,
    lanesPerEpochMax,
    lanesUsed,
    releasedSeq: control.pins.releasedSeq,
  };
  const { mode, fallback } = control;
  const state = stateName(control.state);
  const metrics = { state, mode, fallback, counters, gauges, histograms: telemetry.histograms() };
  return decisions === undefined ? metrics : { ...metrics, decisions: decisions.read() };
}
