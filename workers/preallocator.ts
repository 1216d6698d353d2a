// Makes spare log files on its own thread.

import { runPreallocator } from '../src/flusher/preallocator.js';
import { serve } from '../src/thread/worker-port.js';

serve(runPreallocator);
