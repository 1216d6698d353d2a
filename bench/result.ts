// What a benchmark hands back: plain data, written to results.json as it stands and drawn by the report.

import type { Summary } from './harness.js';
import type { ComparisonId } from './rows.js';

/** One thing measured beside another in the same rounds. */
export interface Comparison {
  readonly id: ComparisonId;
  /** What was measured, and beside what, in a few words each. */
  readonly what: string;
  readonly beside: string;
  readonly unit: string;
  readonly value: Summary;
  readonly besideValue: Summary;
  /** `value / besideValue`, taken within each round; a target is about this, or, where there is none, about `value`. */
  readonly ratio?: Summary;
}

/** One line of a plot, or one group of bars. */
export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
  /** Drawn apart from what is measured: a limit, or the raw disk. */
  readonly isReference?: boolean;
}

/** A point with the smallest and largest figure of its rounds. */
export interface Point {
  readonly x: number | string;
  readonly y: number;
  readonly low?: number;
  readonly high?: number;
}

/** An axis; `percentile` spreads 50, 90, 99, 99.9 ... evenly. */
export interface Axis {
  readonly label: string;
  readonly scale: 'linear' | 'log' | 'percentile';
}

/** Figures to be drawn. */
export interface Plot {
  readonly id: string;
  readonly title: string;
  /** How to read it, in a sentence. */
  readonly caption: string;
  readonly kind: 'lines' | 'bars';
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

/** What one benchmark found. */
export interface BenchResult {
  readonly comparisons: readonly Comparison[];
  readonly plots: readonly Plot[];
  /** How the work was made equal, what was skipped, what a figure does not say. */
  readonly notes: readonly string[];
  /** Everything else, for whoever wants the numbers. */
  readonly figures: unknown;
}

/** Everything of one run. */
export interface Results {
  readonly date: string;
  readonly command: string;
  readonly isQuick: boolean;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly benchmarks: Readonly<Record<string, BenchResult>>;
}
