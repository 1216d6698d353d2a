// Mutants of the checkpointer and the page store.

import type { Mutant } from '../support/mutation.js';

const CHECKPOINT = 'src/checkpoint/checkpoint.ts';
const WRITER = 'src/versions/page-writer.ts';
const BATCH = 'src/versions/image-batch.ts';
const FILE = 'src/checkpoint/checkpoint-file.ts';
const THREAD = 'src/store/store-thread.ts';
const IDENTITY = 'src/store/identity.ts';
const CRASH = 'test/unit/store/crash.test.ts';
const FAULTS = 'test/unit/store/faults.test.ts';
const PAGE_WRITER = 'test/unit/versions/page-writer.test.ts';
const IMAGE_BATCH = 'test/unit/versions/image-batch.test.ts';
const STORE = 'test/unit/store/store.test.ts';

export const STORE_MUTANTS: readonly Mutant[] = [
  {
    name: 'S2: notes a checkpoint before the page file is synced',
    file: CHECKPOINT,
    find: `      if (this.#parts.sync) file.sync();
`,
    replace: ``,
    killedBy: { file: CRASH, title: 'C1 S1 S2: a crash at any operation' },
  },
  {
    name: 'S1: a checkpoint goes beyond a snapshot',
    file: CHECKPOINT,
    find: `control.pins.advanceCheckpoint(Math.max(wantedSeq, this.throughSeq))`,
    replace: `Math.max(wantedSeq, this.throughSeq, control.pins.checkpointSeq)`,
    killedBy: { file: STORE, title: 'S1: keeps the page file below it' },
  },
  {
    name: 'S1: pages that were cut off come back when the store grows',
    file: WRITER,
    find: `    if (cutPages !== undefined) file.cutToPages(cutPages);`,
    replace: ``,
    killedBy: { file: CRASH, title: 'C1 S1 S2: a crash at any operation' },
  },
  {
    name: 'reads the next images over those that are being written',
    file: WRITER,
    find: `        [reading, writing] = [writing, reading];
`,
    replace: ``,
    killedBy: { file: PAGE_WRITER, title: 'writes every image to its page: neighbours' },
  },
  {
    name: 'S2: leaves a write under way behind an error',
    file: WRITER,
    find: `      await underWay.catch(() => undefined);`,
    replace: `      void underWay.catch(() => undefined);`,
    killedBy: { file: PAGE_WRITER, title: 'has nothing under way when write 2 failed' },
  },
  {
    name: 'reads images of two log files together',
    file: BATCH,
    find: `fileNumbers[next] !== fileNumber || `,
    replace: ``,
    killedBy: { file: IMAGE_BATCH, title: 'is what single reads give' },
  },
  {
    name: 'reads more between images than the buffer holds',
    file: BATCH,
    find: `        spareBytes -= gap;
`,
    replace: ``,
    killedBy: { file: IMAGE_BATCH, title: 'reads no more between its images than its buffer has room for' },
  },
  {
    name: 'S2: goes on with a descriptor whose sync failed',
    file: FILE,
    find: `      this.close();
      throw error;`,
    replace: `      throw error;`,
    killedBy: { file: FAULTS, title: 'S2: a sync that fails lets nothing go' },
  },
  {
    name: 'a snapshot takes a frame that is newer than it',
    file: THREAD,
    find: `    if (seq < 0 || seq > asOf) return false;`,
    replace: `    if (seq < 0) return false;`,
    killedBy: { file: STORE, title: 'sees its own changes and nobody else does' },
  },
  {
    name: 'a transaction that only read waits for nothing',
    file: THREAD,
    find: `new Commit(this.#latches.seenSeq, `,
    replace: `new Commit(0, `,
    killedBy: { file: STORE, title: 'one that only read is durable' },
  },
  {
    name: 'takes a page file with another page 1',
    file: IDENTITY,
    find: `  if (crc !== page1Crc) throw`,
    replace: `  if (crc === -page1Crc) throw`,
    killedBy: { file: FAULTS, title: 'another page 1 is refused' },
  },
  {
    name: 'takes a page file of another size',
    file: IDENTITY,
    find: `  if (pages < least || pages > most) {`,
    replace: `  if (pages < 0) {`,
    killedBy: { file: FAULTS, title: 'more pages is refused' },
  },
];
