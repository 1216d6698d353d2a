// A preallocator's thread that dies at a chosen moment.

import { runPreallocator } from '../../src/flusher/preallocator.js';
import { serve } from '../../src/thread/worker-port.js';
import { makeMortal } from './mortal-thread.js';

makeMortal('preallocator');
serve(runPreallocator);
