// The process that is killed: opens the log and lets writers append, or only opens it, or recovers page files. Small on
// purpose: most of the time of a torture is the start of this process.

import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { recoverWal } from '../../recover.js';
import { openWal } from '../../wal.js';
import { SAYS, type VictimPlan, type WritePlan } from './victim-plan.js';
import type { FromWriter, VictimWriterStart } from './victim-writer.js';

/** A victim that nobody kills, because its killer is dead, ends by itself. */
const LIFE_MS = 180_000;

async function run(plan: VictimPlan): Promise<void> {
  if (plan.task === 'write') return write(plan);
  writeSync(1, SAYS.begins);
  if (plan.task === 'open') await openWal(plan.db, plan.settings);
  else await recoverWal(plan.db, { into: { pageFiles: plan.pageFiles } });
}

async function write(plan: WritePlan): Promise<void> {
  // Threads start while the log is opened, and get it when it is open.
  const threads = Array.from({ length: plan.content.writers }, (_, writer) => startWriter({ plan, writer }));
  writeSync(1, SAYS.begins);
  const wal = await openWal(plan.db, plan.settings);
  const connected = threads.map((thread) => once(thread, 'message'));
  for (const thread of threads) thread.postMessage(wal.handle);
  await Promise.all(connected);
  const ended = Promise.all(threads.map((thread) => once(thread, 'exit')));
  for (const thread of threads) {
    thread.on('message', (message: FromWriter) => {
      if (message === 'close') void wal.close().catch(fail);
    });
    thread.postMessage('go');
  }
  const { checkpointThrough: throughSeq } = plan;
  if (throughSeq !== undefined) await wal.checkpoint({ throughSeq });
  await ended;
}

function startWriter(start: VictimWriterStart): Worker {
  const thread = new Worker(new URL('./victim-writer.js', import.meta.url), { workerData: start, execArgv: [] });
  return thread.on('error', fail);
}

function fail(error: unknown): void {
  writeSync(2, `${error instanceof Error ? error.stack : error}\n`);
  process.exit(1);
}

const life = setTimeout(() => fail(new Error(`Nobody killed this process within ${LIFE_MS} ms.`)), LIFE_MS);
const plan = JSON.parse(process.argv[2] ?? '{}') as VictimPlan;
try {
  await run(plan);
  // Whoever only opens waits for the kill with an open log.
  if (plan.task !== 'open') clearTimeout(life);
} catch (thrown) {
  fail(thrown);
}
