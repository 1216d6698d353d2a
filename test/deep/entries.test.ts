// Goal: the laws of entries over many more cases, and the largest entry there can be. Method: the quick tests again, which
// look at WAL_TEST_SUITE; a log in memory.

import { expect, test } from 'vitest';
import { bytesCodec, openMemoryLog } from '../../src/index.js';

await import('../property/entries.test.js');
await import('../unit/typed/replay.test.js');

test('an entry of 100 MiB is read back as it was', async () => {
  const log = await openMemoryLog<Uint8Array>({ codec: bytesCodec, entryBytesMax: 100 * 2 ** 20 });
  const entry = new Uint8Array(100 * 2 ** 20).map((_, at) => at % 251);
  const { seq } = log.append(entry);
  await log.wal.durable({ seq });
  for (const [read] of [await log.collect(), await log.get([1]), await log.collect({ backward: true })])
    expect(Buffer.compare(read?.entry as Uint8Array, entry)).toBe(0);
  await log.close();
});
