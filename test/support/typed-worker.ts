// A thread that appends entries to somebody else's log: batches of one to four, whose parts say where they belong.
// It tells the ids of every batch that it knows to be durable, until it is terminated.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { connectTypedLog, type TypedLogHandle } from '../../src/index.js';

/** One entry: the `part`th of `parts` of the `number`th batch of a thread. */
export interface TypedEntry {
  readonly thread: number;
  readonly number: number;
  readonly part: number;
  readonly parts: number;
}

/** What the thread tells. */
export interface TypedAck {
  readonly number: number;
  readonly firstId: number;
  readonly lastId: number;
}

export interface TypedWorkerData {
  readonly handle: TypedLogHandle;
  readonly thread: number;
}

const { handle, thread } = workerData as TypedWorkerData;
const port = parentPort as MessagePort;
const log = await connectTypedLog<TypedEntry>(handle);
for (let number = 0; ; number += 1) {
  const parts = 1 + (number % 4);
  const batch = Array.from({ length: parts }, (_, part) => ({ thread, number, part, parts }));
  const appended = await log.appendBatchAsync(batch);
  // Every third is waited for, so that others are under way when the thread dies.
  if (number % 3 === 0) port.postMessage({ number, ...(await appended.ids()) } satisfies TypedAck);
}
