// A program of its own: opens a log and lets several workers append until they are done or the process dies. A worker
// acknowledges a commit, by one line in a file of its own, only after the commit is durable. Whoever kills it, cuts
// its power or breaks its system calls checks afterwards that everything acknowledged is there (workload-model.ts).
//
// Prints what happens as lines of JSON: opening, opened or refused, stalled, resumed, failed, done.

import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import {
  type Commit,
  connectWal,
  openWal,
  type Wal,
  WalError,
  type WalHandle,
  type WalWriter,
} from '../../src/index.js';
import { seeded } from './crash-directory.js';
import { ackLine, imageOf, pageNumbersOf, txnIdOf, type WorkerOutcome, type WorkloadPlan } from './workload-model.js';

const PATIENCE_MS = 200;

function say(event: string, what: Record<string, unknown> = {}): void {
  writeSync(1, `${JSON.stringify({ event, ...what })}\n`);
}

/** Nobody waits for ever for a log that is stalled or failed: what is thrown is counted. */
class WorkloadWorker {
  readonly #log: WalWriter;
  readonly #plan: WorkloadPlan;
  readonly #worker: number;
  readonly #ackFile: number;
  readonly #window: { commit: Commit; txnId: number }[] = [];
  readonly #outcome = { acknowledged: 0, timeouts: 0, appendErrors: [] as string[], waitErrors: [] as string[] };

  constructor(log: WalWriter, plan: WorkloadPlan, worker: number) {
    this.#log = log;
    this.#plan = plan;
    this.#worker = worker;
    this.#ackFile = openSync(join(plan.acks, `${plan.run}-${worker}`), 'a');
  }

  run(): WorkerOutcome {
    const { run, commits, windowMax = 1 } = this.#plan;
    const random = seeded(run * 1000 + this.#worker);
    let window = windowMax;
    for (let number = 1; number <= commits && this.#append(txnIdOf(run, this.#worker, number)); number += 1) {
      if (this.#window.length < window) continue;
      this.#acknowledge();
      window = 1 + Math.floor(random() * windowMax);
    }
    this.#acknowledge();
    closeSync(this.#ackFile);
    return this.#outcome;
  }

  #append(txnId: number): boolean {
    const pages = pageNumbersOf(txnId).map((pageNumber) => ({ pageNumber, image: imageOf(txnId, pageNumber) }));
    const { appendErrors, waitErrors } = this.#outcome;
    const commit = this.#patiently(() => this.#log.append({ txnId, pages }, { timeoutMs: PATIENCE_MS }), appendErrors);
    if (commit === undefined) return false;
    this.#window.push({ commit, txnId });
    if (this.#plan.waitsWritten !== true) return true;
    return this.#waits(() => commit.waitWritten(PATIENCE_MS), waitErrors);
  }

  /** Waits for what is in flight, oldest first, and acknowledges each. */
  #acknowledge(): void {
    for (const { commit, txnId } of this.#window.splice(0)) {
      if (!this.#waits(() => commit.waitDurable(PATIENCE_MS), this.#outcome.waitErrors)) continue;
      writeSync(this.#ackFile, ackLine({ seq: commit.seq, txnId }));
      this.#outcome.acknowledged += 1;
    }
  }

  #waits(wait: () => void, errors: string[]): boolean {
    const isReached = this.#patiently(() => {
      wait();
      return true;
    }, errors);
    return isReached === true;
  }

  /** Tries again while it is only a matter of time or space. */
  #patiently<Result>(attempt: () => Result, errors: string[]): Result | undefined {
    for (;;) {
      try {
        return attempt();
      } catch (thrown) {
        if (!(thrown instanceof WalError)) throw thrown;
        if (thrown.code !== 'ERR_WAL_TIMEOUT' && thrown.code !== 'ERR_WAL_STORAGE_FULL') {
          errors.push(thrown.code);
          return undefined;
        }
        this.#outcome.timeouts += 1;
      }
    }
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
  parentPort?.once('message', () => parentPort?.postMessage(new WorkloadWorker(log, plan, worker).run()));
  parentPort?.postMessage('ready');
}
