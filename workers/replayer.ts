// Runs one writer of `lanewal replay` on its own thread.

import { runReplayWriter } from '../src/cli/replay/replay-writer.js';
import { serve } from '../src/thread/worker-port.js';

serve(runReplayWriter);
