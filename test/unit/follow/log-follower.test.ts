// Goal: the follower hands out exactly the durable segments of the chain, in order, over files, marks, jumbos and
// incarnations, and notices when the log has let go of what it wants. Method: logs written segment by segment with the
// codecs of the package, and by a flusher over a directory in memory; recycling and new openings while it reads.

import { expect, test } from 'vitest';
import type { WalError } from '../../../src/base/errors.js';
import { LogFollower } from '../../../src/follow/log-follower.js';
import { openLog } from '../../../src/recovery/opening.js';
import { CommitReader } from '../../../src/segment/commit-reader.js';
import type { Directory } from '../../../src/storage/directory.js';
import { MemoryDirectory } from '../../../src/storage/memory-directory.js';
import { onePage, operation, Rig } from '../../support/flusher-rig.js';
import { flip, LogBuilder, pages } from '../../support/log-builder.js';

const reader = new CommitReader(64 * 1024);

/** Sequences of everything that is durable by now. */
function seqsThrough(follower: LogFollower, throughEpoch: number): number[] {
  const seqs: number[] = [];
  for (let next = follower.next(throughEpoch); next !== undefined; next = follower.next(throughEpoch)) {
    for (const { frame } of reader.commits(next.file, next.header)) seqs.push(frame.commitSeq);
  }
  return seqs;
}

function codeIn(act: () => unknown): unknown {
  try {
    return act();
  } catch (thrown) {
    return (thrown as WalError).code;
  }
}

function upTo(last: number, first = 1): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

test('an empty log has nothing, and what is started later is followed', () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  const follower = new LogFollower(directory);
  expect(follower.next(5)).toBeUndefined();
  new LogBuilder(directory).start().epoch(pages(1, 1)).epoch(pages(2, 2), pages(3, 3));
  expect(seqsThrough(follower, 2)).toEqual([1, 2, 3]);
});

test('only what is durable is handed out, and each epoch once', () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  const log = new LogBuilder(directory).start().epoch(pages(1, 1)).epoch(pages(2, 2));
  const follower = new LogFollower(directory);
  expect(seqsThrough(follower, 1)).toEqual([1]);
  expect(seqsThrough(follower, 1)).toEqual([]);
  log.epoch(pages(3, 3));
  expect(seqsThrough(follower, 3)).toEqual([2, 3]);
});

test('segments follow each other over marks, rotations and files of their own size', async () => {
  const rig = await Rig.open({ logFileBytes: 16_384, laneBytes: 4096 });
  const follower = new LogFollower(rig.directory);
  const seqs: number[] = [];
  for (let value = 1; value <= 40; value += 1) {
    if (value % 10 === 0) {
      const jumbo = rig.postJumbo(operation(40_000, value), value);
      rig.writer().tryAppendJumbo(jumbo.commit, { jumboId: value, frame: jumbo.frame }, 0, () => true);
    } else rig.append(onePage(value), value % 2);
    // Idle for long enough that a mark says what is synced.
    rig.settle(10);
    if (value % 3 === 0) rig.settle(1000);
    seqs.push(...seqsThrough(follower, rig.control.durableEpoch.load()));
    expect(seqs.at(-1)).toBe(rig.control.durableSeq.load());
  }
  expect(seqs).toEqual(upTo(40));
  expect(rig.count('rotated')).toBeGreaterThan(3);
  expect(rig.control.counters().marksWritten).toBeGreaterThan(3);
  expect(seqsThrough(new LogFollower(rig.directory), rig.control.durableEpoch.load())).toEqual(upTo(40));
});

test('following begins in the middle, with the epoch that holds the sequence', () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  const log = new LogBuilder(directory).start();
  for (let epoch = 1; epoch <= 12; epoch += 1) {
    log.epoch(pages(1, epoch), pages(2, epoch)).mark();
    if (epoch % 4 === 0) log.rotate();
  }
  for (let from = 1; from <= 24; from += 1) {
    const first = from % 2 === 0 ? from - 1 : from;
    expect(seqsThrough(new LogFollower(directory, { fromSeq: from }), 12)).toEqual(upTo(24, first));
  }
  const ahead = new LogFollower(directory, { fromSeq: 27 });
  expect(seqsThrough(ahead, 12)).toEqual([]);
  log.epoch(pages(1, 1), pages(2, 2)).epoch(pages(3, 3));
  expect(seqsThrough(ahead, 14)).toEqual([27]);
});

/** Opens a log as a process does that comes after one that died, and goes on with it. */
async function reopened(directory: Directory): Promise<LogBuilder> {
  return LogBuilder.resume(directory, await openLog(directory, { logFileBytes: 64 * 1024, sync: true }));
}

test('what a new incarnation supersedes is not handed out, by a follower that was there before or comes later', async () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  const log = new LogBuilder(directory).start().epoch(pages(1, 1)).epoch(pages(1, 2)).sync().mark();
  log.epoch(pages(1, 3), pages(1, 4)).mark().epoch(pages(1, 5));
  const before = new LogFollower(directory);
  expect(seqsThrough(before, 2)).toEqual([1, 2]);
  // The tail above epoch 2 is torn within its last epoch: commit 5 is given again, to another commit.
  flip(directory, log.name, log.segments.at(-1)!.offset + 200);
  const next = await reopened(directory);
  next.epoch(pages(1, 6), pages(1, 7)).sync().mark();
  const values: number[] = [];
  for (const follower of [before, new LogFollower(directory, { fromSeq: 3 })]) {
    const synced = follower.syncedThrough();
    for (let found = follower.next(synced); found !== undefined; found = follower.next(synced)) {
      expect(found.header.incarnation).toBe(2);
      for (const commit of reader.commits(found.file, found.header)) {
        for (const record of commit.records()) if (record.kind === 'page') values.push(record.image[0]!);
      }
    }
  }
  expect(values).toEqual([3, 4, 6, 7, 3, 4, 6, 7]);
});

