// A process with a durable map and threads that work on it, until it is killed. It says `open`, and `ack thread round`
// for what is durable.

import { Worker } from 'node:worker_threads';
import { openDurableMap } from '../../src/kv.js';
import type { MapWorkerData } from './map-worker.js';

const [, , path = '', threads = '0'] = process.argv;
// A log that is compacted while it is killed.
const settings = { lanes: 2, laneBytes: 65_536, logFileBytes: 65_536, maxLogBytes: 2 ** 20 };
const map = await openDurableMap(path, { ...settings, compactCommits: 50 });
console.log('open');
for (let thread = 0; thread < Number(threads); thread += 1) {
  const workerData: MapWorkerData = { handle: map.handle, thread };
  const worker = new Worker(new URL('./map-worker.js', import.meta.url), { workerData });
  worker.on('message', (round: number) => console.log(`ack ${thread} ${round}`));
  worker.on('error', (error) => {
    console.error(error);
    process.exit(1);
  });
}
