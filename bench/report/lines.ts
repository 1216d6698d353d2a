// A plot of lines: axes with units, a band from the smallest to the largest round, and the name of each line at its
// end.

import type { Plot, Series } from '../result.js';
import { makeScale, type Scale } from './scale.js';
import { escapeText } from './text.js';
import { SERIES_COLOURS } from './theme.js';

export const PLOT_WIDTH = 760;
export const PLOT_HEIGHT = 400;
const LEFT = 64;
/** Room for the names. */
const RIGHT = 205;
const TOP = 34;
const BOTTOM = 50;
const NAME_GAP = 15;
const MARK = 4;
/** A curve of more points has no marks. */
const MARKS_MAX = 12;

interface Line {
  readonly series: Series;
  readonly classes: string;
  readonly shape: number;
  readonly points: readonly { x: number; y: number; low: number; high: number }[];
}

/** The inside of an SVG of PLOT_WIDTH by PLOT_HEIGHT. */
export function drawLines(plot: Plot): string {
  const all = plot.series.flatMap(({ points }) => points);
  const x = makeScale(
    plot.x,
    all.map((point) => Number(point.x)),
    LEFT,
    PLOT_WIDTH - RIGHT,
  );
  const ys = all.flatMap(({ y, low = y, high = y }) => [y, low, high]);
  const y = makeScale(plot.y, ys, PLOT_HEIGHT - BOTTOM, TOP);
  let colour = -1;
  const lines = plot.series.map((series): Line => {
    if (series.isReference !== true) colour += 1;
    const own = series.name.startsWith('lanewal') ? ' own' : '';
    return {
      series,
      classes: series.isReference === true ? 'ref' : `s${colour % SERIES_COLOURS}${own}`,
      shape: colour,
      points: series.points.map((point) => ({
        x: x.at(Number(point.x)),
        y: y.at(point.y),
        low: y.at(point.low ?? point.y),
        high: y.at(point.high ?? point.y),
      })),
    };
  });
  return [drawAxes(plot, x, y), ...lines.map(drawLine), ...drawNames(lines)].join('\n');
}

function drawAxes(plot: Plot, x: Scale, y: Scale): string {
  const bottom = PLOT_HEIGHT - BOTTOM;
  const right = PLOT_WIDTH - RIGHT;
  const parts = [`<text class="title" x="${LEFT - 44}" y="16">${escapeText(plot.title)}</text>`];
  for (const { value, text } of y.ticks) {
    const at = round(y.at(value));
    parts.push(`<line class="grid" x1="${LEFT}" x2="${right}" y1="${at}" y2="${at}"/>`);
    parts.push(`<text x="${LEFT - 8}" y="${at + 4}" text-anchor="end">${text}</text>`);
  }
  for (const { value, text } of x.ticks) {
    const at = round(x.at(value));
    const mark = plot.x.scale === 'percentile' ? `p${value}` : text;
    parts.push(`<line class="grid" x1="${at}" x2="${at}" y1="${bottom}" y2="${bottom + 5}"/>`);
    parts.push(`<text x="${at}" y="${bottom + 19}" text-anchor="middle">${mark}</text>`);
  }
  const middle = (LEFT + right) / 2;
  const logWords = plot.y.scale === 'log' ? ' (log)' : '';
  parts.push(`<text x="${middle}" y="${PLOT_HEIGHT - 10}" text-anchor="middle">${escapeText(plot.x.label)}</text>`);
  parts.push(
    `<text transform="translate(14 ${(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">` +
      `${escapeText(plot.y.label)}${logWords}</text>`,
  );
  return parts.join('\n');
}

function drawLine({ series, classes, points, shape }: Line): string {
  const path = points.map(({ x, y }) => `${round(x)},${round(y)}`).join(' ');
  const edge = [...points.map(({ x, high }) => [x, high]), ...points.toReversed().map(({ x, low }) => [x, low])];
  const band = edge.map(([x = 0, y = 0]) => `${round(x)},${round(y)}`).join(' ');
  const isBare = series.isReference === true || points.length > MARKS_MAX;
  return [
    `<g class="${classes}">`,
    series.isReference === true ? '' : `<polygon class="band" points="${band}"/>`,
    `<polyline class="line" points="${path}"/>`,
    ...(isBare ? [] : points.map(({ x, y }) => mark(shape, x, y))),
    '</g>',
  ].join('');
}

/** A circle, a square, a triangle, a diamond, and again. */
function mark(shape: number, x: number, y: number): string {
  const side = MARK + 1;
  if (shape % 4 === 0) return `<circle class="mark" cx="${round(x)}" cy="${round(y)}" r="${MARK}"/>`;
  const corners = {
    1: [-MARK, -MARK, MARK, -MARK, MARK, MARK, -MARK, MARK],
    2: [-side, MARK, 0, -side, side, MARK],
    3: [-side, 0, 0, -side, side, 0, 0, side],
  }[shape % 4] as number[];
  const points = corners.map((by, index) => round(by + (index % 2 === 0 ? x : y)));
  return `<polygon class="mark" points="${points.join(' ')}"/>`;
}

/** Names at the ends of the lines, moved apart where they would touch. */
function drawNames(lines: readonly Line[]): string[] {
  const names = lines
    .flatMap(({ series, classes, points }) => {
      const end = points.at(-1);
      return end === undefined ? [] : [{ name: series.name, classes, x: end.x, y: end.y, at: end.y }];
    })
    .sort((a, b) => a.y - b.y);
  for (const [index, each] of names.entries()) {
    each.at = Math.max(each.at, (names[index - 1]?.at ?? 0) + NAME_GAP);
  }
  // What was pushed below the plot goes up again, and pushes those above it.
  let most = PLOT_HEIGHT - BOTTOM;
  for (const each of names.toReversed()) {
    each.at = Math.min(each.at, most);
    most = each.at - NAME_GAP;
  }
  const left = PLOT_WIDTH - RIGHT + 14;
  return names.map(({ name, classes, x, y, at }) => {
    const lead = `<polyline class="grid" fill="none" points="${round(x + 5)},${round(y)} ${left - 3},${round(at)}"/>`;
    const text = `<text class="name" x="${left}" y="${round(at + 4)}">${escapeText(name)}</text>`;
    return `<g class="${classes}">${lead}${text}</g>`;
  });
}

function round(value: number): number {
  return Number(value.toFixed(1));
}
