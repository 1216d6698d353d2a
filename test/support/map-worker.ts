// A thread that works on a durable map, round after round, until it is terminated: it sets a key of its own, adds to a
// counter of all, swaps a key of all, and sets two keys at once. It says each round once that is durable.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { connectDurableMap, type DurableMapHandle } from '../../src/kv.js';

export interface MapWorkerData {
  readonly handle: DurableMapHandle;
  readonly thread: number;
}

const { handle, thread } = workerData as MapWorkerData;
const port = parentPort as MessagePort;
const map = await connectDurableMap<string, number>(handle);
for (let round = (map.get(`own ${thread}`) ?? 0) + 1; ; round += 1) {
  await map.increment('sum');
  for (let isDone = false; !isDone; ) {
    const swaps = map.get('swaps');
    isDone = await map.compareAndSwap('swaps', swaps, (swaps ?? 0) + 1);
  }
  const [one, other] = [`one ${thread}`, `other ${thread}`];
  await map.batch([
    { set: one, value: round },
    { set: other, value: round },
  ]);
  if (map.get(one) !== map.get(other)) throw new Error('half a batch');
  await map.set(`own ${thread}`, round);
  port.postMessage(round);
}
