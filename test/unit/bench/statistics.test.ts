// Goal: what the benchmarks compute from what they measured is right. Method: figures whose answer is known, and the law
// that parts add up to the whole.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pointAt, ratios, summary } from '../../../bench/harness.js';
import { LatencyHistogram } from '../../../bench/histogram.js';

function histogramOf(latenciesMs: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const ms of latenciesMs) histogram.record(ms);
  return histogram;
}

describe('latencies', () => {
  test('histograms of threads, sent as text, add up to the histogram of all', () => {
    const latency = fc.double({ min: 0, max: 120_000, noNaN: true });
    fc.assert(
      fc.property(fc.array(fc.array(latency, { maxLength: 50 }), { minLength: 1, maxLength: 5 }), (parts) => {
        const merged = LatencyHistogram.merged(parts.map((part) => histogramOf(part).toText()));
        const whole = histogramOf(parts.flat());
        expect(merged.summary()).toEqual(whole.summary());
        expect(merged.curve()).toEqual(whole.curve());
      }),
      { numRuns: 50 },
    );
  });

  test('a percentile is right to three digits, from a microsecond to a minute', () => {
    const histogram = histogramOf([...new Array<number>(98).fill(0.001), 5, 60_000]);
    expect(histogram.us(50)).toBeCloseTo(1, 2);
    expect(histogram.us(99) / 5000).toBeCloseTo(1, 3);
    expect(histogram.us(100) / 60e6).toBeCloseTo(1, 3);
  });

  test('a curve goes no further than there are values to tell, and up', () => {
    const curve = histogramOf(Array.from({ length: 100 }, (_, index) => index + 1)).curve();
    expect(curve.at(-1)?.x).toBeGreaterThan(98);
    expect(curve.at(-1)?.x).toBeLessThan(99);
    expect(curve.map(({ y }) => y)).toEqual(curve.map(({ y }) => y).toSorted((a, b) => a - b));
    expect(new LatencyHistogram().curve()).toEqual([]);
    expect(new LatencyHistogram().us(50)).toBeNaN();
  });
});

describe('rounds', () => {
  test('a ratio is taken within its round, so that what slows a whole round changes nothing', () => {
    expect(ratios([10, 100, 1000], [5, 50, 500])).toEqual({ median: 2, min: 2, max: 2, rounds: 3 });
    expect(ratios([1, 4, 9], [1, 2, 3])).toEqual({ median: 2, min: 1, max: 3, rounds: 3 });
  });

  test('a figure is the median of its rounds, with the smallest and the largest', () => {
    expect(summary([5, 1, 3, 2, 4])).toEqual({ median: 3, min: 1, max: 5, rounds: 5 });
    expect(pointAt('x', [5, 1, 3])).toEqual({ x: 'x', y: 3, low: 1, high: 5 });
  });
});
