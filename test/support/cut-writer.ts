// The body of a thread of cut-writers.ts: connects to one log after the other and appends the workload.

import { type MessagePort, parentPort } from 'node:worker_threads';
import { connectWal, type WalWriter } from '../../src/index.js';
import { type CutAck, type CutOrder, type CutOutcome, GIVEN, LEFT, STRUCK } from './cut-writers.js';
import { WorkloadWriter } from './workload-writer.js';

const port = parentPort as MessagePort;
let connected: { log: WalWriter; order: CutOrder } | undefined;

function append(log: WalWriter, { plan, worker, words: buffer, enough }: CutOrder): CutOutcome {
  const words = new Int32Array(buffer);
  const acks: CutAck[] = [];
  const outcome = new WorkloadWriter(log, plan, worker, (ack) => {
    acks.push({ ...ack, atNs: Number(process.hrtime.bigint()) });
    if (Atomics.add(words, GIVEN, 1) + 1 === enough) strike(words);
  }).run();
  if (Atomics.sub(words, LEFT, 1) === 1) strike(words);
  return { ...outcome, acks };
}

function strike(words: Int32Array): void {
  Atomics.store(words, STRUCK, 1);
  Atomics.notify(words, STRUCK);
}

port.on('message', async (message: CutOrder | 'go') => {
  if (message !== 'go') {
    connected = { log: await connectWal(message.handle), order: message };
    port.postMessage('ready');
    return;
  }
  if (connected === undefined) throw new Error('Nothing is connected.');
  const { log, order } = connected;
  port.postMessage(append(log, order));
  log.disconnect();
});
