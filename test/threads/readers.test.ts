// Goal: readers on other threads are told the truth while the ring comes round under them, and the commits of writers
// in other threads come once and in order, whatever is checkpointed meanwhile. Method: real threads over the built
// package; nothing is timed, what ends a test is a count.

import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openWal, type Wal } from '../../src/index.js';
import { VersionIndex } from '../../src/versions/version-index.js';
import { LogThread } from '../support/log-threads.js';
import { scratchFolder } from '../support/program.js';
import { VersionLog } from '../support/version-log.js';
import type { VersionReaderData } from '../support/version-reader.js';

let folder = '';
beforeEach(() => {
  folder = scratchFolder('readers');
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const LOOKS = 40_000;

test.each([16, 64])('V1, V3: what readers find is right while a ring of %i comes round', async (places) => {
  const index = VersionIndex.create({ versionsMax: places });
  const log = VersionLog.create(places);
  const progress = new SharedArrayBuffer(8);
  const words = new Int32Array(progress);
  const readers = [1, 2].map((seed) => {
    const workerData: VersionReaderData = { index: index.buffer, log: log.buffer, progress, seed };
    return new Worker(new URL('../support/version-reader.js', import.meta.url), { workerData });
  });
  const faults = Promise.all(readers.map(async (reader) => (await once(reader, 'message'))[0] as string));
  let seq = 0;
  let isOver = false;
  void faults.then(() => {
    isOver = true;
  });
  while (!isOver && Atomics.load(words, 0) < LOOKS) {
    for (let count = 0; count < 1000; count += 1) {
      seq += 1;
      log.append(index, seq);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  Atomics.store(words, 1, 1);
  expect(await faults).toEqual(['', '']);
  expect(seq).toBeGreaterThan(places * 10);
});

function open(): Promise<Wal> {
  const options = { pageSize: 512, lanes: 3, laneBytes: 65_536, logFileBytes: 65_536 };
  return openWal(join(folder, 'db'), options);
}

test('the commits of writers in several threads come once and in order, also while the log lets go of them', async () => {
  const wal = await open();
  const threads = await Promise.all([1, 2].map(() => LogThread.start(wal, 'appendDurably')));
  const seqs: number[] = [];
  for await (const { seq, records } of wal.commits({ follow: true, limit: 1500 })) {
    expect(records).toHaveLength(1);
    seqs.push(seq);
    if (seq % 200 === 0) await wal.checkpoint({ throughSeq: seq });
  }
  expect(seqs).toEqual(Array.from({ length: 1500 }, (_, index) => index + 1));
  expect(wal.counters().rotations).toBeGreaterThan(3);
  await Promise.all(threads.map((thread) => thread.stop()));
  await wal.close();
});

test('a page is read as of any commit while writers go on', async () => {
  const wal = await open();
  const threads = await Promise.all([1, 2].map(() => LogThread.start(wal, 'appendDurably')));
  for await (const { seq, records } of wal.commits({ follow: true, limit: 200 })) {
    const [record] = records;
    if (record?.kind !== 'page') throw new Error('not a page');
    expect(await wal.read(record.pageNumber, { asOf: seq })).toEqual(record.image);
  }
  await Promise.all(threads.map((thread) => thread.stop()));
  await wal.close();
});
