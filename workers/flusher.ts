// Runs the flusher on its own thread.

import { runFlusher } from '../src/flusher/run-flusher.js';
import { serve } from '../src/thread/worker-port.js';

serve(runFlusher);
