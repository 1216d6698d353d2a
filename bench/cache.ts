// What a read of a page costs that is in the cache: latch, view, and the latch given back, through a transaction,
// without copying; with one thread and with two that read the same pages. Beside it: reading 4 KiB of the page file
// from the memory of the operating system.

import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { CachePlan } from './cache-worker.js';
import { inDirectory, quantile, round } from './harness.js';
import { openQuietStore, PAGE_BYTES, writePages } from './store-pages.js';
import { WorkerGroup } from './worker-group.js';

const PAGES = 1000;

/** Nanoseconds per read of `reads` reads in a row, medians of the rounds. */
export async function benchCache(parent: string, reads: number, rounds: number): Promise<Record<string, unknown>> {
  return inDirectory(parent, async (directory) => {
    const path = join(directory, 'store');
    await using store = await openQuietStore(path);
    const pages = Array.from({ length: PAGES }, (_, index) => index + 1);
    await store.transaction((transaction) => transaction.resize(PAGES));
    await writePages(store, pages, 1);
    await store.checkpoint({ mode: 'full' });
    const figures: Record<string, number> = { 'pread of 4 KiB': quantile(systemReads(path, reads, rounds), 0.5) };
    for (const threads of [1, 2]) {
      const data = Array.from({ length: threads }, () => ({ handle: store.handle }));
      const url = new URL('./cache-worker.js', import.meta.url);
      const group = await WorkerGroup.launch<CachePlan, { nsPerRead: number }>(url, data);
      for (const readsPerTransaction of [1, 16, 256]) {
        const plan = { reads, readsPerTransaction, pages: PAGES };
        const samples: number[] = [];
        // The first round warms up.
        for (let index = 0; index <= rounds; index += 1) {
          const { results } = await group.round(plan);
          if (index > 0) samples.push(...results.map(({ nsPerRead }) => nsPerRead));
        }
        figures[`${threads} thread(s), ${readsPerTransaction} read(s) a transaction`] = quantile(samples, 0.5);
      }
      await group.stop();
    }
    const rounded = Object.entries(figures).map(([name, ns]) => [name, round(ns, 0)]);
    return { unit: 'ns for each read, median', ...Object.fromEntries(rounded) };
  });
}

function systemReads(path: string, reads: number, rounds: number): number[] {
  const fd = openSync(path, 'r');
  const image = new Uint8Array(PAGE_BYTES);
  const samples = Array.from({ length: rounds }, () => {
    const startMs = performance.now();
    for (let count = 0; count < reads; count += 1) readSync(fd, image, 0, PAGE_BYTES, (count % PAGES) * PAGE_BYTES);
    return ((performance.now() - startMs) * 1e6) / reads;
  });
  closeSync(fd);
  return samples;
}