test('epochs that a log started anew supersedes are not handed out', () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  new LogBuilder(directory).start().epoch(pages(1, 1)).epoch(pages(1, 2)).epoch(pages(1, 3));
  const anew = new LogBuilder(directory);
  Object.assign(anew, { incarnation: 2, fileNumber: 2 });
  anew.position = { epoch: 1, nextSeq: 9, headerCrc: 0, certificateCrc: 0 };
  anew.start().epoch(pages(1, 4));
  const follower = new LogFollower(directory, { fromSeq: 1 });
  expect(follower.next(2)?.header.epoch).toBe(1);
  expect(codeIn(() => follower.next(2))).toBe('ERR_WAL_OVERTAKEN');
  expect(seqsThrough(new LogFollower(directory), 2)).toEqual([9]);
});

test('a follower behind a mark goes on in a file that starts in front of it', async () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  const log = new LogBuilder(directory).start().epoch(pages(1, 1)).sync().mark().mark();
  const follower = new LogFollower(directory);
  expect(seqsThrough(follower, 1)).toEqual([1]);
  expect(follower.syncedThrough()).toBe(1);
  expect(log.position.epoch).toBe(1);
  const next = await reopened(directory);
  next.epoch(pages(1, 2));
  expect(seqsThrough(follower, 2)).toEqual([2]);
});

test('a file that is taken away is read to its end, and what went with it is missed', async () => {
  const rig = await Rig.open({ logFileBytes: 16_384 });
  const epoch = (): number => rig.control.durableEpoch.load();
  const write = (count: number): void => {
    for (let value = 0; value < count; value += 1) {
      rig.append(onePage(1 + value));
      rig.settle(10);
    }
  };
  write(12);
  const follower = new LogFollower(rig.directory);
  expect(follower.next(epoch())?.header.firstSeq).toBe(1);
  const late = new LogFollower(rig.directory, { fromSeq: 2 });
  expect(late.next(epoch())?.header.firstSeq).toBe(2);
  rig.checkpoint(12);
  expect(follower.isIntact()).toBe(true);
  // The file has another name, and still every byte; the one behind it is gone.
  const seen: number[] = [];
  const code = codeIn(() => {
    for (let next = follower.next(epoch()); next !== undefined; next = follower.next(epoch()))
      seen.push(next.header.firstSeq);
  });
  expect([seen[0], code]).toEqual([2, 'ERR_WAL_OVERTAKEN']);
  expect(seen).toEqual(upTo(seen.at(-1)!, 2));
  // It becomes the current file, under the descriptor that reads it.
  write(24);
  expect(late.isIntact()).toBe(false);
  expect(codeIn(() => seqsThrough(late, epoch()))).toBe('ERR_WAL_OVERTAKEN');
  expect(codeIn(() => new LogFollower(rig.directory, { fromSeq: 3 }).next(epoch()))).toBe('ERR_WAL_OVERTAKEN');
});

test('a durable epoch that is not there is damage while its file is, and no end of the log', () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  const log = new LogBuilder(directory).start().epoch(pages(1, 1)).epoch(pages(1, 2)).epoch(pages(1, 3));
  flip(directory, log.name, log.segments[1]!.offset + 30);
  const follower = new LogFollower(directory);
  expect(follower.next(3)?.header.epoch).toBe(1);
  expect(codeIn(() => follower.next(3))).toBe('ERR_WAL_CORRUPT');
  expect(follower.next(1)).toBeUndefined();
});

test('files that a crash brought back are passed over, and asked for they are not there', () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  const log = new LogBuilder(directory).start().epoch(pages(1, 1)).rotate().epoch(pages(1, 2)).rotate();
  log.epoch(pages(1, 3)).rotate().epoch(pages(1, 4)).checkpoint(3, 3);
  directory.remove('0000000000000002.wal');
  expect(seqsThrough(new LogFollower(directory), 4)).toEqual([3, 4]);
  expect(codeIn(() => seqsThrough(new LogFollower(directory, { fromSeq: 1 }), 4))).toBe('ERR_WAL_OVERTAKEN');
});

test('R6: what is synced is what the newest incarnation says, in headers, marks and its checkpoint', async () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  const log = new LogBuilder(directory).start();
  const follower = new LogFollower(directory);
  expect(follower.syncedThrough()).toBe(0);
  log.epoch(pages(1, 1)).sync();
  expect(follower.syncedThrough()).toBe(0);
  log.epoch(pages(1, 2));
  expect(follower.syncedThrough()).toBe(1);
  log.sync().mark();
  expect(follower.syncedThrough()).toBe(2);
  log.epoch(pages(1, 3)).sync().checkpoint(1, 1);
  expect(follower.syncedThrough()).toBe(3);
  log.epoch(pages(1, 4)).sync().rotate();
  expect(follower.syncedThrough()).toBe(4);
  const next = await reopened(directory);
  next.epoch(pages(1, 5));
  expect(follower.syncedThrough()).toBe(4);
  next.sync().mark();
  expect(follower.syncedThrough()).toBe(5);
  expect(seqsThrough(follower, 5)).toEqual(upTo(5));
});
