// README.md shows the plot and the summary of one run in bench/results: word for word, with the command that makes them
// anew. And it describes every benchmark.

import { expect, test } from 'vitest';
import { BENCHMARK_NAMES } from '../../src/cli/commands/bench.js';
import { readMarkdown, withoutBackticks } from '../support/markdown.js';
import { readPackageFile } from '../support/package-root.js';

const readme = readPackageFile('README.md');

test('README.md has the plot, the summary and the command of one run', () => {
  const [folder] = [...readme.matchAll(/!\[[^\]]+\]\((bench\/results\/[^)]+)\/plot\.svg\)/g)].map(([, path]) => path);
  expect(folder).toBeDefined();
  expect(readPackageFile(`${folder}/plot.svg`)).toContain('<svg');
  expect(readme).toContain(readPackageFile(`${folder}/summary.md`).trim());
  const { command } = JSON.parse(readPackageFile(`${folder}/results.json`)) as { command: string };
  expect(readme).toContain(command.replace('lanewal bench', 'npm run bench --'));
  expect(command).toContain(`--out ${folder}`);
});

test('README.md describes every benchmark', () => {
  const table = readMarkdown(readme).tables.find(({ columns }) => columns[0] === 'benchmark');
  expect(table?.rows.map(([name = '']) => withoutBackticks(name))).toEqual(Object.keys(BENCHMARK_NAMES));
});
