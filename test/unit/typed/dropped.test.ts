// Goal: a log that its program forgets with commits that nobody made durable is warned of, and one that is closed, or owes
// nothing, is not. Method: the garbage collector is asked until it has collected what was dropped.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { openMemoryLog } from '../../../src/index.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Opens a log, appends, and lets it go; resolves when it is collected. */
async function drop(end: 'unflushed' | 'flushed' | 'closed'): Promise<void> {
  let isCollected = false;
  const registry = new FinalizationRegistry(() => {
    isCollected = true;
  });
  await (async () => {
    const log = await openMemoryLog<number>({ flush: 'manual', lanes: 1, laneBytes: 65_536, logFileBytes: 65_536 });
    registry.register(log, undefined);
    log.append(1);
    if (end !== 'unflushed') await log.flush();
    if (end === 'closed') await log.close();
  })();
  while (!isCollected) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a log that is dropped with commits that are not durable is warned of, and no other', async () => {
  const codes: unknown[] = [];
  const hear = (warning: Error & { code?: unknown }): void => void codes.push(warning.code);
  process.on('warning', hear);
  try {
    for (const end of ['flushed', 'closed', 'unflushed'] as const) await drop(end);
    while (codes.length === 0) {
      collectGarbage();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(codes).toEqual(['LANEWAL_DROPPED']);
  } finally {
    process.off('warning', hear);
  }
});
