// Mutants of the archive: copying, moving, pruning, holding back, and recovery to a point in time.

import type { Mutant } from '../support/mutation.js';

const FILE = 'src/archive/archive-file.ts';
const QUEUE = 'src/archive/archive-queue.ts';
const PRUNE = 'src/archive/prune.ts';
const HOLD = 'src/flusher/archive-hold.ts';
const MERGED = 'src/recovery/archived-log.ts';
const POINT = 'src/recovery/point-in-time.ts';
const TO_POINT = 'src/recovery/recover-to-point.ts';

const FILE_TEST = 'test/unit/archive/archive-file.test.ts';
const PRUNE_TEST = 'test/unit/archive/prune.test.ts';
const QUEUE_TEST = 'test/unit/archive/archive-queue.test.ts';
const POINT_TEST = 'test/unit/recovery/point-in-time.test.ts';
const STORE_TEST = 'test/unit/recovery/new-store.test.ts';
const THREADS_TEST = 'test/threads/archive.test.ts';

const ORDER = { file: FILE_TEST, title: 'is synced before it has its name' };
const BY_RENAME = { file: FILE_TEST, title: 'by rename the archive has the name before' };

export const ARCHIVE_MUTANTS: readonly Mutant[] = [
  {
    name: 'a copy has its name before it is synced',
    file: FILE,
    find: `    target.sync();
    isWhole = true;`,
    replace: `    isWhole = true;`,
    killedBy: ORDER,
  },
  {
    name: "a copy's name need not be durable",
    file: FILE,
    find: `  archive.rename(unfinished, archiveName);
  archive.sync();`,
    replace: `  archive.rename(unfinished, archiveName);`,
    killedBy: ORDER,
  },
  {
    name: 'a file leaves the log before the archive is sure to have it',
    file: FILE,
    find: `      archive.sync();
      log.sync();`,
    replace: `      log.sync();
      archive.sync();`,
    killedBy: BY_RENAME,
  },
  {
    name: 'a copy ends where damage ends the walk',
    file: FILE,
    find: `isWhole ? end.bytes : file.size()`,
    replace: `end.bytes`,
    killedBy: { file: FILE_TEST, title: 'is whole when the segments do not reach as far as they should' },
  },
  {
    name: 'takes whatever has the name for the same file',
    file: FILE,
    find: `    if (position.headerCrc === headerCrc && position.certificateCrc === certificateCrc) return;`,
    replace: `    if (position.epoch >= 0 && headerCrc >= 0 && certificateCrc >= 0) return;`,
    killedBy: { file: FILE_TEST, title: 'that is there already with' },
  },
  {
    name: 'leaves an unfinished copy on a full disk',
    file: FILE,
    find: `    if (!isWhole) archive.remove(unfinished);`,
    replace: ``,
    killedBy: { file: FILE_TEST, title: "that fails at 'write'" },
  },
  {
    name: 'prunes what must be kept',
    file: PRUNE,
    find: `    if (next.header.start.nextSeq > keepAboveSeq + 1) break;`,
    replace: `    if (oldest.header.start.nextSeq > keepAboveSeq + 1) break;`,
    killedBy: { file: PRUNE_TEST, title: 'the archive is pruned by' },
  },
  {
    name: 'prunes the newest file first',
    file: PRUNE,
    find: `    archive.remove(oldest.name);`,
    replace: `    archive.remove((left.at(-1) ?? oldest).name);`,
    killedBy: { file: PRUNE_TEST, title: 'the oldest file is removed first' },
  },
  {
    name: 'lets a file go that could not be archived',
    file: QUEUE,
    find: `      return this.#fail(toWalError(thrown, \`archive \${name}\`));`,
    replace: `      this.#waiting.shift();
      return this.#fail(toWalError(thrown, \`archive \${name}\`));`,
    killedBy: { file: QUEUE_TEST, title: 'a failing archive holds the file and those behind it' },
  },
  {
    name: 'ends without waiting for the copy under way',
    file: QUEUE,
    find: `    await this.#working;
    await this.#archiver.end();`,
    replace: `    await this.#archiver.end();`,
    killedBy: { file: QUEUE_TEST, title: 'the end waits for the file under way' },
  },
  {
    name: 'recycles a file that is not in the archive yet',
    file: HOLD,
    find: `this.#service.mode === 'copy' ? this.#queue.holds(fileNumber) : fileNumber === this.#stuckNumber`,
    replace: `this.#service.mode === 'copy' ? false : fileNumber === this.#stuckNumber`,
    killedBy: { file: THREADS_TEST, title: 'copy: an archive that has gone away holds the log back' },
  },
  {
    name: 'recycles a file that was to be moved',
    file: HOLD,
    find: `into the archive\`));
      return 'stay';`,
    replace: `into the archive\`));
      return 'recycle';`,
    killedBy: { file: THREADS_TEST, title: 'rename: an archive that has gone away holds the log back' },
  },
  {
    name: 'R4: a file that a newer incarnation gave up counts',
    file: MERGED,
    find: `    if (isGivenUp) continue;`,
    replace: `    if (isGivenUp && start.epoch < 0) continue;`,
    killedBy: { file: POINT_TEST, title: 'of what stop gave up and numbered again' },
  },
  {
    name: 'of two copies the shorter one counts',
    file: MERGED,
    find: `otherBytes > oneBytes ? [other, one] : [one, other]`,
    replace: `otherBytes < oneBytes ? [other, one] : [one, other]`,
    killedBy: { file: POINT_TEST, title: 'count as the longer one' },
  },
  {
    name: 'R1: replays what the base holds already, and not what is behind the next file',
    file: MERGED,
    find: `return next > afterSeq + 1 && header.start.nextSeq <= throughSeq + 1;`,
    replace: `return next > afterSeq + 2 && header.start.nextSeq <= throughSeq + 1;`,
    killedBy: { file: POINT_TEST, title: 'R1: are recovered from every base to every target' },
  },
  {
    name: 'goes back to a commit that the base is beyond',
    file: POINT,
    find: `  if (throughSeq !== undefined && throughSeq < baseSeq) throw beforeBase({ throughSeq }, baseSeq);`,
    replace: ``,
    killedBy: { file: POINT_TEST, title: 'before the base is refused, with both numbers' },
  },
  {
    name: 'a time includes what was written after it',
    file: POINT,
    find: `    if (wallClockMs <= throughTimeMs) isBaseEarlier = true;`,
    replace: `    if (wallClockMs <= throughTimeMs + 1) isBaseEarlier = true;`,
    killedBy: { file: POINT_TEST, title: 'everything written at or before' },
  },
  {
    name: 'takes a page file that may be beyond the target',
    file: TO_POINT,
    find: `    if (ownSeq <= throughSeq) return path;`,
    replace: `    if (ownSeq <= Number.MAX_SAFE_INTEGER) return path;`,
    killedBy: { file: STORE_TEST, title: 'of a base whose own log goes further than the target' },
  },
  {
    name: 'the result goes on under the id of the old log',
    file: 'src/recovery/new-log.ts',
    find: `logId: randomLogId(), generation: 1,`,
    replace: `logId: 0x1234_5678_9abc, generation: randomLogId() > 0 ? 1 : 1,`,
    killedBy: { file: STORE_TEST, title: 'the result is a store of its own' },
  },
];
