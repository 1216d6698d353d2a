// Runs the benchmarks and prints what they measured; `npm run bench -- [NAME...] [--quick] [--out FILE] [--dir DIR]`.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { benchAppend } from './append.js';
import { benchCache } from './cache.js';
import { machine } from './harness.js';
import { benchLone } from './lone.js';
import { benchRecovery } from './recovery.js';
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

const BENCHMARKS: Record<string, () => Promise<unknown>> = {
  append: () => benchAppend(values.dir),
  lone: () => benchLone(values.dir, rounds, values.quick ? 500 : 2000),
  windowed: async () => {
    const rows: unknown[] = [];
    for (const each of windowedCases)
      rows.push(await benchWindowed(values.dir, each, rounds, values.quick ? 200 : 800));
    return rows;
  },
  cache: () => benchCache(rounds, values.quick ? 300_000 : 2_000_000),
  recovery: () => benchRecovery(values.dir, 200_000),
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
