// Starting our worker threads and talking to them: the side that starts. The other side is worker-port.ts.

import { type MessagePort, Worker } from 'node:worker_threads';
import { WalError } from '../base/errors.js';
import { type WorkerName, type WorkerUrls, workerUrl } from './worker-files.js';

/** What a worker is started with; `body` is up to it. */
export interface WorkerStart {
  readonly body: unknown;
  readonly port: MessagePort;
}

/** A running worker of ours. */
export interface RunningWorker {
  readonly threadId: number;
  /** Resolves when the thread has ended, with the error that ended it, if any. */
  readonly ended: Promise<WalError | undefined>;
  terminate(): Promise<void>;
}

/**
 * Starts one of our workers and waits until it runs. It does not keep the process alive.
 *
 * @param port - moves to the worker, which answers there
 * @throws {WalError} ERR_WAL_IO when the thread ends before it runs, for example because its file was not found
 */
export async function startWorker(
  name: WorkerName,
  body: unknown,
  port: MessagePort,
  urls: WorkerUrls,
): Promise<RunningWorker> {
  const worker = new Worker(workerUrl(name, urls), {
    name: `lanewal-${name}`,
    workerData: { body, port } satisfies WorkerStart,
    transferList: [port],
    // Debug flags and loaders of the parent are not for us.
    execArgv: [],
  });
  let failure: WalError | undefined;
  worker.on('error', (error) => {
    failure = new WalError('ERR_WAL_IO', `The ${name} thread failed: ${error.message}`, { worker: name }, error);
  });
  const ended = new Promise<WalError | undefined>((resolve) => worker.once('exit', () => resolve(failure)));
  const started = new Promise<'online'>((resolve) => worker.once('online', () => resolve('online')));
  if ((await Promise.race([started, ended])) !== 'online') {
    throw failure ?? new WalError('ERR_WAL_IO', `The ${name} thread ended before it ran.`, { worker: name });
  }
  worker.unref();
  const terminate = async (): Promise<void> => {
    await worker.terminate();
  };
  return { threadId: worker.threadId, ended, terminate };
}
