// One stream of raw-disk.ts.

import { fdatasyncSync, openSync, writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { LatencyHistogram } from './histogram.js';
import type { RawData, RawPlan, RawResult } from './raw-disk.js';
import { serveRounds } from './worker-group.js';

const { path, fileBytes } = workerData as RawData;
const fd = openSync(path, 'w');
let offset = 0;

const sleeper = new Int32Array(new SharedArrayBuffer(4));
const zeros = Buffer.alloc(2 ** 20);
for (let at = 0; at < fileBytes; at += zeros.length) writeSync(fd, zeros, 0, zeros.length, at);
fdatasyncSync(fd);

serveRounds(({ bytes, seconds, isSynced, perSecond }: RawPlan): RawResult => {
  const data = Buffer.alloc(bytes, 1);
  const latencies = new LatencyHistogram();
  let total = 0;
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  let nowMs = startMs;
  for (let index = 0; nowMs < endMs; index += 1) {
    let sinceMs = nowMs;
    if (perSecond !== undefined) {
      sinceMs = startMs + (index * 1000) / perSecond;
      if (sinceMs > nowMs) Atomics.wait(sleeper, 0, 0, sinceMs - nowMs);
    }
    if (offset + bytes > fileBytes) offset = 0;
    writeSync(fd, data, 0, bytes, offset);
    if (isSynced) fdatasyncSync(fd);
    offset += bytes;
    total += bytes;
    nowMs = performance.now();
    latencies.record(nowMs - sinceMs);
  }
  return { bytes: total, latencies: latencies.toText() };
});
