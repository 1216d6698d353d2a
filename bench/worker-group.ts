// Threads of a benchmark that run one round after the other on command. A worker says 'ready' once, then answers each
// plan it is sent with one result.

import { parentPort, Worker } from 'node:worker_threads';

/** Workers that do the same at the same time. */
export class WorkerGroup<Plan, Result> {
  readonly #workers: readonly Worker[];

  protected constructor(workers: readonly Worker[]) {
    this.#workers = workers;
  }

  /** Starts a worker of `url` for each of `data`. */
  static async launch<Plan, Result>(url: URL, data: readonly object[]): Promise<WorkerGroup<Plan, Result>> {
    return new WorkerGroup<Plan, Result>(await launchAll(url, data));
  }

  /** Runs a round on the first `count` workers at once; returns its seconds and what they answered. */
  async round(plan: Plan, count = this.#workers.length): Promise<{ seconds: number; results: Result[] }> {
    const active = this.#workers.slice(0, count);
    const startMs = performance.now();
    const results = active.map((worker) => next<Result>(worker));
    for (const worker of active) worker.postMessage(plan);
    const all = await Promise.all(results);
    return { seconds: (performance.now() - startMs) / 1000, results: all };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

/** The worker's side: says that it is ready, and answers each plan. */
export function serveRounds<Plan, Result>(run: (plan: Plan) => Result | Promise<Result>): void {
  const answer = async (plan: Plan): Promise<void> => parentPort?.postMessage(await run(plan));
  // What fails ends the thread, and with it the round.
  parentPort?.on('message', (plan: Plan) => void answer(plan));
  parentPort?.postMessage('ready');
}

/** Starts the workers and waits until each says that it is ready. */
export async function launchAll(url: URL, data: readonly object[]): Promise<Worker[]> {
  const workers = data.map((workerData) => new Worker(url, { workerData }));
  await Promise.all(workers.map((worker) => next(worker)));
  return workers;
}

function next<T>(worker: Worker): Promise<T> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (message: T) => {
      worker.off('error', reject);
      resolve(message);
    });
  });
}
