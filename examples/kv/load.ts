// Runs load-worker.ts on several threads at once.

import { Worker } from 'node:worker_threads';
import type { LoadPlan } from './load-worker.js';

/** What the threads do together. */
export interface LoadOptions extends Omit<LoadPlan, 'first' | 'step'> {
  readonly workers: number;
  /** The first number; default 0. */
  readonly from?: number;
}

/**
 * Puts or gets `count` numbered keys, shared out among threads.
 *
 * @returns how long it took from when all threads were ready, in seconds
 */
export async function load({ workers, count, from = 0, ...plan }: LoadOptions): Promise<number> {
  const threads = Array.from({ length: workers }, (_, index) => {
    const own = { ...plan, first: from + index, step: workers, count: Math.ceil((count - index) / workers) };
    return new Worker(new URL('./load-worker.js', import.meta.url), { workerData: own satisfies LoadPlan });
  });
  const failed = Promise.all(threads.map((thread) => ended(thread)));
  await Promise.race([Promise.all(threads.map((thread) => said(thread, 'ready'))), failed]);
  const begin = performance.now();
  const done = Promise.all(threads.map((thread) => said(thread, 'done')));
  for (const thread of threads) thread.postMessage('go');
  await Promise.race([done, failed]);
  const seconds = (performance.now() - begin) / 1000;
  await failed;
  return seconds;
}

function said(thread: Worker, what: string): Promise<void> {
  return new Promise((resolve) => {
    thread.on('message', (message) => {
      if (message === what) resolve();
    });
  });
}

function ended(thread: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    thread.once('error', reject);
    thread.once('exit', () => resolve());
  });
}
