// A plot as an SVG that needs nothing from outside.

import type { Plot } from '../result.js';
import { barsHeight, drawBars } from './bars.js';
import { drawLines, PLOT_HEIGHT, PLOT_WIDTH } from './lines.js';
import { escapeText } from './text.js';
import { plotStyle } from './theme.js';

/** One plot inside a page that has `plotStyle`. */
export function plotSvg(plot: Plot): string {
  return wrap(plot.title, PLOT_WIDTH, heightOf(plot), draw(plot));
}

/** Several plots below each other as a file of their own. */
export function plotsFile(title: string, plots: readonly Plot[]): string {
  const gap = 16;
  let at = gap;
  const groups: string[] = [];
  for (const plot of plots) {
    groups.push(`<g transform="translate(0 ${at})">${draw(plot)}</g>`);
    at += heightOf(plot) + gap;
  }
  const paper = `<rect class="paper" width="${PLOT_WIDTH}" height="${at}"/>`;
  return `${wrap(title, PLOT_WIDTH, at, `<style>${plotStyle('svg')}</style>\n${paper}\n${groups.join('\n')}`)}\n`;
}

function heightOf(plot: Plot): number {
  return plot.kind === 'bars' ? barsHeight(plot) : PLOT_HEIGHT;
}

function draw(plot: Plot): string {
  return plot.kind === 'bars' ? drawBars(plot) : drawLines(plot);
}

function wrap(title: string, width: number, height: number, inside: string): string {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">\n` +
    `<title>${escapeText(title)}</title>\n${inside}\n</svg>`
  );
}
