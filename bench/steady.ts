// A page store that is left running: 8 writers for a minute under a bounded log. What is watched is not speed but that
// the log directory keeps to its bound (and one file), and that nobody stops.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openPageStore, type PageStore } from '../src/index.js';
import type { SteadyFigures } from './figure-plots.js';
import { inDirectory, round, shuffled } from './harness.js';
import type { LoadData, LoadPlan, LoadResult } from './load-worker.js';
import { writePages } from './store-pages.js';
import { WorkerGroup } from './worker-group.js';

const WRITERS = 8;
const PAGES_EACH = 8192;
const SAMPLE_MS = 5;
const MIB = 2 ** 20;

/** What the writers do. */
export interface SteadyCase {
  readonly seconds: number;
  readonly pagesPerCommit: number;
  /** Commits of a writer in flight; 1: it waits for each. */
  readonly window: number;
  readonly maxLogBytes: number;
}

export async function benchSteady(parent: string, given: SteadyCase): Promise<SteadyFigures> {
  const { seconds, pagesPerCommit, window, maxLogBytes } = given;
  return inDirectory(parent, async (directory) => {
    const path = join(directory, 'store');
    await using store = await openPageStore(path, { maxLogBytes });
    await store.transaction((transaction) => transaction.resize(WRITERS * PAGES_EACH), { waitFor: 'appended' });
    await writePages(store, shuffled(1, WRITERS * PAGES_EACH, 1), 0);
    const group = await start(store);
    const watch = new Watch(store, `${path}-wal`);
    const run = await group.round({ kind: 'closed-loop', seconds, pagesPerCommit, window });
    const { most, ...seen } = watch.end();
    await group.stop();
    const commits = run.results.reduce((sum, result) => sum + result.commits, 0);
    const bound = maxLogBytes + store.settings.logFileBytes;
    return {
      writers: WRITERS,
      pagesPerCommit,
      window,
      seconds: round(run.seconds, 1),
      commitsPerSecond: round(commits / run.seconds, 0),
      longestPauseMs: round(Math.max(...run.results.map(({ longestPauseMs }) => longestPauseMs)), 0),
      timeouts: run.results.reduce((sum, result) => sum + result.timeouts, 0),
      ...seen,
      logMiB: { bound: maxLogBytes / MIB, oneFile: store.settings.logFileBytes / MIB, most: round(most / MIB, 1) },
      isWithinBound: most <= bound,
    };
  });
}

function start(store: PageStore): Promise<WorkerGroup<LoadPlan, LoadResult>> {
  const data = Array.from({ length: WRITERS }, (_, index): LoadData => {
    return { handle: store.handle, first: index + 1, stride: WRITERS, pages: PAGES_EACH };
  });
  return WorkerGroup.launch(new URL('./load-worker.js', import.meta.url), data);
}

/** Looks at a store and its log directory while others work on it. */
class Watch {
  readonly #timer: NodeJS.Timeout;
  readonly #logDirectory: string;
  #most = 0;
  #samples = 0;
  #stalls = 0;
  #checkpoints = 0;
  #failures = 0;

  constructor(store: PageStore, logDirectory: string) {
    this.#logDirectory = logDirectory;
    store.wal.on('stalled', () => {
      this.#stalls += 1;
    });
    store.on('checkpoint', () => {
      this.#checkpoints += 1;
    });
    store.on('checkpointFailed', () => {
      this.#failures += 1;
    });
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  end(): { stalls: number; checkpoints: number; checkpointFailures: number; samples: number; most: number } {
    clearInterval(this.#timer);
    this.#sample();
    return {
      stalls: this.#stalls,
      checkpoints: this.#checkpoints,
      checkpointFailures: this.#failures,
      samples: this.#samples,
      most: this.#most,
    };
  }

  #sample(): void {
    let bytes = 0;
    for (const name of readdirSync(this.#logDirectory)) {
      // Log files and spares; checkpoint records and the lock have a few KiB.
      if (name.endsWith('.wal'))
        bytes += statSync(join(this.#logDirectory, name), { throwIfNoEntry: false })?.size ?? 0;
    }
    this.#most = Math.max(this.#most, bytes);
    this.#samples += 1;
  }
}
