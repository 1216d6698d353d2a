// Starts threads that append to a log, and follows them, also from a main thread that blocks.

import { once } from 'node:events';
import { type ResourceLimits, Worker } from 'node:worker_threads';
import type { Wal } from '../../src/index.js';
import type { LogWorkerAnswer, LogWorkerData, LogWorkerRequest, LogWorkerTask } from './log-worker.js';

const BOUND_MS = 30_000;

function startWorker(workerData: LogWorkerData, resourceLimits: ResourceLimits = {}): Worker {
  return new Worker(new URL('./log-worker.js', import.meta.url), { workerData, resourceLimits });
}

/** A thread of log-worker.ts, connected. */
export class LogThread {
  readonly worker: Worker;
  readonly lane: number;
  readonly #words: Int32Array;

  private constructor(worker: Worker, lane: number, words: Int32Array) {
    this.worker = worker;
    this.lane = lane;
    this.#words = words;
  }

  /** @param resourceLimits - left out, the thread has as much memory as any */
  static async start(wal: Wal, task: LogWorkerTask, resourceLimits?: ResourceLimits): Promise<LogThread> {
    const progress = new SharedArrayBuffer(8);
    const worker = startWorker({ handle: wal.handle, task, progress }, resourceLimits);
    const [{ lane }] = (await once(worker, 'message')) as [{ lane: number }];
    return new LogThread(worker, lane, new Int32Array(progress));
  }

  /** What a thread that only connects says: its lane, or why it could not. */
  static async connect(wal: Wal): Promise<LogWorkerAnswer> {
    const worker = startWorker({ handle: wal.handle, task: 'connect', progress: new SharedArrayBuffer(8) });
    const [answer] = (await once(worker, 'message')) as [LogWorkerAnswer];
    return answer;
  }

  /** Commits done so far. */
  get count(): number {
    return Atomics.load(this.#words, 0);
  }

  /** Blocks this thread until the other one has done `count` commits. */
  blockUntil(count: number): void {
    const deadline = performance.now() + BOUND_MS;
    for (let now = this.count; now < count; now = this.count) {
      if (performance.now() > deadline) throw new Error(`stuck at ${now} of ${count} commits`);
      Atomics.wait(this.#words, 0, now, 1000);
    }
  }

  async ask(request: LogWorkerRequest): Promise<LogWorkerAnswer> {
    this.worker.postMessage(request);
    const [answer] = (await once(this.worker, 'message')) as [LogWorkerAnswer];
    return answer;
  }

  /** Stops after the present commit and waits for the thread's end. */
  async stop(): Promise<void> {
    const ended = once(this.worker, 'exit');
    Atomics.store(this.#words, 1, 1);
    await ended;
  }
}
