// A flusher's thread that dies at a chosen moment, or when it is told to, for tests of what its death means to everybody
// else. Its preallocator, which it starts, has little memory and can be terminated.

import type { Worker } from 'node:worker_threads';
import { runFlusher } from '../../src/flusher/run-flusher.js';
import { serve } from '../../src/thread/worker-port.js';
import { die, type Fate, makeMortal } from './mortal-thread.js';
import { limitWorkers } from './mortality.js';

let preallocator: Worker | undefined;
process.on('worker', (worker) => {
  preallocator = worker;
});
limitWorkers();

process.on('workerMessage', (message: Fate | 'terminate the preallocator') => {
  if (message === 'terminate the preallocator') void preallocator?.terminate();
  // Not within the listener: Node hands what a listener throws back to the sender.
  else setImmediate(() => die(message));
});

makeMortal('flusher');
serve(runFlusher);
