// What a passive checkpoint costs those who append meanwhile: 4 writers commit one page each at a fixed rate well below
// the peak (latencies count from when a commit was due), alone and while an automatic checkpoint runs at the default
// pace. The two are taken in turns in each round.

import { join } from 'node:path';
import type { CheckpointReport, PageStore } from '../src/index.js';
import { inDirectory, quantile, round, shuffled, summary } from './harness.js';
import type { LoadData, LoadPlan, LoadResult } from './load-worker.js';
import { openQuietStore, PAGE_BYTES, writePages } from './store-pages.js';
import { WorkerGroup } from './worker-group.js';

const WRITERS = 4;
const MB = 1e6;

/** How much is done. */
export interface LatencyCase {
  /** Pages that the checkpoint writes, besides those of the writers. */
  readonly pages: number;
  readonly commitsPerSecond: number;
  readonly rounds: number;
}

interface Latencies {
  readonly p50: number[];
  readonly p99: number[];
  readonly worst: number[];
}

export async function benchCheckpointLatency(
  parent: string,
  { pages, commitsPerSecond, rounds }: LatencyCase,
): Promise<Record<string, unknown>> {
  return inDirectory(parent, async (directory) => {
    const checkpointBytes = pages * PAGE_BYTES;
    await using store = await openQuietStore(join(directory, 'store'), { checkpointBytes });
    // The writers keep to the last quarter of the store.
    const sizePages = Math.ceil((pages * 4) / 3);
    const pagesEach = Math.floor((sizePages - pages) / WRITERS);
    await store.transaction((transaction) => transaction.resize(sizePages), { waitFor: 'appended' });
    await writePages(store, shuffled(1, sizePages, 1), 0);
    await store.checkpoint({ mode: 'truncate' });
    const group = await start(store, pages + 1, pagesEach);
    const alone: Latencies = { p50: [], p99: [], worst: [] };
    const during: Latencies = { p50: [], p99: [], worst: [] };
    const rates: number[] = [];
    // As long as the checkpoint takes at the default pace.
    const seconds = checkpointBytes / store.settings.checkpointBytesPerSecond;
    const rate = commitsPerSecond / WRITERS;
    await group.round({ kind: 'open-loop', seconds: 1, commitsPerSecond: rate });
    for (let index = 1; index <= rounds; index += 1) {
      await store.checkpoint({ mode: 'full' });
      note(alone, (await group.round({ kind: 'open-loop', seconds, commitsPerSecond: rate })).results);
      await store.checkpoint({ mode: 'full' });
      const ended = largeCheckpoint(store, pages * 0.9);
      await writePages(store, shuffled(1, pages, index), index);
      const { results } = await group.round({ kind: 'open-loop', seconds: seconds + 0.5, commitsPerSecond: rate });
      const { report, endMs } = await ended;
      note(during, results, endMs - report.durationMs, endMs);
      rates.push(report.bytesWritten / (report.durationMs / 1000) / MB);
    }
    await group.stop();
    const ratios = during.p99.map((value, index) => value / (alone.p99[index] as number));
    const medians = (all: Latencies): Record<string, number> => ({
      p50: round(quantile(all.p50, 0.5), 0),
      p99: round(quantile(all.p99, 0.5), 0),
      worst: round(Math.max(...all.worst), 0),
    });
    return {
      writers: WRITERS,
      commitsPerSecond,
      unit: 'us',
      alone: medians(alone),
      duringCheckpoint: medians(during),
      ratioP99: round(quantile(ratios, 0.5)),
      ratiosP99: ratios.map((ratio) => round(ratio)),
      checkpointMegabytesPerSecond: summary(rates.map((value) => round(value, 0))),
    };
  });
}

function start(store: PageStore, firstPage: number, pagesEach: number): Promise<WorkerGroup<LoadPlan, LoadResult>> {
  const data = Array.from({ length: WRITERS }, (_, index): LoadData => {
    return { handle: store.handle, first: firstPage + index, stride: WRITERS, pages: pagesEach };
  });
  return WorkerGroup.launch(new URL('./load-worker.js', import.meta.url), data);
}

/** The next checkpoint that writes so many pages, with the time it was told. */
function largeCheckpoint(store: PageStore, pages: number): Promise<{ report: CheckpointReport; endMs: number }> {
  return new Promise((resolve) => {
    const hear = (report: CheckpointReport): void => {
      if (report.pagesWritten < pages) return;
      store.off('checkpoint', hear);
      resolve({ report, endMs: performance.timeOrigin + performance.now() });
    };
    store.on('checkpoint', hear);
  });
}

/** Takes the latencies of commits that were due within a time. */
function note(to: Latencies, results: readonly LoadResult[], fromMs = 0, untilMs = Number.POSITIVE_INFINITY): void {
  const latencies = results.flatMap(({ latenciesMs, dueAtMs }) =>
    [...latenciesMs].filter(
      (_, index) => (dueAtMs[index] as number) >= fromMs && (dueAtMs[index] as number) <= untilMs,
    ),
  );
  to.p50.push(quantile(latencies, 0.5) * 1000);
  to.p99.push(quantile(latencies, 0.99) * 1000);
  to.worst.push(Math.max(...latencies) * 1000);
}
