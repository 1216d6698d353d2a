// Goal: `lanewal bench` measures, says so, and leaves results, report and nothing else. Method: one short benchmark, run
// as a user would; the list of names against what there is.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { BENCHMARKS } from '../../bench/catalog.js';
import type { Results } from '../../bench/result.js';
import { ROWS } from '../../bench/rows.js';
import { BENCHMARK_NAMES } from '../../src/cli/commands/bench.js';
import { makeFolder, removeFolders, runProcess } from '../support/command-line.js';

afterEach(removeFolders);

test('the help names every benchmark there is, and every row has one of them', () => {
  expect(Object.keys(BENCHMARK_NAMES)).toEqual(Object.keys(BENCHMARKS));
  expect(Object.keys(BENCHMARK_NAMES)).toEqual(
    expect.arrayContaining(Object.values(ROWS).map(({ benchmark }) => benchmark)),
  );
});

test('a quick benchmark writes results and a report, and prints the summary', async () => {
  const folder = makeFolder();
  const out = join(folder, 'out');
  const ended = await runProcess(['bench', 'append', '--quick', '--out', out, '--dir', folder]);
  expect({ status: ended.status, stderr: ended.stderr }).toEqual({ status: 0, stderr: 'append (0 s so far)\n' });
  expect(ended.stdout).toContain('copy + CRC32C');
  expect(ended.stdout).toContain(join(out, 'report.html'));
  const results = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')) as Results;
  expect(results.benchmarks.append?.comparisons.map(({ id }) => id)).toEqual([
    'append-cost',
    'append-total',
    'append-collections',
  ]);
  for (const { ratio } of results.benchmarks.append?.comparisons.slice(0, 2) ?? []) {
    expect(ratio?.median).toBeGreaterThan(0);
  }
  expect(results.machine).toMatchObject({ node: process.version, LANEWAL_LOG_FILE_BYTES: '4194304' });
  expect(existsSync(join(out, 'report.html'))).toBe(true);
  expect(readdirSync(folder)).toEqual(['out']);
});

test('a folder for results that cannot be made is an error in one line, before anything is measured', async () => {
  const folder = makeFolder();
  writeFileSync(join(folder, 'file'), 'precious');
  const { status, stdout, stderr } = await runProcess(['bench', 'append', '--out', join(folder, 'file')]);
  expect([status, stdout]).toEqual([3, '']);
  expect(stderr).toMatch(/^lanewal: [^\n]+file[^\n]+\(ERR_WAL_IO\)\n$/);
  expect(readdirSync(folder)).toEqual(['file']);
});
