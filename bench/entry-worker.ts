// One thread that hands entries to a sink, for as long as a round takes.

import { workerData } from 'node:worker_threads';
import { BATCH, type EntryPlan, type EntryWriterData, IN_FLIGHT, openSink } from './entry-sinks.js';
import { serveRounds } from './worker-group.js';

/** Between two looks at the clock; promises of so many are awaited together. */
const TOGETHER = 16;

const { start, writer } = workerData as EntryWriterData;
const sink = await openSink(start, writer);

/** @returns how many entries were taken, and are with the operating system at least */
serveRounds(async ({ mode, seconds, commits = Number.POSITIVE_INFINITY, bytes }: EntryPlan): Promise<number> => {
  const entry = new Uint8Array(bytes).fill(writer + 1);
  const entries = Array.from({ length: BATCH }, () => entry);
  const endMs = performance.now() + seconds * 1000;
  let taken = 0;
  const waits: (() => void | Promise<void>)[] = [];
  while (performance.now() < endMs && taken < commits) {
    if (mode === 'durable' || mode === 'in-flight') {
      waits.push(sink.durable(entry));
      if (waits.length >= (mode === 'durable' ? 1 : IN_FLIGHT)) await waits.shift()?.();
      taken += 1;
    } else if (mode === 'batch') {
      await sink.batch(entries);
      taken += BATCH;
    } else {
      const promises: Promise<void>[] = [];
      for (let each = 0; each < TOGETHER; each += 1) {
        const promise = sink.unsynced(entry);
        if (promise !== undefined) promises.push(promise);
      }
      if (promises.length > 0) await Promise.all(promises);
      taken += TOGETHER;
    }
  }
  for (const wait of waits) await wait();
  await sink.settle();
  return taken;
});
