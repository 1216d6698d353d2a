// A map that several threads use and that survives them: counters that count exactly once, a race that one thread wins,
// changes of several keys at once. In the end the log below is shown as plain objects.
//
//   node dist/examples/key-value-map/main.js FOLDER

import { once } from 'node:events';
import { join } from 'node:path';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import {
  connectDurableMap,
  type DurableMapHandle,
  encodeLogicalRecord,
  fromPlainRecord,
  logicalCodec,
  openDurableMap,
  toPlainRecord,
} from 'lanewal/kv';

const VISITS = 10;

/** Opens the map, lets two threads work on it, and shows what they made of it. */
async function runMap(folder: string): Promise<void> {
  await using map = await openDurableMap<string, number>(join(folder, 'visits')); // text as keys, JSON as values
  await map.delete('leader'); // durable when it resolves
  const before = map.counter('visits');

  const threads = [1, 2].map((visitor) => {
    return new Worker(new URL(import.meta.url), { workerData: { map: map.handle, visitor } });
  });
  await Promise.all(threads.map((thread) => once(thread, 'exit')));
  map.refresh(); // this thread's contents: up to all that is durable

  const now = map.snapshot(); // as of one commit, whatever comes later
  const leaders = [1, 2].filter((visitor) => now.get(`won by ${visitor}`) === 1);
  console.log(`${now.counter('visits') - before} visits, ${leaders.length} leader, ${now.size} keys`);

  // The log below holds logical records: text for people and other programs, and back to the same bytes.
  for await (const { id, entry } of map.log.entries({ from: map.log.firstId, limit: 1 })) {
    const text = JSON.stringify(toPlainRecord(entry));
    const bytes = encodeLogicalRecord(fromPlainRecord(JSON.parse(text)));
    if (Buffer.compare(bytes, logicalCodec.encode(entry)) !== 0) throw new Error(`Record ${id} has other bytes.`);
    console.log(`as JSON, and back: ${text}`);
  }
}

/** A thread that counts visits, and tries to be the leader. */
async function visit({ map: handle, visitor }: { map: DurableMapHandle; visitor: number }): Promise<void> {
  const map = await connectDurableMap<string, number>(handle);
  // Decided where it stands in the log: of all who try, one succeeds. The key must not be there.
  const isLeader = await map.compareAndSwap('leader', undefined, visitor);
  for (let number = 0; number < VISITS; number += 1) await map.increment('visits'); // exactly once each
  // Both or none, for whoever looks and after any crash.
  await map.batch([
    { set: `won by ${visitor}`, value: isLeader ? 1 : 0 },
    { set: `visits by ${visitor}`, value: VISITS },
  ]);
}

if (isMainThread) await runMap(process.argv[2] ?? '.');
else await visit(workerData as { map: DurableMapHandle; visitor: number });
