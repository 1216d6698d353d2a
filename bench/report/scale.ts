// From figures to places on an axis.

import type { Axis } from '../result.js';
import { short } from './text.js';

/** A place for every figure, and where to put marks. */
export interface Scale {
  at(value: number): number;
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
}

const PERCENTILES = [50, 90, 99, 99.9, 99.99, 99.999];
/** Log axes with more marks than this show powers of ten only. */
const LOG_TICKS_MAX = 8;
const LINEAR_TICKS = 5;

/** A scale from `from` to `to` pixels for all `values`; a linear one starts at zero. */
export function makeScale({ scale }: Axis, values: readonly number[], from: number, to: number): Scale {
  const finite = values.filter((value) => Number.isFinite(value) && (scale !== 'log' || value > 0));
  const low = scale === 'log' ? Math.min(...finite) : 0;
  const high = Math.max(...finite);
  if (finite.length === 0) return place(Number, [], 0, 1, from, to);
  if (scale === 'percentile') {
    const ticks = PERCENTILES.filter((percent) => percent <= high);
    return place(nines, ticks, nines(Math.min(...finite, 0)), nines(high), from, to);
  }
  if (scale === 'linear') {
    const ticks = linearTicks(high);
    return place(Number, ticks, low, Math.max(high, ticks.at(-1) ?? high), from, to);
  }
  return place(Math.log10, logTicks(low, high, new Set(finite)), Math.log10(low), Math.log10(high), from, to);
}

/** How many nines: 0, 50% is 0.3, 90% is 1, 99% is 2. */
function nines(percent: number): number {
  return -Math.log10(1 - percent / 100);
}

function place(
  measure: (value: number) => number,
  ticks: readonly number[],
  low: number,
  high: number,
  from: number,
  to: number,
): Scale {
  const span = high - low || 1;
  return {
    at: (value) => from + ((measure(value) - low) / span) * (to - from),
    ticks: ticks.map((value) => ({ value, text: short(value) })),
  };
}

function linearTicks(high: number): number[] {
  if (high <= 0) return [0];
  const rough = high / LINEAR_TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough) as number;
  return Array.from({ length: Math.ceil(high / step - 1e-9) + 1 }, (_, index) =>
    Number((index * step).toPrecision(12)),
  );
}

/** The values themselves when they are few, as writers are; else 1, 2, 5 of each power, or the powers alone. */
function logTicks(low: number, high: number, values: ReadonlySet<number>): number[] {
  const own = [...values].sort((a, b) => a - b);
  if (own.length <= LOG_TICKS_MAX && own.every(Number.isInteger)) return own;
  const powers = Array.from(
    { length: Math.ceil(Math.log10(high)) - Math.floor(Math.log10(low)) + 1 },
    (_, index) => 10 ** (Math.floor(Math.log10(low)) + index),
  );
  const within = (value: number): boolean => value >= low * 0.999 && value <= high * 1.001;
  const fine = powers.flatMap((power) => [power, 2 * power, 5 * power]).filter(within);
  return fine.length <= LOG_TICKS_MAX ? fine : powers.filter(within);
}
