// Archives closed log files on its own thread.

import { runArchiver } from '../src/archive/run-archiver.js';
import { serve } from '../src/thread/worker-port.js';

serve(runArchiver);
