// A thread of the key-value workload: goes on where the store says it was, and acknowledges each transaction once it is
// durable, with one write to a descriptor, which survives a kill, or by message.

import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { connectKv } from '../../examples/kv/open.js';
import type { StoreHandle } from '../../src/index.js';
import { applyTransaction, countOf, type KvThread } from './kv-workload.js';

export interface KvWorkerData extends KvThread {
  readonly handle: StoreHandle;
  /** How many transactions to do in all; left out, it never stops. */
  readonly until?: number;
  /** A descriptor to which `ack thread number` is written, a line each. */
  readonly acknowledgeTo?: number;
}

/** Transactions that wait for the disk at the same time. */
const WINDOW = 3;

const { handle, seed, thread, until = Number.POSITIVE_INFINITY, acknowledgeTo } = workerData as KvWorkerData;
const kv = await connectKv(handle);
let number = await kv.transaction((tree) => countOf(tree, thread));

async function goOn(): Promise<void> {
  while (number < until) {
    number += 1;
    const own = number;
    // One after the other in a thread, so they take effect in order, and whoever is durable has all before it.
    await kv.transaction((tree) => applyTransaction(tree, { seed, thread }, own));
    if (acknowledgeTo === undefined) parentPort?.postMessage(own);
    else writeSync(acknowledgeTo, `ack ${thread} ${own}\n`);
  }
}

await Promise.all(Array.from({ length: WINDOW }, goOn));
await kv.close();
