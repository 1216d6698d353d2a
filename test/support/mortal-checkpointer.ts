// A checkpointer's thread that dies when it is told to.

import { runCheckpointer } from '../../src/checkpoint/run-checkpointer.js';
import { serve } from '../../src/thread/worker-port.js';

process.on('workerMessage', (message: unknown) => {
  // Not within the listener: Node hands what a listener throws back to the sender.
  if (message === 'die') setImmediate(() => process.exit(1));
});

serve(runCheckpointer);
