// One stream of raw-disk.ts.

import { fdatasyncSync, openSync, writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { LatencyHistogram } from './histogram.js';
import type { RawData, RawPlan, RawResult } from './raw-disk.js';
import { serveRounds } from './worker-group.js';

const { path, fileBytes } = workerData as RawData;
const fd = openSync(path, 'w');
let offset = 0;

const zeros = Buffer.alloc(2 ** 20);
for (let at = 0; at < fileBytes; at += zeros.length) writeSync(fd, zeros, 0, zeros.length, at);
fdatasyncSync(fd);

serveRounds(({ bytes, seconds, isSynced }: RawPlan): RawResult => {
  const data = Buffer.alloc(bytes, 1);
  const latencies = new LatencyHistogram();
  let total = 0;
  let nowMs = performance.now();
  const endMs = nowMs + seconds * 1000;
  while (nowMs < endMs) {
    if (offset + bytes > fileBytes) offset = 0;
    writeSync(fd, data, 0, bytes, offset);
    if (isSynced) fdatasyncSync(fd);
    offset += bytes;
    total += bytes;
    const thenMs = performance.now();
    latencies.record(thenMs - nowMs);
    nowMs = thenMs;
  }
  return { bytes: total, latencies: latencies.toText() };
});
