// Runs the checkpointer of a page store on its own thread.

import { runCheckpointer } from '../src/checkpoint/run-checkpointer.js';
import { serve } from '../src/thread/worker-port.js';

serve(runCheckpointer);
