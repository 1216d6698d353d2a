// How the tests run: against the built package, because workers are loaded by URL and tests must load the same files
// as users do. Plain JavaScript, so that no compiler stands between `npm test` and this file.
//
// Environment: WAL_TEST_SUITE=deep runs dist/test/deep instead of everything else; WAL_TEST_REPORT=path also writes
// the results as JSON (.ci/run counts them).

import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));
const isDeep = process.env.WAL_TEST_SUITE === 'deep';
const report = process.env.WAL_TEST_REPORT;

export default defineConfig({
  root,
  test: {
    include: [isDeep ? 'dist/test/deep/**/*.test.js' : 'dist/test/**/*.test.js'],
    exclude: [...(isDeep ? [] : ['dist/test/deep/**']), ...compiledWithoutSource()],
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
