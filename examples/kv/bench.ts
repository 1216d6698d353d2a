// Measures the store: durable puts and gets a second, by 1, 2 and 4 threads, of one key or a hundred a transaction.
// `window` is how many of them a thread lets wait for the disk at once, as a server with that many clients does.
//
//   node dist/examples/kv/bench.js [--dir DIR] [--count N] [--value-bytes N]

import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type LoadOptions, load } from './load.js';
import { openKv } from './open.js';

const { values: options } = parseArgs({
  options: {
    dir: { type: 'string', default: '.' },
    count: { type: 'string', default: '4000' },
    'value-bytes': { type: 'string', default: '100' },
  },
});
const count = Number(options.count);
const valueBytes = Number(options['value-bytes']);

type Case = Pick<LoadOptions, 'act' | 'workers' | 'batch' | 'window'>;

const CASES: readonly Case[] = [1, 2, 4].flatMap((workers) => [
  { act: 'put' as const, workers, batch: 1, window: 1 },
  { act: 'put' as const, workers, batch: 1, window: 32 },
  { act: 'put' as const, workers, batch: 100, window: 4 },
  { act: 'get' as const, workers, batch: 1, window: 1 },
  { act: 'get' as const, workers, batch: 100, window: 1 },
]);

/** One store for each case, so that every put is of a new key into a tree of the same size. */
async function measure(each: Case): Promise<number> {
  const folder = mkdtempSync(join(options.dir, 'kv-bench-'));
  try {
    const { kv, handle } = await openKv(join(folder, 'bench.db'));
    await using _ = kv;
    const all = { handle, valueBytes };
    const loaded = 20_000;
    await load({ ...all, act: 'put', workers: 2, count: loaded, batch: 200, window: 2 });
    const isGet = each.act === 'get';
    const keys = isGet ? loaded : count * (each.batch > 1 ? 10 : 1);
    const seconds = await load({ ...all, ...each, from: isGet ? 0 : loaded, count: keys });
    return keys / seconds;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const each of CASES) {
  const { act, workers, batch, window } = each;
  const rate = Math.round(await measure(each));
  const row = [`${act}s`, `${workers} workers`, `${batch} a transaction`, `window ${window}`, `${rate} keys a second`];
  process.stdout.write(`${row.join(', ')}\n`);
}
