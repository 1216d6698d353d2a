// The trace and the metrics of a log with real threads: what the flusher does reaches the owner's subscribers, what a
// writer does its own thread's.

import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type OpenOptions, openWal, type TraceRecord, type Wal } from '../../src/index.js';
import { scratchFolder } from '../support/program.js';
import { type ChannelName, endOfRanges, TraceEar } from '../support/trace-ear.js';

const MIB = 2 ** 20;
const COMMITS = 500;

let folder = '';
let ear: TraceEar;
beforeEach(() => {
  folder = scratchFolder('trace');
  ear = new TraceEar();
});
afterEach(() => {
  ear.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

function open(options: OpenOptions = {}): Promise<Wal> {
  return openWal(join(folder, 'db'), { pageSize: 512, lanes: 3, laneBytes: 65_536, logFileBytes: MIB, ...options });
}

const commit = { operations: [{ code: 1, bytes: new Uint8Array(100) }] };

/** Runs a thread of trace-worker.ts to its end. */
async function runThread(wal: Wal): Promise<{ lane: number; heard: Record<ChannelName, TraceRecord[]> }> {
  const url = new URL('../support/trace-worker.js', import.meta.url);
  const worker = new Worker(url, { workerData: { handle: wal.handle, commits: COMMITS } });
  // A last message and the exit may come in one turn.
  const [[told]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
  return told;
}

test('the owner hears of every epoch and sync of the flusher once and in order, before close resolves', async () => {
  const wal = await open({ fsync: 'normal' });
  await Promise.all([runThread(wal), runThread(wal)]);
  await wal.connect().append(commit).durable();
  await wal.close();
  const { heard } = ear;
  const end = 2 * COMMITS + 2;
  for (const name of ['seal', 'flush', 'sync'] as const) expect(endOfRanges(heard[name]), name).toBe(end);
  const { counters, histograms } = wal.metrics();
  expect(heard.flush).toHaveLength(counters.epochs);
  expect(heard.sync).toHaveLength(counters.syncs);
  expect(heard.flush.reduce((sum, { bytes = 0 }) => sum + bytes, 0)).toBe(counters.bytesWritten);
  expect(histograms.sealToWrite.count).toBe(counters.epochs);
  expect(histograms.sync.count).toBe(counters.syncs);
  expect(histograms.append.count).toBe(2 * Math.floor(COMMITS / 64));
  expect(histograms.commit.count).toBe(3);
});

test('a writer hears of its own appends on its own thread, and of nobody else', async () => {
  const wal = await open();
  const threads = await Promise.all([runThread(wal), runThread(wal)]);
  await wal.connect().append(commit).durable();
  await wal.close();
  const all = [...threads.map(({ heard }) => heard), ear.heard];
  expect(all.map(({ append }) => append.length)).toEqual([COMMITS, COMMITS, 1]);
  const seqs = all.flatMap(({ append }) => append.map(({ firstSeq = 0 }) => firstSeq)).sort((a, b) => a - b);
  expect(seqs).toEqual(Array.from({ length: 2 * COMMITS + 1 }, (_, index) => index + 1));
  for (const { lane, heard } of threads) {
    expect(new Set(heard.append.map((record) => record.lane))).toEqual(new Set([lane]));
    expect(heard.trace).toEqual(heard.append);
  }
  expect(new Set(all.flatMap(({ append }) => append.map(({ traceId }) => traceId))).size).toBe(1);
});

test('a subscriber that comes late hears what the flusher does from the next look on', async () => {
  ear.close();
  const wal = await open();
  await wal.connect().append(commit).durable();
  ear = new TraceEar();
  while (ear.heard.sync.length === 0) await wal.connect().append(commit).durable();
  await wal.close();
  const [first] = ear.heard.append;
  expect(first?.firstSeq).toBe(2);
  const seals = ear.heard.seal;
  expect(endOfRanges(seals, seals[0]?.firstSeq)).toBe(ear.heard.append.at(-1)?.endSeq);
});

test('F26: the death of the flusher is a failure that the owner tells of, although the flusher says nothing', async () => {
  const started: Worker[] = [];
  const onWorker = (worker: Worker): void => void started.push(worker);
  process.on('worker', onWorker);
  const wal = await open();
  process.off('worker', onWorker);
  const flusher = started.find(({ threadId }) => threadId === wal.handle.flusherThreadId);
  const failed = once(wal, 'failed');
  await flusher?.terminate();
  await failed;
  await wal.close();
  expect(ear.heard.failure).toMatchObject([{ component: 'failure', code: 'ERR_WAL_POISONED' }]);
  expect(ear.heard.trace.at(-1)).toBe(ear.heard.failure[0]);
  expect(wal.metrics().state).toBe('failed');
});
