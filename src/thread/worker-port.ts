// The side of a worker thread: what an entry point in `workers/` calls.

import { type MessagePort, workerData } from 'node:worker_threads';
import type { WorkerStart } from './worker-host.js';

/** Runs the body of a worker with what it was started with. A throw ends the thread and reaches the starting side. */
export function serve<Body>(run: (body: Body, port: MessagePort) => void | Promise<void>): void {
  const { body, port } = workerData as WorkerStart;
  void Promise.resolve(run(body as Body, port)).catch((error: unknown) => {
    // Outside the promise, so that it is an uncaught exception of the thread and not an unhandled rejection.
    setImmediate(() => {
      throw error;
    });
  });
}
