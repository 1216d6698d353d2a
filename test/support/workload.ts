// A program of its own: opens a log and lets several workers append until they are done or the process dies. A worker
// acknowledges a commit, by one line in a file of its own, only after the commit is durable. Whoever kills it, cuts
// its power or breaks its system calls checks afterwards that everything acknowledged is there (workload-model.ts).
//
// Prints what happens as lines of JSON: opening, opened or refused, stalled, resumed, failed, done.

import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { connectWal, openWal, type Wal, type WalError, type WalHandle, type WalWriter } from '../../src/index.js';
import { type Ack, ackLine, type WorkerOutcome, type WorkloadPlan } from './workload-model.js';
import { WorkloadWriter } from './workload-writer.js';

function say(event: string, what: Record<string, unknown> = {}): void {
  writeSync(1, `${JSON.stringify({ event, ...what })}\n`);
}

/** Appends and acknowledges into a file of this worker's own. */
function append(log: WalWriter, plan: WorkloadPlan, worker: number): WorkerOutcome {
  const file = openSync(join(plan.acks, `${plan.run}-${worker}`), 'a');
  const acknowledge = (ack: Ack): void => void writeSync(file, ackLine(ack));
  try {
    return new WorkloadWriter(log, plan, worker, acknowledge).run();
  } finally {
    closeSync(file);
  }
}

/** Starts the workers, lets them go together once all are connected, and waits for them. */
async function runWorkers(plan: WorkloadPlan, handle: WalHandle): Promise<WorkerOutcome[]> {
  const count = plan.commits === 0 ? 0 : plan.workers;
  const threads = Array.from({ length: count }, (_, worker) => {
    return new Worker(new URL(import.meta.url), { workerData: { plan, handle, worker }, execArgv: [] });
  });
  await Promise.all(threads.map((thread) => once(thread, 'message')));
  for (const thread of threads) thread.postMessage('go');
  return Promise.all(threads.map(async (thread) => (await once(thread, 'message'))[0] as WorkerOutcome));
}

/** Opens files until no more are to be had, then gives some back. */
function takeDescriptors(left: number | undefined): void {
  const taken: number[] = [];
  try {
    while (left !== undefined) taken.push(openSync('/dev/null', 'r'));
  } catch {
    for (const descriptor of taken.slice(0, left)) closeSync(descriptor);
  }
}

async function runMain(plan: WorkloadPlan): Promise<void> {
  mkdirSync(plan.acks, { recursive: true });
  say('opening');
  const settings = {
    pageSize: 512,
    lanes: plan.workers || 1,
    laneBytes: 16_384,
    logFileBytes: 65_536,
    ...plan.settings,
  };
  takeDescriptors(plan.descriptorsLeft);
  let wal: Wal;
  try {
    wal = await openWal(plan.db, settings);
  } catch (thrown) {
    const { code, message, details, cause } = thrown as WalError;
    say('refused', { code, message, details, cause: (cause as NodeJS.ErrnoException | undefined)?.code });
    return;
  }
  say('opened', { recovery: wal.recovery });
  wal.on('stalled', ({ code }) => say('stalled', { code }));
  wal.on('resumed', () => say('resumed'));
  wal.on('failed', ({ code, details }) => say('failed', { code, details }));
  if (plan.checkpointThrough !== undefined) {
    await wal.checkpoint({ throughSeq: plan.checkpointThrough }).catch(({ code }) => say('unchecked', { code }));
  }
  const outcomes = await runWorkers(plan, wal.handle);
  const closed =
    plan.leavesOpen === true
      ? 'left'
      : await wal.close().then(
          () => 'closed',
          ({ code }) => code as string,
        );
  say('done', { outcomes, closed, marks: wal.marks(), counters: wal.counters(), state: wal.state });
}

if (isMainThread) {
  await runMain(JSON.parse(process.argv[2] ?? '{}') as WorkloadPlan);
  // An open log is left as a crash leaves it.
  process.kill(process.pid, 'SIGKILL');
} else {
  const { plan, handle, worker } = workerData as { plan: WorkloadPlan; handle: WalHandle; worker: number };
  const log = await connectWal(handle);
  parentPort?.once('message', () => parentPort?.postMessage(append(log, plan, worker)));
  parentPort?.postMessage('ready');
}
