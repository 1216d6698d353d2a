// Mutants of reading a log: which files count, where the chain ends, what is damage, what is replayed.

import type { Mutant } from '../support/mutation.js';

const WALK = 'src/recovery/chain-walk.ts';
const SCAN = 'src/recovery/scan.ts';
const FILES = 'src/recovery/log-files.ts';
const REPLAY = 'src/recovery/replay.ts';
const WINDOW = 'src/recovery/page-window.ts';
const FILES_TARGET = 'src/recovery/page-files-target.ts';
const DAMAGE_TEST = 'test/unit/recovery/damage.test.ts';
const OPENING_TEST = 'test/unit/recovery/opening.test.ts';
const CRASH_TEST = 'test/unit/recovery/opening-crash.test.ts';
const PAGE_FILES_TEST = 'test/unit/recovery/page-files.test.ts';
const RECOVER_TEST = 'test/unit/recovery/recover.test.ts';
const EVIDENCE_TEST = 'test/unit/recovery/evidence.test.ts';

const BEHIND_HOLE = {
  file: DAMAGE_TEST,
  title: 'a whole segment behind the hole that calls it synced makes it damage',
};
const MISSING = { file: DAMAGE_TEST, title: 'each file that is missing is a gap' };
const BELOW = { file: DAMAGE_TEST, title: 'below the checkpoint may be missing, and nothing else may' };
const NEWER = { file: DAMAGE_TEST, title: 'a checkpoint without any log file, or of a newer incarnation, is a gap' };

