// How the tests run: against the built package, because workers are loaded by URL and tests must load the same files
// as users do. Plain JavaScript, so that no compiler stands between `npm test` and this file.
//
// Environment: WAL_TEST_SUITE=deep runs dist/test/deep instead of everything else; WAL_TEST_REPORT=path also writes
// the results as JSON (.ci/run counts them).

import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';

const root = fileURLToPath(new URL('..', import.meta.url));
const isDeep = process.env.WAL_TEST_SUITE === 'deep';
const report = process.env.WAL_TEST_REPORT;

/** Tests that run in one thread and clean up behind themselves: one process for many files saves starting it. */
const SHARED = 'dist/test/{unit,property,golden,tidy}/**/*.test.js';
const stale = compiledWithoutSource();

/**
 * What takes longest goes first, so that no processor is idle while the other one ends. Vitest remembers how long each
 * file took, but not in a fresh checkout.
 */
const COSTLIEST = [
  ...['cli/replay', 'system/syncs', 'cli/reading', 'threads/store-deaths', 'crash/crash-states', 'cli/crash'],
  ...[
    'threads/store-backup',
    'threads/exits',
    'cli/torture',
    'interleaving/cache',
    'system/disk-full',
    'cli/made-traces',
  ],
  ...['unit/recovery/damage', 'unit/recovery/opening-crash', 'unit/recovery/new-store', 'unit/recovery/page-files'],
].map((name) => `/test/${name}.test.js`);

class CostliestFirst extends BaseSequencer {
  async sort(files) {
    const sorted = await super.sort(files);
    return sorted.sort((one, other) => rank(one) - rank(other));
  }
}

function rank({ moduleId }) {
  const index = COSTLIEST.findIndex((name) => moduleId.endsWith(name));
  return index < 0 ? COSTLIEST.length : index;
}

// One behind the other: a process is used again only for files of its own project.
const quick = [
  project('own', {
    include: ['dist/test/**/*.test.js'],
    exclude: [SHARED, 'dist/test/deep/**', ...stale],
    sequence: { groupOrder: 0 },
  }),
  project('shared', { include: [SHARED], exclude: stale, isolate: false, sequence: { groupOrder: 1 } }),
];
const deep = [project('deep', { include: ['dist/test/deep/**/*.test.js'], exclude: stale })];

export default defineConfig({
  root,
  test: {
    projects: isDeep ? deep : quick,
    sequence: { sequencer: CostliestFirst },
    // The deep suite may still be empty; a quick suite without tests means that nothing was built.
    passWithNoTests: isDeep,
    watch: false,
    // Processes, not threads: tests start worker threads of their own and kill them.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: isDeep ? 1_800_000 : 60_000,
    hookTimeout: 60_000,
    // Node loads the package itself, untransformed: what the tests run is what ships.
    server: { deps: { external: [/\/dist\/(src|workers|bench|examples)\//] } },
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
  },
});

function project(name, test) {
  return { extends: true, test: { name, ...test } };
}

/** Compiled tests whose source was renamed or removed: tsc leaves them behind, and they prove nothing any more. */
function compiledWithoutSource() {
  const compiled = new URL('../dist/test/', import.meta.url);
  if (!existsSync(compiled)) return [];
  return readdirSync(compiled, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.test.js'))
    .filter((file) => !existsSync(new URL(file.replace(/js$/, 'ts'), import.meta.url)))
    .map((file) => `dist/test/${file}`);
}
