// A flusher's thread that can be told to die, for tests of what its death means to everybody else.

import { runFlusher } from '../../src/flusher/run-flusher.js';
import { serve } from '../../src/thread/worker-port.js';

process.on('workerMessage', (message: unknown) => {
  // Not within the listener: Node hands what a listener throws back to the sender.
  if (message === 'throw') {
    setImmediate(() => {
      throw new Error('told to');
    });
  }
  if (message === 'exit') process.exit(3);
});

serve(runFlusher);
