// Goal: several threads on one store see one tree, whole at every moment, and one that is killed leaves no trace.
// Method: the workload of support/kv-workload.ts over the real page store; snapshots are taken, verified and compared
// while it runs.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { type OpenedKv, openKv } from '../../../examples/kv/open.js';
import type { KvWorkerData } from '../../support/kv-worker.js';
import { checkWorkload } from '../../support/kv-workload.js';
import { scratchFolder } from '../../support/program.js';
import { testSeed } from '../../support/workload-check.js';

const THREADS = 4;
const UNTIL = 100;
const OPTIONS = { pageSize: 512, cacheBytes: 2 ** 20, maxLogBytes: 2 ** 23, latchTimeoutMs: 50 };

/** A thread of the workload: what it acknowledged so far, and its end. */
class Thread {
  readonly #worker: Worker;
  readonly ended: Promise<void>;
  acknowledged = 0;

  constructor(workerData: KvWorkerData) {
    this.#worker = new Worker(new URL('../../support/kv-worker.js', import.meta.url), { workerData });
    this.#worker.on('message', (number: number) => {
      this.acknowledged = Math.max(this.acknowledged, number);
    });
    this.ended = new Promise((resolve, reject) => {
      this.#worker.once('error', reject);
      this.#worker.once('exit', () => resolve());
    });
  }

  async firstAcknowledged(): Promise<void> {
    if (this.acknowledged === 0) await new Promise((resolve) => this.#worker.once('message', resolve));
  }

  async kill(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** Runs `work` with a new folder, in memory where there is such a place. */
async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = scratchFolder('kv-threads');
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function startThreads({ handle }: OpenedKv, seed: number, until?: number): Thread[] {
  return Array.from({ length: THREADS }, (_, thread) => {
    return new Thread({ handle, seed, thread, ...(until !== undefined && { until }) });
  });
}

async function expectWhole({ kv }: OpenedKv, seed: number, threads: readonly Thread[]): Promise<void> {
  const acknowledged = threads.map((thread) => thread.acknowledged);
  using snapshot = await kv.snapshot();
  expect(snapshot.verify().faults).toEqual([]);
  expect(checkWorkload(snapshot, seed, acknowledged)).toEqual([]);
}

test('threads that write at once make one tree, and every snapshot meanwhile is one moment of it', async () => {
  const seed = testSeed('kv threads');
  await inFolder(async (folder) => {
    const opened = await openKv(join(folder, 'kv.db'), OPTIONS);
    await using _ = opened.kv;
    const threads = startThreads(opened, seed, UNTIL);
    let isOver = false;
    const ended = Promise.all(threads.map((thread) => thread.ended)).finally(() => {
      isOver = true;
    });
    while (!isOver) await expectWhole(opened, seed, threads);
    await ended;
    expect(threads.map((thread) => thread.acknowledged)).toEqual(threads.map(() => UNTIL));
    await expectWhole(opened, seed, threads);
  });
});

test('a thread that is killed leaves whole transactions, and the others go on', async () => {
  const seed = testSeed('kv thread deaths');
  await inFolder(async (folder) => {
    const opened = await openKv(join(folder, 'kv.db'), OPTIONS);
    await using _ = opened.kv;
    const threads = startThreads(opened, seed);
    for (const thread of threads) {
      await Promise.all(threads.map((each) => each.firstAcknowledged()));
      await thread.kill();
      await expectWhole(opened, seed, threads);
    }
  });
});

test('a store that is closed and opened again has what it had', async () => {
  await inFolder(async (folder) => {
    const path = join(folder, 'kv.db');
    const key = Buffer.from('key');
    {
      const { kv } = await openKv(path, OPTIONS);
      await using _ = kv;
      await kv.batch([
        [key, Buffer.from('value')],
        [Buffer.from('large'), new Uint8Array(100_000).fill(5)],
      ]);
      await expect(
        kv.transaction((tree) => {
          tree.put(key, Buffer.from('other'));
          throw new Error('given up');
        }),
      ).rejects.toThrow('given up');
    }
    const { kv } = await openKv(path, OPTIONS);
    await using _ = kv;
    expect(Buffer.from((await kv.get(key))!).toString()).toBe('value');
    expect(await kv.get(Buffer.from('large'))).toEqual(new Uint8Array(100_000).fill(5));
    expect(await kv.verify()).toMatchObject({ entries: 2, faults: [] });
  });
});
