// The plot that the README shows.

import type { Results } from '../result.js';
import { plotsFile } from './plot.js';

/** What belongs into it, as far as it was measured. */
const MAIN = ['bandwidth', 'peers-synced'];

/** The main plot as an SVG file; undefined when nothing of it was measured. */
export function mainPlot({ benchmarks }: Results): string | undefined {
  const all = Object.values(benchmarks).flatMap(({ plots }) => plots);
  const plots = MAIN.flatMap((id) => all.filter((plot) => plot.id === id));
  return plots.length === 0 ? undefined : plotsFile('lanewal: throughput against writers', plots);
}
