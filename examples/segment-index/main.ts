// The log of a search index: documents stand in segments, which are merged, while documents are deleted. Ends in the
// middle of a merge, as a crash would; the next run cancels that merge.
//
//   node dist/examples/segment-index/main.js FOLDER

import { join } from 'node:path';
import { jsonCodec, openTypedLog } from 'lanewal';
import { type IndexEntry, indexCodec } from './entry.js';
import { IndexState } from './index-state.js';

/** A saved state is the entries that make it. */
const stateCodec = jsonCodec<IndexEntry[]>();

await using log = await openTypedLog(join(process.argv[2] ?? '.', 'index'), { codec: indexCodec });
const index = new IndexState();
await log.recover({
  load: (state) => {
    for (const entry of stateCodec.decode(state)) index.apply(entry);
  },
  apply: (entry) => index.apply(entry),
});

/** Changes the index, whole or not at all. */
function change(...entries: IndexEntry[]): void {
  log.appendBatch(entries);
  for (const entry of entries) index.apply(entry);
}

// Nobody goes on with the merges of a process that is gone.
const cancelled = [...index.merges.keys()];
change(...cancelled.map((merge) => ({ kind: 'cancelMerge', merge }) as const));

const next = Math.max(0, ...index.segments.keys()) + 1;
change({ kind: 'addSegment', segment: next, documents: 100 }, { kind: 'addSegment', segment: next + 1, documents: 50 });
change({ kind: 'deleteDocuments', segment: next, documents: [3, 5] });

// A merge leaves deleted documents out. What is deleted while it runs has another number in the merged segment:
// document 0 of the second one stands behind the 98 that are left of the first one.
change({ kind: 'startMerge', merge: next, segments: [next, next + 1] });
change({ kind: 'deleteDocuments', segment: next + 1, documents: [0] });
change({ kind: 'endMerge', merge: next, segment: next + 2, documents: 148, remappedDeletes: [98] });

// The files of the segments would be synced here.
change({ kind: 'checkpoint', generation: index.generation + 1 });
const state = stateCodec.encode([...index.entries()]);
await log.flush();
await log.saveState({ state, lastId: log.lastId });

change({ kind: 'startMerge', merge: next + 1, segments: [next + 2] });
const { documents, generation, segments } = index;
console.log(
  `${cancelled.length} merges cancelled; ${documents} documents in ${segments.size} segments, ${generation} saved`,
);
