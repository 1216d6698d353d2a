// Prints what the simulation says of up to 64 cores, and draws it: behind `npm run build`,
// `node dist/bench/simulation/main.js design/scaling.svg`. The same figures each time.

import { writeFileSync } from 'node:fs';
import { plotsFile } from '../report/plot.js';
import { CORES, scalingPlots } from './scenarios.js';

const plots = scalingPlots();
for (const { title, series } of plots) {
  console.log(`\n| ${title}: cores | ${CORES.join(' | ')} |\n|---|${'---|'.repeat(CORES.length)}`);
  for (const { name, points } of series) {
    console.log(`| ${name} | ${points.map(({ y }) => (y < 10_000 ? y : `${Math.round(y / 1000)}k`)).join(' | ')} |`);
  }
}
const [, , path] = process.argv;
if (path !== undefined) writeFileSync(path, plotsFile('lanewal: simulated commits against cores', plots));
