// A thread that parks in front of a chosen atomic operation of one transaction on a page store. Tests start it through
// parked-stores.ts.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { connectPageStore, type StoreHandle } from '../../src/index.js';
import { AtomicsGate, type GateStop } from './gated-atomics.js';
import { setNumber } from './store-numbers.js';

export interface ParkedStoreData {
  readonly handle: StoreHandle;
  readonly gate: SharedArrayBuffer;
  /** The operation, from 0, that the thread is parked in front of. */
  readonly before: number;
  readonly value: number;
}

/** What the thread says. */
export type ParkedStoreMessage = GateStop | { readonly at: 'done'; readonly operations: number };

async function run({ handle, gate: buffer, before, value }: ParkedStoreData, port: MessagePort): Promise<void> {
  const store = await connectPageStore(handle);
  const gate = new AtomicsGate(buffer, (stop) => port.postMessage(stop));
  gate.arm(before);
  const transaction = store.begin();
  for (const page of [1, 2]) setNumber(transaction.edit(page), value);
  setNumber(transaction.edit(transaction.allocate()), value);
  transaction.commit();
  gate.disarm();
  port.postMessage({ at: 'done', operations: gate.operations.length } satisfies ParkedStoreMessage);
  // Stays until it is terminated.
  port.on('message', () => undefined);
}

await run(workerData as ParkedStoreData, parentPort as MessagePort);
