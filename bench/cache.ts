// What a hit in the shared page cache costs: latch, view, one byte, unlatch. One thread; two threads on pages of their
// own; two on the same page. Directly on the cache, because within a transaction of the page store it cannot be seen.

import { Worker } from 'node:worker_threads';
import { type PageCacheMemory, SharedPageCache } from '../src/cache/shared-page-cache.js';
import { summary } from './harness.js';

const FRAMES = 16_384;
const PAGES = 8_000;

/** What one thread does in a case. */
export interface CacheCase {
  readonly memory: PageCacheMemory;
  readonly session: number;
  /** Pages it uses at random, from `firstPage` on. */
  readonly firstPage: number;
  readonly pages: number;
  readonly isExclusive: boolean;
  readonly hits: number;
  readonly rounds: number;
  /** Threads that begin each round together, and the words that they meet at, one a round. */
  readonly threads: number;
  readonly barrier: SharedArrayBuffer;
}

type CaseShape = Pick<CacheCase, 'pages' | 'isExclusive' | 'threads'> & { readonly isSamePages: boolean };

const CASES: Readonly<Record<string, CaseShape>> = {
  'read, 1 thread': { threads: 1, pages: PAGES, isExclusive: false, isSamePages: true },
  'read of one page, 1 thread': { threads: 1, pages: 1, isExclusive: false, isSamePages: true },
  'exclusive, 1 thread': { threads: 1, pages: PAGES, isExclusive: true, isSamePages: true },
  'read, 2 threads, own pages': { threads: 2, pages: PAGES / 2, isExclusive: false, isSamePages: false },
  'read, 2 threads, same pages': { threads: 2, pages: PAGES, isExclusive: false, isSamePages: true },
  'read of one page, 2 threads': { threads: 2, pages: 1, isExclusive: false, isSamePages: true },
  'exclusive, 2 threads, one page': { threads: 2, pages: 1, isExclusive: true, isSamePages: true },
};

/** Nanoseconds of a hit of a 4 KiB page, for each case: by the clock, and of processor time. */
export async function benchCache(rounds: number, hits: number): Promise<Record<string, unknown>> {
  const rows: Record<string, unknown> = {};
  for (const [name, { threads, pages, isExclusive, isSamePages }] of Object.entries(CASES)) {
    const memory = SharedPageCache.create({ frames: FRAMES, pageBytes: 4096 });
    const barrier = new SharedArrayBuffer(4 * (rounds + 1));
    const all = Array.from({ length: threads }, (_, session) => {
      const firstPage = isSamePages ? 1 : 1 + session * pages;
      return run({ memory, session, firstPage, pages, isExclusive, hits, rounds, threads, barrier });
    });
    const before = process.cpuUsage();
    const nanoseconds = (await Promise.all(all)).flat().map(Math.round);
    const { user, system } = process.cpuUsage(before);
    // Start and warm-up of the threads included; stands also where others use the processors.
    const cpu = Math.round(((user + system) * 1000) / (hits * (rounds + 1) * threads));
    rows[name] = { ...summary(nanoseconds), cpu };
  }
  return { unit: 'ns a hit', ...rows };
}

function run(workerData: CacheCase): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./cache-worker.js', import.meta.url), { workerData });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}
