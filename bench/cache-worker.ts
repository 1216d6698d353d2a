// One thread of the benchmark of the page cache.

import { parentPort, workerData } from 'node:worker_threads';
import { SharedPageCache } from '../src/cache/shared-page-cache.js';
import type { CacheCase } from './cache.js';

const { memory, session, firstPage, pages, isExclusive, hits, rounds, threads, barrier } = workerData as CacheCase;
const TIMEOUT_MS = 60_000;

const cache = new SharedPageCache(memory, session, {
  isEvictable: () => true,
  load: () => 0,
  awaitEvictable: () => undefined,
});
const order = Int32Array.from({ length: 2 ** 16 }, () => firstPage + Math.floor(Math.random() * pages));
let sum = 0;

function share(count: number): void {
  for (let index = 0; index < count; index += 1) {
    const frame = cache.latchShared(order[index & 0xffff] as number, TIMEOUT_MS);
    sum += cache.view(frame)[0] as number;
    cache.unlatchShared(frame);
  }
}

function exclude(count: number): void {
  for (let index = 0; index < count; index += 1) {
    const frame = cache.latchExclusive(order[index & 0xffff] as number, TIMEOUT_MS);
    sum += cache.view(frame)[0] as number;
    cache.unlatchExclusive(frame);
  }
}

/** Waits until all threads are here, without sleeping: who sleeps begins late. */
function meet(round: number): void {
  const words = new Int32Array(barrier);
  Atomics.add(words, round, 1);
  while (Atomics.load(words, round) < threads);
}

const act = isExclusive ? exclude : share;
const nanoseconds: number[] = [];
for (let round = 0; round <= rounds; round += 1) {
  meet(round);
  const startMs = performance.now();
  act(hits);
  // The first round loads the pages and warms up.
  if (round > 0) nanoseconds.push(((performance.now() - startMs) * 1e6) / hits);
}
if (sum < 0) throw new Error('pages of zeros have no sum');
parentPort?.postMessage(nanoseconds);
