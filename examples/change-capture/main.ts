// Change capture: two threads write orders, and every order goes to a file of JSON lines, once and in order, while they
// write on. The capture is stopped in the middle and goes on where the file ends.
//
//   node dist/examples/change-capture/main.js FOLDER

import { once } from 'node:events';
import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { connectTypedLog, type EntryLog, openTypedLog, type TypedLogHandle } from 'lanewal';

interface Order {
  readonly clerk: number;
  readonly number: number;
}

const ORDERS = 50;

/** The last change that a file of changes has. A line that a crash cut off is no change. */
function lastCaptured(path: string): number {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) truncateSync(path, Buffer.byteLength(whole));
  const [last] = whole.trimEnd().split('\n').slice(-1);
  return last ? (JSON.parse(last) as { id: number }).id : 0;
}

/** Copies changes as they become durable, up to one of them. Where it goes on is in the file itself: once is once. */
async function capture(log: EntryLog<Order>, path: string, throughId: number): Promise<void> {
  const from = lastCaptured(path) + 1;
  // What is still to be read stays in the log until the loop ends.
  for await (const { id, entry } of log.entries({ from, follow: true })) {
    appendFileSync(path, `${JSON.stringify({ id, ...entry })}\n`);
    if (id === throughId) break;
  }
}

async function runCapture(folder: string): Promise<void> {
  await using log = await openTypedLog<Order>(join(folder, 'orders'));
  const path = join(folder, 'orders.jsonl');
  const before = log.lastId;
  const clerks = [1, 2].map((clerk) => {
    return new Worker(new URL(import.meta.url), { workerData: { orders: log.handle, clerk } });
  });
  const ended = Promise.all(clerks.map((worker) => once(worker, 'exit')));
  await capture(log, path, before + 20); // and stops, in the middle of everything
  await capture(log, path, before + 2 * ORDERS); // another one goes on
  await ended;
  await log.truncateBefore(lastCaptured(path) + 1); // nobody needs them in the log any more
  console.log(`${lastCaptured(path) - before} orders captured, ${log.count()} left in the log`);
}

/** A thread that writes orders. */
async function write({ orders, clerk }: { orders: TypedLogHandle; clerk: number }): Promise<void> {
  const log = await connectTypedLog<Order>(orders);
  for (let number = 1; number <= ORDERS; number += 1) await log.appendDurable({ clerk, number });
}

if (isMainThread) await runCapture(process.argv[2] ?? '.');
else await write(workerData as { orders: TypedLogHandle; clerk: number });
