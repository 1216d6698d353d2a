// Runs the benchmarks and prints what they measured; `npm run bench -- [NAME...] [--quick] [--out FILE] [--dir DIR]`.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { benchAppend } from './append.js';
import { benchCache } from './cache.js';
import { benchCheckpoint, type CheckpointCase } from './checkpoint.js';
import { benchCheckpointLatency } from './checkpoint-latency.js';
import { machine } from './harness.js';
import { benchLone } from './lone.js';
import { benchRecovery } from './recovery.js';
import { benchSteady } from './steady.js';
import { benchStore, contenders } from './store.js';
import { benchStoreRecovery } from './store-recovery.js';
import { benchWindowed, type WindowedCase } from './windowed.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    out: { type: 'string' },
    dir: { type: 'string', default: '.' },
  },
});

const rounds = values.quick ? 3 : 5;
const windowedCases: WindowedCase[] = [1, 2, 4, 8].flatMap((writers) =>
  [1, 8].map((pages) => ({ writers, pages, fsync: 'full' as const })),
);
windowedCases.push({ writers: 4, pages: 8, fsync: 'normal' });

const MIB = 2 ** 20;
const checkpointCases: CheckpointCase[] = [
  { step: 1, logOrder: 'shuffled' as const },
  { step: 1, logOrder: 'ascending' as const },
  { step: 3, logOrder: 'shuffled' as const },
].map((each) => ({ ...each, pages: values.quick ? 10_000 : 50_000 }));
const storeCases = [1, 2, 4, 8].map((writers) => {
  return { writers, keys: 20_000, seconds: values.quick ? 1 : 3, rounds };
});
const steadyCases = [
  { pagesPerCommit: 1, window: 1 },
  { pagesPerCommit: 8, window: 100 },
].map((each) => ({ ...each, seconds: values.quick ? 10 : 60, maxLogBytes: 256 * MIB }));

/** Runs a benchmark for each case, one after the other. */
async function rows<Case>(cases: readonly Case[], run: (each: Case) => Promise<unknown>): Promise<unknown[]> {
  const results: unknown[] = [];
  for (const each of cases) results.push(await run(each));
  return results;
}

const BENCHMARKS: Record<string, () => Promise<unknown>> = {
  append: () => benchAppend(values.dir),
  lone: () => benchLone(values.dir, rounds, values.quick ? 500 : 2000),
  windowed: () => rows(windowedCases, (each) => benchWindowed(values.dir, each, rounds, values.quick ? 200 : 800)),
  recovery: () => benchRecovery(values.dir, 200_000),
  checkpoint: () => rows(checkpointCases, (each) => benchCheckpoint(values.dir, each, rounds)),
  'checkpoint-latency': () => {
    return benchCheckpointLatency(values.dir, {
      pages: values.quick ? 20_000 : 80_000,
      commitsPerSecond: 2000,
      rounds,
    });
  },
  steady: () => rows(steadyCases, (each) => benchSteady(values.dir, each)),
  cache: () => benchCache(values.dir, values.quick ? 100_000 : 1_000_000, rounds),
  store: () => {
    const compared = contenders();
    return rows(storeCases, (each) => benchStore(values.dir, compared, each));
  },
  'store-recovery': () => {
    return rows(values.quick ? [64 * MIB] : [256 * MIB, 1024 * MIB], (each) => benchStoreRecovery(values.dir, each, 3));
  },
};

const unknown = positionals.find((name) => !(name in BENCHMARKS));
if (unknown !== undefined) {
  process.stderr.write(`Unknown benchmark '${unknown}'. Known: ${Object.keys(BENCHMARKS).join(', ')}.\n`);
  process.exit(2);
}
const results: Record<string, unknown> = { date: new Date().toISOString(), machine: machine() };
for (const [name, run] of Object.entries(BENCHMARKS)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  process.stderr.write(`${name} ...\n`);
  results[name] = await run();
}
const text = `${JSON.stringify(results, null, 2)}\n`;
process.stdout.write(text);
if (values.out !== undefined) writeFileSync(values.out, text);
