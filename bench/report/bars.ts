// A plot of bars, one for each series: its name, its length from zero, its figure, and the span of its rounds.

import type { Plot } from '../result.js';
import { PLOT_WIDTH } from './lines.js';
import { makeScale } from './scale.js';
import { escapeText, short } from './text.js';
import { SERIES_COLOURS } from './theme.js';

const LEFT = 200;
const RIGHT = 90;
const TOP = 34;
const ROW = 30;
const BAR = 16;
const BOTTOM = 16;

/** How high the plot is. */
export function barsHeight(plot: Plot): number {
  return TOP + plot.series.length * ROW + BOTTOM;
}

/** The inside of an SVG of PLOT_WIDTH by `barsHeight`. */
export function drawBars(plot: Plot): string {
  const points = plot.series.map(({ points: [point] }) => point);
  const values = points.flatMap((point) => (point === undefined ? [] : [point.high ?? point.y]));
  const x = makeScale({ ...plot.y, scale: 'linear' }, values, LEFT, PLOT_WIDTH - RIGHT);
  let colour = -1;
  const bars = plot.series.map((series, index) => {
    if (series.isReference !== true) colour += 1;
    const point = points[index];
    if (point === undefined) return '';
    const middle = TOP + index * ROW + ROW / 2;
    const own = series.name.startsWith('lanewal') ? ' own' : '';
    const classes = series.isReference === true ? 'ref' : `s${colour % SERIES_COLOURS}${own}`;
    const at = (value: number): number => Number(x.at(value).toFixed(1));
    const width = Math.max(1, at(point.y) - LEFT);
    const [low, high] = [at(point.low ?? point.y), at(point.high ?? point.y)];
    return [
      `<g class="${classes}">`,
      `<text class="name" x="${LEFT - 10}" y="${middle + 4}" text-anchor="end">${escapeText(series.name)}</text>`,
      `<rect class="bar" x="${LEFT}" y="${middle - BAR / 2}" height="${BAR}" width="${width}"/>`,
      `<path class="whisker" d="M${low} ${middle}H${high}M${low} ${middle - 4}v8M${high} ${middle - 4}v8"/>`,
      `<text class="value" x="${high + 8}" y="${middle + 4}">${short(point.y)} ${escapeText(plot.y.label)}</text>`,
      '</g>',
    ].join('');
  });
  return [`<text class="title" x="20" y="16">${escapeText(plot.title)}</text>`, ...bars].join('\n');
}
