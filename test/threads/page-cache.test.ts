// Goal: threads that share a cache of few frames see whole pages only, also while others of them are terminated at random
// and at every operation. Method: workers that check every byte (cache-worker.ts), killed and reaped by the test.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { between, seeded } from '../../src/base/random.js';
import { CacheWords, FRAME_STRIDE } from '../../src/cache/cache-memory.js';
import { reapSession } from '../../src/cache/reap.js';
import { type CacheSession, SessionTable } from '../../src/cache/session-table.js';
import { SharedPageCache } from '../../src/cache/shared-page-cache.js';
import { atomics } from '../../src/memory/atomics.js';
import { type CacheWorkerData, openSession } from '../support/cache-worker.js';

const PAGE_BYTES = 512;
const SESSIONS = 4;
const PAGES = 12;
const FRAMES = 6;
const KILLS = 25;

const sharedWords = (count: number) => new SharedArrayBuffer(4 * count);

function start(data: CacheWorkerData): Worker {
  return new Worker(new URL('../support/cache-worker.js', import.meta.url), { workerData: data });
}

/** Nobody holds or wants anything of the cache. */
function expectFree(memory: ReturnType<typeof SharedPageCache.create>): void {
  const words = new CacheWords(memory, atomics);
  for (let frame = 0; frame <= memory.frames; frame += 1) {
    expect([0, 1].map((at) => words.records.load(FRAME_STRIDE * frame + at))).toEqual([0, 0]);
  }
  for (let set = 0; set < words.sets; set += 1) expect(words.lockOf(set).isHeld()).toBe(false);
  const pages = Array.from({ length: memory.frames }, (_, frame) => words.tags.load(frame)).filter(
    (page) => page !== 0,
  );
  expect(new Set(pages).size).toBe(pages.length);
}

/** A thread that uses the cache without end. */
class Hammer {
  readonly session: CacheSession;
  readonly #progress: SharedArrayBuffer = sharedWords(2);
  readonly #worker: Worker;
  readonly ended: Promise<unknown>;
  failure: Error | undefined;

  constructor(memory: CacheWorkerData['memory'], log: SharedArrayBuffer, session: CacheSession, seed: number) {
    this.session = session;
    this.#worker = start({ memory, session: session.session, pages: PAGES, seed, log, progress: this.#progress });
    this.#worker.on('error', (error) => {
      this.failure = error;
    });
    this.ended = once(this.#worker, 'exit');
  }

  /** Resolves when it has done that many acts more. */
  async acts(count: number): Promise<void> {
    const words = new Int32Array(this.#progress);
    const wanted = Atomics.load(words, 0) + count;
    for (let done = Atomics.load(words, 0); done < wanted && !this.failure; done = Atomics.load(words, 0)) {
      await Promise.race([Atomics.waitAsync(words, 0, done).value, this.ended]);
    }
  }

  async kill(): Promise<void> {
    await this.#worker.terminate();
    await this.ended;
  }

  async stop(): Promise<void> {
    Atomics.store(new Int32Array(this.#progress), 1, 1);
    await this.ended;
  }
}

test('K1, K2, K3, K5, K6: four threads with few frames see whole pages, whoever is killed meanwhile', async () => {
  const seed = Number(process.env.WAL_TEST_SEED ?? Date.now() % 2 ** 31);
  console.log(`WAL_TEST_SEED=${seed}`);
  const random = seeded(seed);
  const memory = SharedPageCache.create({ frames: FRAMES, pageBytes: PAGE_BYTES });
  const log = sharedWords(PAGES + 1);
  const table = new SessionTable(memory);
  const hammer = (): Hammer => new Hammer(memory, log, table.take(1)!, between(random, 1, 2 ** 30));
  const hammers = Array.from({ length: SESSIONS }, hammer);
  for (let kill = 0; kill < KILLS; kill += 1) {
    const index = between(random, 0, SESSIONS - 1);
    await hammers[index]!.acts(between(random, 1, 400));
    await hammers[index]!.kill();
    reapSession(memory, hammers[index]!.session.session, () => undefined);
    table.free(hammers[index]!.session);
    hammers[index] = hammer();
  }
  await Promise.all(hammers.map((each) => each.acts(200)));
  await Promise.all(hammers.map((each) => each.stop()));
  expect(hammers.map(({ failure }) => failure)).toEqual(new Array(SESSIONS).fill(undefined));
  expectFree(memory);
}, 60_000);

test.each(['read', 'write'] as const)(
  'K5, K6: a thread that dies in front of any operation of a %s holds up nobody',
  async (act) => {
    const memory = SharedPageCache.create({ frames: 1, pageBytes: PAGE_BYTES });
    const log = sharedWords(3);
    const own = openSession(memory, 1, log);
    let at = '';
    for (let before = 0; at !== 'done'; before += 1) {
      // Another page is in the only frame, so the act searches, evicts, loads and gives back.
      own.cache.unlatchShared(own.cache.latchShared(2, 0));
      const gate = { word: sharedWords(1), before, act };
      const worker = start({ memory, session: 0, pages: 2, seed: 0, log, progress: sharedWords(2), gate });
      [{ at }] = (await once(worker, 'message')) as [{ at: string }];
      await worker.terminate();
      reapSession(memory, 0, () => undefined);
      expectFree(memory);
      const frame = own.cache.latchExclusive(1, 0);
      own.check(frame, 1);
      own.cache.unlatchExclusive(frame);
    }
  },
  60_000,
);
