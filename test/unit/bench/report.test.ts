// Goal: the report says what was measured, whole and by itself. Method: results made up here; assertions on what a reader
// needs to find, and on what must not be in a self-contained file.

import { describe, expect, test } from 'vitest';
import { ratios, type Summary, summary } from '../../../bench/harness.js';
import { mainPlot } from '../../../bench/report/main-plot.js';
import { plotSvg } from '../../../bench/report/plot.js';
import { reportHtml } from '../../../bench/report/report.js';
import { makeScale } from '../../../bench/report/scale.js';
import { answers, summaryMarkdown, summaryText } from '../../../bench/report/summary.js';
import type { BenchResult, Comparison, Plot, Results } from '../../../bench/result.js';
import { type ComparisonId, ROWS } from '../../../bench/rows.js';

const plot: Plot = {
  id: 'bandwidth',
  title: 'Bandwidth <of> writers',
  caption: 'A & B',
  kind: 'lines',
  x: { label: 'writers', scale: 'log' },
  y: { label: 'MB/s', scale: 'linear' },
  series: [
    { name: 'lanewal', points: [1, 2, 4].map((x) => ({ x, y: 100 * x, low: 90 * x, high: 120 * x })) },
    { name: 'raw disk', points: [1, 2, 4].map((x) => ({ x, y: 500 })), isReference: true },
  ],
};
const bars: Plot = { ...plot, id: 'bars', kind: 'bars', series: [{ name: 'a store', points: [{ x: '', y: 1234 }] }] };

function comparison(id: ComparisonId, values: number[], beside: number[]): Comparison {
  const [value, besideValue] = [summary(values), summary(beside)];
  return { id, what: 'this', beside: 'that', unit: 'MB/s', value, besideValue, ratio: ratios(values, beside) };
}

function resultsOf(benchmarks: Record<string, Partial<BenchResult>>): Results {
  const whole = Object.entries(benchmarks).map(([name, given]) => {
    return [name, { comparisons: [], plots: [], notes: [], figures: {}, ...given }] as const;
  });
  const machine = { revision: 'abc1234', node: 'v0', processor: 'a processor', cores: 2, disk: 'a disk' };
  return {
    date: '2026-01-02T03:04:05.000Z',
    command: 'lanewal bench lanes',
    isQuick: true,
    machine,
    benchmarks: Object.fromEntries(whole),
  };
}

const measured = resultsOf({
  lanes: {
    comparisons: [comparison('bandwidth-full-1', [115, 112, 119], [100, 100, 100]), comparison('contention', [1], [2])],
    plots: [plot, bars],
    notes: ['The files are <equal>.'],
    figures: { 'raw full 1': [1, 2, 3] },
  },
});

describe('the summary', () => {
  test('a row is met or missed by its median, skipped without a figure, and not run without its benchmark', () => {
    const states = new Map(answers(measured).map(({ row, state }) => [row, state]));
    expect(states.get(ROWS['bandwidth-full-1'])).toBe('met');
    expect(states.get(ROWS.contention)).toBe('missed');
    expect(states.get(ROWS['bandwidth-normal-1'])).toBe('skipped');
    expect(states.get(ROWS.history)).toBe('not run');
  });

  test.each<[ComparisonId, Summary['median'], string]>([
    ['idle-cpu', 0.5, 'met'],
    ['idle-cpu', 1.5, 'missed'],
    ['recovery-memory', 128, 'met'],
  ])('%s of %d is judged by the figure itself: %s', (id, figure, state) => {
    const { ratio: _, ...absolute } = comparison(id, [figure], [figure * 100]);
    const found = answers(resultsOf({ [ROWS[id].benchmark]: { comparisons: [absolute] } }));
    expect(found.find(({ row }) => row === ROWS[id])?.state).toBe(state);
  });

  test('text and Markdown have the ratio with its span, and the target', () => {
    expect(summaryText(measured)).toMatch(/1 raw stream\s+1\.15 \(1\.12 to 1\.19\)\s+≥ 1 ×\s+met/);
    expect(summaryMarkdown(measured)).toContain('1 raw stream | 115 and 100 MB/s | 1.15 (1.12 to 1.19) | ≥ 1 × |');
    expect(summaryText(resultsOf({ cache: {} }))).toBe('cache');
  });
});

describe('the report', () => {
  const html = reportHtml(measured);

  test('has summary, plots, machine, how the work was made equal, and raw numbers', () => {
    for (const text of ['1.15 (1.12 to 1.19)', 'abc1234', 'a processor', 'lanewal bench lanes', 'raw full 1']) {
      expect(html).toContain(text);
    }
    expect(html).toContain('The files are &lt;equal&gt;.');
    expect(html).toContain('Not run: sync, ');
    expect(html).toContain('A quick look');
  });

  test('needs nothing from outside, and is escaped', () => {
    expect(html).not.toMatch(/<script|<link|<img|@import|url\(|\ssrc=/i);
    expect(html.match(/https?:\/\/[^"\s]+/g) ?? []).toEqual(
      new Array(html.split('xmlns=').length - 1).fill('http://www.w3.org/2000/svg'),
    );
    expect(html).toContain('Bandwidth &lt;of&gt; writers');
    expect(html).not.toContain('<of>');
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
  });

  test('one without comparisons and plots is whole, too', () => {
    const empty = reportHtml(resultsOf({ cache: { figures: { 'a read': 3 } } }));
    expect(empty).toContain('a read');
    expect(empty).toContain('</html>');
  });
});

describe('plots', () => {
  test('axes have their units, every line its name and its points', () => {
    const svg = plotSvg(plot);
    for (const text of ['>writers<', '>MB/s<', '>lanewal<', '>raw disk<', '>500<']) expect(svg).toContain(text);
    expect(svg.match(/<circle class="mark"/g)).toHaveLength(3);
    expect(svg.match(/class="ref"/g)).toHaveLength(2);
    expect(plotSvg(bars)).toContain('1230 MB/s');
  });

  test('the main plot stands alone, and is left out when nothing of it was measured', () => {
    expect(mainPlot(measured)).toMatch(/^<svg xmlns.*prefers-color-scheme.*<\/svg>\n$/s);
    expect(mainPlot(resultsOf({ cache: {} }))).toBeUndefined();
  });

  test('names of lines that end at the same place do not touch', () => {
    const series = ['a', 'b', 'c', 'd'].map((name) => ({ name, points: [{ x: 1, y: 1 }] }));
    const svg = plotSvg({ ...plot, series });
    const heights = [...svg.matchAll(/class="name" x="[\d.]+" y="([\d.]+)"/g)].map(([, y]) => Number(y));
    const sorted = heights.toSorted((a, b) => a - b);
    for (const [index, y] of sorted.slice(1).entries()) expect(y - (sorted[index] as number)).toBeGreaterThan(12);
  });

  test.each([
    ['linear', [3, 87], [0, 20, 40, 60, 80, 100]],
    ['log', [1, 2, 4, 32], [1, 2, 4, 32]],
    ['log', [150.5, 2400.5], [200, 500, 1000, 2000]],
    ['log', [12.5, 99_999_999.5], [100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000]],
    ['percentile', [10, 50, 99.95], [50, 90, 99, 99.9]],
  ] as const)('a %s axis for %j has marks at %j', (kind, values, expected) => {
    const scale = makeScale({ label: '', scale: kind }, values, 0, 100);
    expect(scale.ticks.map(({ value }) => value)).toEqual(expected);
    for (const value of values) {
      expect(scale.at(value)).toBeGreaterThanOrEqual(0);
      expect(scale.at(value)).toBeLessThanOrEqual(100.001);
    }
  });
});
