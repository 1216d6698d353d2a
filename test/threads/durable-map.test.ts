// Goal: a durable map is one map for all threads, whatever dies: every change that was acknowledged counts exactly once,
// none by half. Method: threads that change keys of their own and keys of all are terminated in the middle; processes are
// killed; then sums, swaps and pairs are compared with what was acknowledged.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bytesCodec, WalError } from '../../src/index.js';
import { connectDurableMap, type DurableMapOptions, type OwnedDurableMap, openDurableMap } from '../../src/kv.js';
import { faultsOf } from '../support/map-check.js';
import type { MapWorkerData } from '../support/map-worker.js';
import { scratchFolder } from '../support/program.js';
import { randomStream } from '../unit/cli/seeded.js';

const SETTINGS = { lanes: 2, laneBytes: 65_536, logFileBytes: 65_536, maxLogBytes: 2 ** 20 };

let folder = '';
let path = '';
beforeEach(() => {
  folder = scratchFolder('map');
  path = join(folder, 'map');
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

function open(options: DurableMapOptions<string, number> = {}): Promise<OwnedDurableMap<string, number>> {
  return openDurableMap<string, number>(path, { ...SETTINGS, ...options });
}

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'resolved',
    (error: unknown) => (error instanceof WalError ? error.code : `untyped: ${error}`),
  );

function seedOf(title: string): number {
  const seed = Number(process.env.WAL_TEST_SEED ?? Date.now() % 2 ** 31);
  process.stdout.write(`seed=${seed} ${title}\n`);
  return seed;
}

test('what is set, removed, added and swapped is there when the map is opened again, compacted or not', async () => {
  let map = await open();
  await map.set('a', 1);
  await map.set('b', 2);
  expect([await map.delete('a'), await map.delete('a')]).toEqual([true, false]);
  expect([await map.increment('n', 5n), await map.increment('n', -7n)]).toEqual([5n, -2n]);
  expect(await map.compareAndSwap('b', 3, 4)).toBe(false);
  expect(await map.compareAndSwap('b', 2, 4)).toBe(true);
  expect(await map.compareAndSwap('c', undefined, 9)).toBe(true);
  expect(await map.compareAndSwap('c', undefined, 8)).toBe(false);
  const snapshot = map.snapshot();
  await map.batch([{ set: 'b', value: 5 }, { delete: 'c' }, { increment: 'n', by: 1n }]);
  expect([snapshot.get('b'), snapshot.get('c'), snapshot.counter('n'), snapshot.size]).toEqual([4, 9, -2n, 3]);
  for (const isCompacted of [false, true, true]) {
    if (isCompacted) await map.compact();
    await map.increment('openings');
    await map.close();
    map = await open({ how: 'open' });
    expect([map.get('a'), map.get('b'), map.has('c'), map.counter('n')]).toEqual([undefined, 5, false, -1n]);
  }
  expect([map.counter('openings'), map.size]).toEqual([3n, 3]);
  expect(map.log.firstId).toBeGreaterThan(1);
  await map.close();
  expect(() => map.refresh()).toThrow(WalError);
});

test('a key that is no counter is not added to, nor is a sum beyond 64 bits; bytes and other keys have codecs', async () => {
  const map = await open();
  await map.set('a', 1);
  expect(await codeOf(map.increment('a'))).toBe('ERR_WAL_INVALID_ARGUMENT');
  await map.increment('n', 2n ** 63n - 1n);
  expect(await codeOf(map.increment('n'))).toBe('ERR_WAL_INVALID_ARGUMENT');
  expect(await codeOf(map.increment('n', 2n ** 64n))).toBe('ERR_WAL_INVALID_ARGUMENT');
  expect(await codeOf(map.increment('n', 1 as never))).toBe('ERR_WAL_INVALID_ARGUMENT');
  expect([map.get('a'), map.counter('n')]).toEqual([1, 2n ** 63n - 1n]);
  expect(await codeOf(map.set(7 as never, 1))).toBe('ERR_WAL_INVALID_ARGUMENT');
  await map.close();
  const bytes = await openDurableMap<Uint8Array, Uint8Array>(join(folder, 'bytes'), {
    key: bytesCodec,
    value: bytesCodec,
  });
  const key = Uint8Array.of(0, 255);
  await bytes.set(key, Uint8Array.of(1, 2));
  expect([...bytes.entries()]).toEqual([[key, Uint8Array.of(1, 2)]]);
  await bytes.close();
  expect(await codeOf(openDurableMap(path, { compactCommits: 0 }))).toBe('ERR_WAL_INVALID_ARGUMENT');
  expect(await codeOf(connectDurableMap({ kind: 'lanewal' } as never))).toBe('ERR_WAL_INVALID_ARGUMENT');
});

test('many changes at once, of the same keys, count each exactly once, while the log is compacted under them', async () => {
  const map = await open({ compactCommits: 20 });
  const sums = await Promise.all(Array.from({ length: 500 }, () => map.increment('n')));
  expect([...sums].sort((one, other) => Number(one - other))).toEqual(sums.map((_, index) => BigInt(index + 1)));
  const swaps = await Promise.all(Array.from({ length: 50 }, (_, value) => map.compareAndSwap('s', undefined, value)));
  expect(swaps.filter((isDone) => isDone)).toHaveLength(1);
  await map.close();
});

test('a thread that was idle while the log let go of what it had not seen goes on from the saved state', async () => {
  const map = await open();
  const idle = await connectDurableMap<string, number>(map.handle);
  await idle.set('first', 1);
  for (let round = 0; round < 4; round += 1) {
    for (let each = 0; each < 20; each += 1) await map.increment('n');
    await map.compact();
  }
  expect(map.log.firstId).toBeGreaterThan(2);
  expect([idle.counter('n'), idle.get('first')]).toEqual([0n, 1]);
  expect(await idle.increment('n')).toBe(81n);
  idle.refresh();
  expect([idle.counter('n'), idle.get('first')]).toEqual([81n, 1]);
  expect(map.counter('n')).toBe(80n);
  await map.close();
});

test('threads that work on one map are terminated in the middle, and nothing acknowledged is lost or counted twice', async () => {
  const random = randomStream(seedOf('threads of a map are terminated'));
  const map = await open({ compactCommits: 40 });
  const rounds = [0, 0, 0];
  let deaths = 0;
  for (let life = 0; life < 3; life += 1) {
    const work = rounds.map(async (_, thread) => {
      const worker = new Worker(new URL('../support/map-worker.js', import.meta.url), {
        workerData: { handle: map.handle, thread } satisfies MapWorkerData,
      });
      let left = 1 + random(12);
      worker.on('message', (round: number) => {
        rounds[thread] = round;
        left -= 1;
        if (left === 0) void worker.terminate();
      });
      await once(worker, 'exit');
      deaths += 1;
    });
    await Promise.all(work);
    await map.log.flush();
    map.refresh();
    expect(faultsOf(map, { rounds, deaths })).toEqual([]);
    for (const thread of rounds.keys()) rounds[thread] = map.get(`own ${thread}`) ?? 0;
  }
  await map.close();
  const again = await open({ how: 'open' });
  expect(faultsOf(again, { rounds, deaths })).toEqual([]);
  await again.close();
});

const CHILD = fileURLToPath(new URL('../support/map-child.js', import.meta.url));

test('a process with a map is killed again and again, and nothing acknowledged is lost or counted twice', async () => {
  const random = randomStream(seedOf('processes of a map are killed'));
  const rounds = [0, 0];
  let deaths = 0;
  for (let kill = 0; kill < 5; kill += 1) {
    const child = spawn(process.execPath, [CHILD, path, String(rounds.length)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let left = 1 + random(40);
    for await (const line of createInterface({ input: child.stdout })) {
      const [, thread, round] = /^ack (\d+) (\d+)$/.exec(line) ?? [];
      if (thread !== undefined) rounds[Number(thread)] = Number(round);
      left -= 1;
      if (left === 0) child.kill('SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    expect(child.signalCode).toBe('SIGKILL');
    deaths += rounds.length;
    const map = await open({ how: 'open' });
    expect(faultsOf(map, { rounds, deaths })).toEqual([]);
    for (const thread of rounds.keys()) rounds[thread] = map.get(`own ${thread}`) ?? 0;
    await map.close();
  }
  expect(rounds.reduce((sum, each) => sum + each)).toBeGreaterThan(5);
});