export const RECOVERY_MUTANTS: readonly Mutant[] = [
  {
    name: 'R6: takes S from the broken segment only, not from what stands behind it',
    file: SCAN,
    find: `  for (const { rest } of rests) highest = Math.max(highest, rest.syncedThrough);`,
    replace: ``,
    killedBy: BEHIND_HOLE,
  },
  {
    name: 'R6: does not take S from the segments of the chain',
    file: SCAN,
    find: `let highest = chain.syncedThrough;`,
    replace: `let highest = 0;`,
    killedBy: { file: OPENING_TEST, title: 'without sync copies nothing and calls no sync' },
  },
  {
    name: 'R6: does not take S from the headers of files',
    file: SCAN,
    find: `    if (header.incarnation === log.incarnation) highest = Math.max(highest, header.syncedThrough);`,
    replace: ``,
    killedBy: { file: EVIDENCE_TEST, title: 'R6: the header of a file proves what was synced before it' },
  },
  {
    name: 'R6: does not take S from the checkpoint record',
    file: SCAN,
    find: `  if (log.checkpoint?.incarnation === log.incarnation) highest =`,
    replace: `  if (log.checkpoint?.incarnation === -1) highest =`,
    killedBy: { file: DAMAGE_TEST, title: 'so does the checkpoint record of the same incarnation' },
  },
  {
    name: 'R6: takes S from a checkpoint record of an older incarnation',
    file: SCAN,
    find: `  if (log.checkpoint?.incarnation === log.incarnation) highest =`,
    replace: `  if (log.checkpoint !== undefined) highest =`,
    killedBy: { file: DAMAGE_TEST, title: 'so does the checkpoint record of the same incarnation' },
  },
  {
    name: 'R6: takes S from the header of a file of an older incarnation',
    file: SCAN,
    find: `    if (header.incarnation === log.incarnation) highest = Math.max(highest, header.syncedThrough);`,
    replace: `    highest = Math.max(highest, header.syncedThrough);`,
    killedBy: { file: EVIDENCE_TEST, title: 'R6: what an older incarnation called synced proves nothing' },
  },
  {
    name: 'R6: calls damage what a running writer has synced since the walk',
    file: SCAN,
    find: `const isSure = first.verdict === 'clean' || first.verdict === 'torn';`,
    replace: `const isSure = true;`,
    killedBy: { file: OPENING_TEST, title: 'R6: a scan beside a running writer takes nothing for damage' },
  },
  {
    name: 'R6: forgets what was synced when it looks a second time',
    file: SCAN,
    find: `const syncedThrough = Math.max(syncedThroughSeen ?? 0, syncedThroughOf(log, chain, proofs));`,
    replace: `const syncedThrough = syncedThroughOf(log, chain, proofs);`,
    killedBy: BEHIND_HOLE,
  },
  {
    name: 'R5: takes damage below S for a torn tail',
    file: SCAN,
    find: `const isBelowSynced = log.files.length > 0 && end.epoch < syncedThrough;`,
    replace: `const isBelowSynced = end.epoch < 0;`,
    killedBy: BEHIND_HOLE,
  },
  {
    name: 'R4: does not miss a file',
    file: SCAN,
    find: `  if (!isAnyNumberMissing(log.fileNumbers, last.fileNumber, chain.next.fileNumber)) return undefined;`,
    replace: `  return undefined;`,
    killedBy: MISSING,
  },
  {
    name: 'R4: does not miss the first files',
    file: WALK,
    find: `if (!this.#mayStartWith(first.header.start)) {`,
    replace: `if (first.header.start.epoch < 0) {`,
    killedBy: MISSING,
  },
  {
    name: 'R4: does not miss the files of the newest incarnation',
    file: SCAN,
    find: `    checkpoint.incarnation > log.incarnation &&
    checkpoint.syncedThrough`,
    replace: `    checkpoint.incarnation < 0 &&
    checkpoint.syncedThrough`,
    killedBy: NEWER,
  },
  {
    name: 'R4: takes a file that does not go on with the log for one that was never synced',
    file: SCAN,
    find: `  return !isSamePosition(start, end);`,
    replace: `  return false;`,
    killedBy: {
      file: EVIDENCE_TEST,
      title: 'R4: a file that starts within what is synced and does not fit there is damage',
    },
  },
  {
    name: 'R4: takes a file by its name, whatever its header says',
    file: FILES,
    find: `    if (header.fileNumber === fileNumber) continue;`,
    replace: `    if (fileNumber > 0) continue;`,
    killedBy: { file: DAMAGE_TEST, title: 'swapped, renamed and copied files are refused' },
  },
  {
    name: 'R4: takes files of two logs for one',
    file: FILES,
    find: `      header.logId !== logId
        ?`,
    replace: `      header.logId < 0
        ?`,
    killedBy: { file: DAMAGE_TEST, title: 'of another log are refused, and so are those of another version' },
  },
  {
    name: 'R4: takes a file of an older incarnation behind one of a newer',
    file: FILES,
    find: `if (before !== undefined && before.incarnation > file.header.incarnation) {`,
    replace: `if (before !== undefined && before.incarnation < 0) {`,
    killedBy: {
      file: EVIDENCE_TEST,
      title: 'R4: a file whose incarnation is lower than that of the file before it is refused',
    },
  },
  {
    name: 'R4: ignores a lost header with segments behind it',
    file: SCAN,
    find: `const orphans = lost.filter(({ rest }) => rest.epochMax > end.epoch);`,
    replace: `const orphans = lost.filter(({ rest }) => rest.epochMax < 0);`,
    killedBy: { file: DAMAGE_TEST, title: 'with a lost header that hold newer segments are damage' },
  },
  {
    name: `R4: ignores where the header of a newer incarnation says the older ones end`,
    file: WALK,
    find: `    if (header.incarnation !== incarnation) epochMax = epochMin;`,
    replace: ``,
    killedBy: { file: EVIDENCE_TEST, title: 'R4: above where a newer incarnation starts the older one does not count' },
  },
  {
    name: 'R4: goes on in an older incarnation above where a newer one starts',
    file: WALK,
    find: `if (header.kind === SEGMENT_KIND.epoch && header.epoch > epochMax)`,
    replace: `if (header.kind === SEGMENT_KIND.epoch && header.epoch < 0)`,
    killedBy: { file: EVIDENCE_TEST, title: 'R4: above where a newer incarnation starts the older one does not count' },
  },
  {
    name: 'R4: leaves a file for the next one although it stands elsewhere',
    file: WALK,
    find: `if (next !== undefined && isSamePosition(position, next.header.start)) {`,
    replace: `if (next !== undefined && position.epoch === next.header.start.epoch) {`,
    killedBy: { file: EVIDENCE_TEST, title: 'R4: a file goes on only from the very segment it is chained to' },
  },
  {
    name: 'R2: takes bad bytes below the checkpoint for leftovers',
    file: WALK,
    find: `if (isRestart(start) || this.#isAnyMissing(file.fileNumber, next.fileNumber)) return true;`,
    replace: `if (start.epoch >= 0) return true;`,
    killedBy: BELOW,
  },
  {
    name: 'R4: takes up the chain above the checkpoint',
    file: WALK,
    find: `this.#log.checkpoint === undefined || !this.#mayStartWith(start)) return false;`,
    replace: `this.#log.checkpoint === undefined) return false;`,
    killedBy: { file: EVIDENCE_TEST, title: 'R4: the chain starts anew only at or below the checkpoint' },
  },
  {
    name: 'R9: goes by the epoch of the checkpoint record, not by its sequence',
    file: WALK,
    find: `    return start.nextSeq <= (this.#log.checkpoint?.throughSeq ?? 0) + 1;`,
    replace: `    return start.epoch <= (this.#log.checkpoint?.throughEpoch ?? 0);`,
    killedBy: {
      file: 'test/unit/recovery/checkpoints.test.ts',
      title: 'R4: files that hold nothing above the checkpoint may go, whatever epoch its record names',
    },
  },
  {
    name: 'R1: does not know the place where a log was taken up again above its checkpoint',
    file: WALK,
    find: `return epoch > 0 && headerCrc === 0 && certificateCrc === 0;`,
    replace: `return epoch > 0 && headerCrc === 0 && certificateCrc < 0;`,
    killedBy: { file: EVIDENCE_TEST, title: 'R1: a log that ends below its checkpoint goes on above it' },
  },
  {
    name: 'R1: uses numbers again that the checkpoint covers',
    file: SCAN,
    find: `if (checkpoint === undefined || end.nextSeq > checkpoint.throughSeq) return end;`,
    replace: `if (checkpoint === undefined || end.nextSeq >= 0) return end;`,
    killedBy: { file: EVIDENCE_TEST, title: 'R1: a log that ends below its checkpoint goes on above it' },
  },
  {
    name: 'R8: takes a segment of an older time behind the end for one of ours',
    file: 'src/recovery/rest-scan.ts',
    find: `  if (header.incarnation < home.incarnationMin) return undefined;`,
    replace: ``,
    killedBy: { file: EVIDENCE_TEST, title: 'R8: a lost header with segments of an older incarnation behind it' },
  },
  {
    name: 'R8: takes a segment behind the end for ours that was copied there',
    file: 'src/recovery/rest-scan.ts',
    find: `if (header.fileNumber !== home.fileNumber || header.fileOffset !== offset) return undefined;`,
    replace: ``,
    killedBy: { file: DAMAGE_TEST, title: 'of a recycled file behind the end are no part of the log' },
  },
  {
    name: 'R8: counts the leftovers of a recycled file as dropped',
    file: SCAN,
    find: `bytes += rest.segmentBytes + (isRecycled ? 0 : rest.otherBytes);`,
    replace: `bytes += rest.segmentBytes + rest.otherBytes;`,
    killedBy: { file: DAMAGE_TEST, title: 'of a recycled file behind the end are no part of the log' },
  },
  {
    name: 'R7: the table takes damage for a torn tail',
    file: 'src/recovery/verdict.ts',
    find: `{ id: 'B', when: [0, 1, '_', '_', '_'], verdict: 'damaged' },`,
    replace: `{ id: 'B', when: [0, 1, '_', '_', '_'], verdict: 'torn' },`,
    killedBy: {
      file: 'test/unit/recovery/verdict.test.ts',
      title: 'whatever is missing or bad below what was synced is never torn or clean',
    },
  },
  {
    name: 'R2: goes on over damage',
    file: SCAN,
    find: `if (scan.verdict === 'clean' || scan.verdict === 'torn' || onDamage !== 'fail') return;`,
    replace: `if (scan.damage.length >= 0 || onDamage !== 'fail') return;`,
    killedBy: { file: OPENING_TEST, title: 'fails by default and changes nothing (R2)' },
  },
  {
    name: 'R3: takes an error while reading for the end of the log',
    file: 'src/segment/reader.ts',
    find: `  return file.read(bytes, offset) < bytes.length ? undefined : decodeSegmentHeader(bytes);`,
    replace: `  try {
    return file.read(bytes, offset) < bytes.length ? undefined : decodeSegmentHeader(bytes);
  } catch {
    return undefined;
  }`,
    killedBy: { file: CRASH_TEST, title: 'R3: an error while reading is an error and never the end of the log' },
  },
  {
    name: 'a bad batch does not end the chain',
    file: WALK,
    find: `    this.#failure = { index, end: { isBroken: true, reason: fault.reason, offset: fault.offset } };`,
    replace: ``,
    killedBy: { file: OPENING_TEST, title: 'with stop keeps the proven prefix and the discarded bytes aside' },
  },
  {
    name: 'takes the batches of a pool of threads as they come',
    file: 'src/recovery/verify-pool.ts',
    find: `    const first = this.#waiting.shift();`,
    replace: `    const first = this.#waiting.pop();`,
    killedBy: { file: RECOVER_TEST, title: 'a pool of threads finds what one thread finds' },
  },
  {
    name: 'replays what the checkpoint covers',
    file: REPLAY,
    find: `if (commitSeq <= this.afterSeq || commitSeq > this.#throughSeq) continue;`,
    replace: `if (commitSeq > this.#throughSeq) continue;`,
    killedBy: {
      file: EVIDENCE_TEST,
      title: 'R10: a checkpoint in the middle of an epoch is replayed from its next commit',
    },
  },
  {
    name: 'skips a commit right above the checkpoint',
    file: REPLAY,
    find: `if (header.kind !== SEGMENT_KIND.epoch || header.endSeq - 1 <= this.afterSeq) return;`,
    replace: `if (header.kind !== SEGMENT_KIND.epoch || header.endSeq - 2 <= this.afterSeq) return;`,
    killedBy: { file: RECOVER_TEST, title: 'need only what is above the checkpoint' },
  },
  {
    name: 'skips the file whose last commit is the one above the checkpoint',
    file: REPLAY,
    find: `    if (part.end.nextSeq - 1 <= replay.afterSeq) continue;`,
    replace: `    if (part.end.nextSeq - 2 <= replay.afterSeq) continue;`,
    killedBy: { file: RECOVER_TEST, title: 'need only what is above the checkpoint' },
  },
  {
    name: 'R10: a page file is not cut in front of the pages of a window',
    file: WINDOW,
    find: `      yield { space, cutPages, sizePages,`,
    replace: `      yield { space, cutPages: cutPages === undefined ? undefined : Number.MAX_SAFE_INTEGER, sizePages,`,
    killedBy: { file: PAGE_FILES_TEST, title: 'does not write what a later commit cuts off' },
  },
  {
    name: 'R10: notes of a segment stay in the order of its lanes',
    file: 'src/recovery/record-notes.ts',
    find: `    const order = ascends(seqs) ? undefined : ascendingIndexes(seqs);`,
    replace: `    const order = seqs.length >= 0 ? undefined : ascendingIndexes(seqs);`,
    killedBy: { file: PAGE_FILES_TEST, title: 'is as if each record had been applied alone' },
  },
  {
    name: 'R1: what a bad segment holds is written',
    file: 'src/recovery/verify.ts',
    find: `        if (before !== undefined) notes?.backTo(before);`,
    replace: ``,
    killedBy: { file: PAGE_FILES_TEST, title: 'R1: what a bad segment holds is not written' },
  },
  {
    name: 'R10: notes of commits that the checkpoint covers',
    file: 'src/recovery/record-notes.ts',
    find: `    if (seq <= this.#afterSeq) return;`,
    replace: ``,
    killedBy: { file: RECOVER_TEST, title: 'need only what is above the checkpoint' },
  },
  {
    name: 'counts commits that the checkpoint covers',
    file: 'src/recovery/record-notes.ts',
    find: `    if (seq > this.#afterSeq) this.#commits += 1;`,
    replace: `    this.#commits += 1;`,
    killedBy: { file: RECOVER_TEST, title: 'need only what is above the checkpoint' },
  },
  {
    name: 'writes what fitted of a log that did not fit into one window',
    file: 'src/recovery/log-notes.ts',
    find: `      else if (window.isFull) this.#window = undefined;`,
    replace: `      else if (window.isFull) return;`,
    killedBy: { file: PAGE_FILES_TEST, title: 'is as if each record had been applied alone' },
  },
  {
    name: 'keeps notes of a chain that does not count',
    file: WALK,
    find: `      this.#notes?.begin(this.#log);`,
    replace: ``,
    killedBy: { file: PAGE_FILES_TEST, title: 'R1: what stands in front of a hole is not written' },
  },
  {
    name: 'a salvage leaves out what stands behind the damage',
    file: 'src/recovery/recover.ts',
    find: `    const window = isSalvage ? undefined : notes?.window;`,
    replace: `    const window = notes?.window;`,
    killedBy: { file: RECOVER_TEST, title: 'R2: stay as they are when synced bytes are damaged' },
  },
  {
    name: 'R10: a window cuts to the last size, not to the smallest',
    file: WINDOW,
    find: `    window.cutPages = Math.min(window.cutPages ?? pages, pages);`,
    replace: `    window.cutPages = pages;`,
    killedBy: { file: PAGE_FILES_TEST, title: 'does not write what a later commit cuts off' },
  },
  {
    name: 'R10: a window keeps images beyond a cut',
    file: WINDOW,
    find: `    if (pages >= window.pageMax) return;`,
    replace: `    if (pages >= 0) return;`,
    killedBy: { file: PAGE_FILES_TEST, title: 'does not write what a later commit cuts off' },
  },
  {
    name: 'R10: a window keeps the oldest image of a page',
    file: WINDOW,
    find: `      if (at + 1 < imageCount && pages[order[at + 1] as number] === page) continue;`,
    replace: `      if (at > 0 && pages[order[at - 1] as number] === page) continue;`,
    killedBy: { file: PAGE_FILES_TEST, title: 'writes neighbours at once, and of a page that is written again' },
  },
  {
    name: 'R10: a cut takes the images behind it, too',
    file: WINDOW,
    find: `    if ((cuts[middle] as { index: number }).index > index) end = middle;`,
    replace: `    if ((cuts[middle] as { index: number }).index >= 0) end = middle;`,
    killedBy: { file: PAGE_FILES_TEST, title: 'does not write what a later commit cuts off' },
  },
  {
    name: 'R10: a smaller cut leaves a larger one in front of it, which hides it',
    file: WINDOW,
    find: `    while ((cuts.at(-1)?.pages ?? -1) >= pages) cuts.pop();`,
    replace: ``,
    killedBy: { file: PAGE_FILES_TEST, title: 'the smallest cut behind an image counts' },
  },
  {
    name: 'R10: the last size cuts off the images behind it',
    file: 'src/versions/page-writer.ts',
    find: `    const pages = Math.max(sizePages, versions.pageNumbers.at(-1) ?? 0);`,
    replace: `    const pages = sizePages;`,
    killedBy: { file: PAGE_FILES_TEST, title: 'is as if each record had been applied alone' },
  },
  {
    name: 'R10: the next window is filled, and written, beside the one before',
    file: FILES_TARGET,
    find: `return this.#write().then(() => this.#take(fileNumber, shapes));`,
    replace: `void this.#write();`,
    killedBy: { file: PAGE_FILES_TEST, title: 'is as if each record had been applied alone' },
  },
  {
    name: 'tells of a recovery before its last window is written',
    file: FILES_TARGET,
    find: `    await this.#write();
    await this.#sync;`,
    replace: `    void this.#write();`,
    killedBy: { file: PAGE_FILES_TEST, title: 'what was written is synced while more is written' },
  },
  {
    name: 'does not look whether a log file was used again while it was read',
    file: FILES_TARGET,
    find: `    for (const fileNumber of fileNumbers) this.#requireIntact(this.#listed.get(fileNumber) as ListedFile);`,
    replace: ``,
    killedBy: { file: PAGE_FILES_TEST, title: 'F17: a log file that is used again while its images are read' },
  },
  {
    name: 'a window is of as long a stretch of the log as its memory allows',
    file: FILES_TARGET,
    find: `    return this.#stretchBytes >= this.#stretchBytesMax ? this.#write() : undefined;`,
    replace: ``,
    killedBy: { file: PAGE_FILES_TEST, title: 'a window is of no longer a stretch of the log than it is told' },
  },
  {
    name: 'F41: part of a page at the end stays when the file is cut there',
    file: 'src/storage/page-file.ts',
    find: `    if (this.#file.size() > pages * this.pageBytes) this.setSizePages(pages);`,
    replace: `    if (this.sizePages() > pages) this.setSizePages(pages);`,
    killedBy: {
      file: PAGE_FILES_TEST,
      title: 'takes part of a page at the end off with a cut (F41), memory undefined',
    },
  },
  {
    name: 'ends a recovery before its page files are synced',
    file: 'src/recovery/recover.ts',
    find: `      if (!dryRun) for (const file of opened) file.sync();`,
    replace: ``,
    killedBy: { file: EVIDENCE_TEST, title: 'page files are synced before a recovery says that they are up to date' },
  },
  {
    name: 'F41: takes any page file with part of a page at its end',
    file: 'src/recovery/torn-end.ts',
    find: `  for (const space of odd.keys()) files[space]?.requireWholePages();`,
    replace: ``,
    killedBy: {
      file: 'test/crash/page-file-end.test.ts',
      title: "an odd end 'behind every page of the log' is refused, and nothing is written (F41)",
    },
  },
  {
    name: 'F41: refuses every page file with part of a page at its end',
    file: 'src/recovery/torn-end.ts',
    find: `odd.get(record.space) === record.pageNumber) odd.delete(record.space);`,
    replace: `odd.size < 0) odd.delete(record.space);`,
    killedBy: {
      file: 'test/crash/page-file-end.test.ts',
      title: 'R11: part of a page at the end, left by a crash in a recovery, and another (F41)',
    },
  },
  {
    name: 'R2: changes a page file before it knows that the next one is there',
    file: 'src/recovery/recover.ts',
    find: `    if (lastSeq <= afterSeq || paths[space] !== undefined) continue;`,
    replace: `    if (lastSeq >= 0) continue;`,
    killedBy: { file: RECOVER_TEST, title: 'that are missing or foreign are noticed before anything is changed' },
  },
  {
    name: 'recovers page files beside an open log',
    file: 'src/recovery/recover.ts',
    find: `const lock = isLocked ? await services?.lock(directory.path) : undefined;`,
    replace: `const lock = isLocked && services === undefined ? undefined : { release: () => undefined };`,
    killedBy: { file: RECOVER_TEST, title: 'are not touched by a dry run, and a lock is taken for everything else' },
  },
  {
    name: 'exports an epoch that is not known to be synced',
    file: 'src/recovery/segment-file.ts',
    find: `if (found === undefined || epoch > scan.syncedThrough) {`,
    replace: `if (found === undefined) {`,
    killedBy: { file: RECOVER_TEST, title: 'are of synced epochs only' },
  },
  {
    name: 'removes the newest file of a log first',
    file: 'src/recovery/segment-file.ts',
    find: `directory.list().filter(isOurs).sort()) {`,
    replace: `directory.list().filter(isOurs).sort().reverse()) {`,
    killedBy: {
      file: EVIDENCE_TEST,
      title: 'a log is removed from its oldest file on, each removal durable before the next',
    },
  },
];
