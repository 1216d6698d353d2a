// A process that lets threads work on a key-value store until it is killed. It says what is acknowledged, a line each:
// `ack thread number`.

import { Worker } from 'node:worker_threads';
import { openKv } from '../../examples/kv/open.js';
import type { KvWorkerData } from './kv-worker.js';

/** What the process is told, as JSON in its first argument. */
export interface KvVictimPlan {
  readonly db: string;
  readonly seed: number;
  readonly threads: number;
  readonly options: Readonly<Record<string, string | number>>;
}

const { db, seed, threads, options } = JSON.parse(process.argv[2] ?? '') as KvVictimPlan;
const { handle } = await openKv(db, options);
process.stdout.write('open\n');
for (let thread = 0; thread < threads; thread += 1) {
  const workerData: KvWorkerData = { handle, seed, thread, acknowledgeTo: 1 };
  new Worker(new URL('./kv-worker.js', import.meta.url), { workerData });
}
