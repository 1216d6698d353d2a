// One writer thread of schedule-threads.test.ts: claims until nothing is left, and notes each append under the next
// number of a counter that all threads share.

import { workerData } from 'node:worker_threads';
import { type ScheduleMemory, SharedSchedule } from '../../../src/cli/trace/schedule.js';
import { atomics } from '../../../src/memory/atomics.js';

/** What a writer thread is given. */
export interface ScheduleWorkerData {
  readonly memory: ScheduleMemory;
  readonly writer: number;
  /** One word: the number of the next append. */
  readonly next: Int32Array;
  /** By copy and transaction: the number of its append, from 1. */
  readonly numbers: Int32Array;
}

const { memory, writer, next, numbers } = workerData as ScheduleWorkerData;
const schedule = new SharedSchedule(memory);
for (;;) {
  const claim = schedule.claimNextBlocking(writer);
  if (claim === 'done') break;
  const slot = claim.copy * memory.plan.transactions + claim.transaction;
  // Added, not stored: a transaction that was dealt twice then has no number a single append could have.
  atomics.add(numbers, slot, atomics.add(next, 0, 1) + 1);
  schedule.markAppended(claim.copy, claim.transaction);
}
