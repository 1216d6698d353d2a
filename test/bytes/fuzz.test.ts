// Hostile logs whose checksums are right, read by everything that reads logs, in a process with little memory.

import { expect, test } from 'vitest';
import { runFuzz } from '../support/fuzz-run.js';
import { testSeed } from '../support/workload-check.js';

const LOGS = 120;
const MILLISECONDS = 20_000;

test('R12: hostile logs with right checksums end in a documented error or a log, within bounds (F31)', async () => {
  const result = await runFuzz(testSeed('hostile logs'), LOGS, MILLISECONDS);
  // What it read was worth reading: logs that are whole but for what they say, and go on.
  const seen = Object.keys(result.outcomes);
  for (const outcome of ['scan and inspect: done', 'open, stop: done', 'recover, fail: ERR_WAL_CORRUPT']) {
    expect(seen).toContain(outcome);
  }
});
