// Mutants of opening a log: the copied tail, the commit point, what is discarded (R9).

import type { Mutant } from '../support/mutation.js';

const FILE = 'src/recovery/opening-file.ts';
const OPENING = 'src/recovery/opening.ts';
const ASIDE = 'src/recovery/damaged-files.ts';
const CRASH_TEST = 'test/unit/recovery/opening-crash.test.ts';
const OPENING_TEST = 'test/unit/recovery/opening.test.ts';
const DAMAGE_TEST = 'test/unit/recovery/damage.test.ts';
const EVIDENCE_TEST = 'test/unit/recovery/evidence.test.ts';

const COUNTERS_TEST = 'test/bytes/counters.test.ts';

const EVERY_CRASH = {
  file: CRASH_TEST,
  title: 'R9: a crash at every operation of an opening keeps every synced commit',
};
const ORDER = {
  file: 'test/unit/recovery/opening-order.test.ts',
  title: 'R9: an opening syncs the tail, then the header, then the name',
};
const HOLDS = { file: OPENING_TEST, title: 'holds every commit of the log before it, and goes on behind them' };

export const OPENING_MUTANTS: readonly Mutant[] = [
  {
    name: 'F10: goes by a checkpoint record that need not be on disk',
    file: OPENING,
    find: `  if (sync && scan.checkpoint !== undefined) makeDurable(directory, scan, scan.checkpoint);`,
    replace: ``,
    killedBy: {
      file: 'test/unit/flusher/checkpoints.test.ts',
      title: 'F10: a crash at every operation of a checkpoint, and a power cut behind the next opening',
    },
  },
  {
    name: 'writes the checkpoint record again although files have gone by it: torn, it leaves a gap',
    file: OPENING,
    find: `  if (startSeq <= (log.checkpointBefore?.throughSeq ?? 0) + 1) writeCheckpointRecord`,
    replace: `  if (startSeq >= 0 || log.checkpointBefore) writeCheckpointRecord`,
    killedBy: {
      file: 'test/unit/flusher/checkpoints.test.ts',
      title: 'C2: the one record that is left is not lost by a crash while it is made durable',
    },
  },
  {
    name: 'opens a log whose commit sequences are used up',
    file: OPENING,
    find: `  if (position.nextSeq > COUNTER_MAX) throw exhausted('commit sequence', { nextSeq: position.nextSeq });`,
    replace: ``,
    killedBy: { file: COUNTERS_TEST, title: 'a log that has no commit sequence left is not opened' },
  },
  {
    name: 'opens a log whose epochs are used up',
    file: OPENING,
    find: `  if (position.epoch > COUNTER_MAX) throw exhausted('epoch', { epoch: position.epoch });`,
    replace: ``,
    killedBy: { file: COUNTERS_TEST, title: 'a log that has no epoch left is not opened' },
  },
  {
    name: 'opens a log whose file numbers are used up',
    file: OPENING,
    find: `  if (fileNumber > COUNTER_MAX) throw exhausted('file number', { fileName: logFileName(fileNumber - 1) });`,
    replace: ``,
    killedBy: { file: COUNTERS_TEST, title: 'a log that has no file number left is not opened' },
  },
  {
    name: 'opens a log whose incarnations are used up',
    file: OPENING,
    find: `  if (incarnation > INCARNATION_MAX) throw exhausted('incarnation', { incarnation: incarnation - 1 });`,
    replace: ``,
    killedBy: { file: COUNTERS_TEST, title: 'a log that has no incarnation left is not opened' },
  },
  {
    name: 'R9: writes the header, and gives the file its name, before the tail is copied',
    file: FILE,
    find: `    const copied = copyTail(file, tail, identity);
    // The header must not become durable before what it vouches for.
    if (sync && (tail.bytes > 0 || isScrubbed)) file.sync();
    const syncedThrough = sync ? copied.position.epoch : syncedBefore;
    const header = {
      ...identity,
      flags: FILE_FLAG.opening,
      start: tail.base,
      syncedThrough,
      wallClockMs: wallClockMs(),
      fileBytes,
    };
    file.write([encodeFileHeader(header)], 0);
    if (sync) file.sync();
    directory.rename(unfinished, name);`,
    replace: `    let last = isScrubbed ? tail.base.epoch : tail.base.epoch;
    for (const segment of tail.segments()) last = segment.header.epoch;
    const syncedThrough = sync ? last : syncedBefore;
    const header = {
      ...identity,
      flags: FILE_FLAG.opening,
      start: tail.base,
      syncedThrough,
      wallClockMs: wallClockMs(),
      fileBytes,
    };
    file.write([encodeFileHeader(header)], 0);
    if (sync) file.sync();
    directory.rename(unfinished, name);
    const copied = copyTail(file, tail, identity);
    if (sync) file.sync();`,
    killedBy: EVERY_CRASH,
  },
  {
    name: 'R9: writes the header before the copied tail is synced',
    file: FILE,
    find: `    if (sync && (tail.bytes > 0 || isScrubbed)) file.sync();`,
    replace: ``,
    killedBy: ORDER,
  },
  {
    name: 'R9: names the new file before its header is synced',
    file: FILE,
    find: `    if (sync) file.sync();
    directory.rename(unfinished, name);`,
    replace: `    directory.rename(unfinished, name);
    if (sync) file.sync();`,
    killedBy: EVERY_CRASH,
  },
  {
    name: 'R9: skips the sync of the new file',
    file: FILE,
    find: `    if (sync) file.sync();
    directory.rename(unfinished, name);`,
    replace: `    directory.rename(unfinished, name);`,
    killedBy: EVERY_CRASH,
  },
  {
    name: 'R9: skips the directory sync of an opening',
    file: FILE,
    find: `    directory.rename(unfinished, name);
    if (sync) directory.sync();`,
    replace: `    directory.rename(unfinished, name);`,
    killedBy: EVERY_CRASH,
  },
  {
    name: 'R9: does not copy the tail above S',
    file: OPENING,
    find: `const tail = tailAbove(directory, scan, sync ? scan.syncedThrough : scan.position.epoch);`,
    replace: `const tail = tailAbove(directory, scan, scan.position.epoch);`,
    killedBy: EVERY_CRASH,
  },
  {
    name: 'R9: starts the new file behind a mark that need not be on disk',
    file: 'src/recovery/tail.ts',
    find: `        if (header.kind !== SEGMENT_KIND.epoch) continue;
        if (header.epoch > last)`,
    replace: `        if (header.kind === SEGMENT_KIND.epoch && header.epoch > last)`,
    killedBy: EVERY_CRASH,
  },
  {
    name: 'R8: uses a spare as it is, old tail and all',
    file: FILE,
    find: `const isScrubbed = spare !== undefined && scrub(file);`,
    replace: `const isScrubbed = false;`,
    killedBy: { file: DAMAGE_TEST, title: 'of an opening that a power cut undid never go on with the next one' },
  },
  {
    name: 'copies frames under their old incarnation',
    file: FILE,
    find: `const seed = frameSeed(place.logId, place.incarnation);`,
    replace: `const seed = frameSeed(place.logId, header.incarnation);`,
    killedBy: HOLDS,
  },
  {
    name: 'copies segments under their old chain',
    file: FILE,
    find: `{ ...header, logId, incarnation, fileNumber, fileOffset, previous, certificateBytes: bytes.length };`,
    replace: `{ ...header, logId, incarnation, fileNumber, fileOffset, certificateBytes: bytes.length };`,
    killedBy: EVERY_CRASH,
  },
  {
    name: 'under off calls synced what was only read',
    file: FILE,
    find: `const syncedThrough = sync ? copied.position.epoch : syncedBefore;`,
    replace: `const syncedThrough = copied.position.epoch;`,
    killedBy: { file: OPENING_TEST, title: 'without sync copies nothing and calls no sync' },
  },
  {
    name: 'the header of the new file does not say that its tail is synced',
    file: FILE,
    find: `const syncedThrough = sync ? copied.position.epoch : syncedBefore;`,
    replace: `const syncedThrough = syncedBefore;`,
    killedBy: HOLDS,
  },
  {
    name: 'uses an incarnation again',
    file: OPENING,
    find: `const incarnation = scan.incarnationMax + 1;`,
    replace: `const incarnation = Math.max(1, scan.incarnationMax);`,
    killedBy: HOLDS,
  },
  {
    name: 'R1: uses the incarnation again of a file whose header is lost',
    file: 'src/recovery/scan.ts',
    find: `checkpoint?.incarnation ?? 0, ...lost.map(({ rest }) => rest.incarnationMax)];`,
    replace: `checkpoint?.incarnation ?? 0];`,
    killedBy: {
      file: EVIDENCE_TEST,
      title: 'R1: an incarnation that only a lost header or a checkpoint knows is not used again',
    },
  },
  {
    name: 'R1: uses the incarnation again that only the checkpoint record knows',
    file: 'src/recovery/scan.ts',
    find: `const incarnations = [log.incarnation, checkpoint?.incarnation ?? 0,`,
    replace: `const incarnations = [log.incarnation,`,
    killedBy: {
      file: EVIDENCE_TEST,
      title: 'R1: an incarnation that only a lost header or a checkpoint knows is not used again',
    },
  },
  {
    name: 'uses a file number again',
    file: OPENING,
    find: `[...scan.log.fileNumbers].reduce(`,
    replace: `scan.log.files.map((file) => file.fileNumber).reduce(`,
    killedBy: { file: DAMAGE_TEST, title: 'with a lost header that hold newer segments are damage' },
  },
  {
    name: 'opens a log with pages of another size',
    file: OPENING,
    find: `if (wanted !== undefined && pageBytes !== wanted) {`,
    replace: `if (wanted !== undefined && pageBytes === undefined) {`,
    killedBy: { file: OPENING_TEST, title: 'refuses another page size and names both' },
  },
  {
    name: 'R2: removes what was left unfinished before it knows of damage',
    file: OPENING,
    find: `  const scan = await scanLog(directory, settings);
  refuseDamage(scan, onDamage);`,
    replace: `  const scan = await scanLog(directory, settings);
  removeUnfinished(directory);
  refuseDamage(scan, onDamage);`,
    killedBy: { file: EVIDENCE_TEST, title: 'R2: an opening that is refused leaves the directory as it was' },
  },
  {
    name: 'under off removes files that the new one makes needless',
    file: OPENING,
    find: `const kept = sync ? discardSuperseded(`,
    replace: `const kept = sync || older.length > 0 ? discardSuperseded(`,
    killedBy: { file: EVIDENCE_TEST, title: 'R9: without sync an opening removes no file of the log' },
  },
  {
    name: 'lets a checkpoint free an older file although the log still needs it',
    file: OPENING,
    find: `endSeq = Math.max(endSeq, Math.min(part?.end.nextSeq ?? 0, tail.base.nextSeq));`,
    replace: `endSeq = 0;`,
    killedBy: HOLDS,
  },
  {
    name: 'skips the directory sync behind the files that were discarded',
    file: OPENING,
    find: `  directory.sync();
  return older.filter`,
    replace: `  return older.filter`,
    killedBy: {
      file: 'test/unit/recovery/opening-order.test.ts',
      title: 'F07: what an opening makes a spare is one on disk before it is taken',
    },
  },
  {
    name: 'discards files that still contribute to the log',
    file: OPENING,
    find: `const useless = older.filter(({ name }) => !names.has(name));`,
    replace: `const useless = older;`,
    killedBy: HOLDS,
  },
  {
    name: 'stop does not keep the discarded bytes of a file that goes on',
    file: ASIDE,
    find: `if (last !== undefined && !isRestarted && last.endOffset < last.file.bytes) {`,
    replace: `if (last !== undefined && last.endOffset < 0) {`,
    killedBy: { file: OPENING_TEST, title: 'with stop keeps the proven prefix and the discarded bytes aside' },
  },
  {
    name: 'stop names its copy before the copy is synced',
    file: ASIDE,
    find: `      if (sync) target.sync();`,
    replace: ``,
    killedBy: {
      file: 'test/unit/recovery/opening-order.test.ts',
      title: 'R9: stop syncs the copy of what it discards before it has its name',
    },
  },
  {
    name: 'R5: leaves a hole below the checkpoint that the new file calls damage',
    file: 'src/recovery/opening.ts',
    find: `  if (sync) removeFlawed(directory, scan, goneNames);
`,
    replace: ``,
    killedBy: {
      file: 'test/unit/recovery/damage.test.ts',
      title: 'R5: holes below the checkpoint that nobody called synced are no damage, also once the log was opened',
    },
  },
  {
    name: 'R5: calls a hole below the checkpoint damage that nobody called synced',
    file: 'src/recovery/scan.ts',
    find: `chain.flaws.filter(({ epoch }) => epoch <= syncedThrough)`,
    replace: `chain.flaws.filter(({ epoch }) => epoch > 0)`,
    killedBy: {
      file: 'test/unit/recovery/damage.test.ts',
      title: 'R5: holes below the checkpoint that nobody called synced are no damage, also once the log was opened',
    },
  },
  {
    name: 'leaves a damaged file in front of the chain where the next opening finds it again',
    file: 'src/recovery/damaged-files.ts',
    find: `const isFlawed = damaged.has(name) && fileNumber < (files[0]?.file.fileNumber ?? 0);`,
    replace: `const isFlawed = false;`,
    killedBy: {
      file: 'test/unit/recovery/damage.test.ts',
      title: 'below the checkpoint it is moved aside by stop, and the next opening finds none',
    },
  },
];
