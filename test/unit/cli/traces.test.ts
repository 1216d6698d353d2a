// Goal: the reader sees in real logs what SQLite sees. Method: the recorded traces, replayed in memory one transaction
// after the other, against the counts and hashes that SQLite itself gave.

import { expect, test } from 'vitest';
import { readSqliteWal, sizeChanges } from '../../../src/cli/trace/sqlite-wal.js';
import { readTrace, SerialReplay, TRACE_NAMES } from '../../support/traces.js';

test.each(TRACE_NAMES)('%s: the counts are those of the oracle', async (name) => {
  const { trace, base, oracle } = await readTrace(name);
  expect(trace).toMatchObject({
    headerState: 'valid',
    pageBytes: oracle.pageSize,
    checksumWords: oracle.checksumWords,
  });
  expect(trace.counts).toEqual({
    framesInFile: oracle.framesInFile,
    trailingPartialFrameBytes: oracle.trailingPartialFrameBytes,
    framesValid: oracle.framesValid,
    firstInvalidFrameReason: oracle.firstInvalidFrameReason,
    framesCommitted: oracle.framesCommitted,
    framesAfterLastCommit: oracle.framesAfterLastCommit,
    validFramesAfterLastCommit: oracle.validFramesAfterLastCommit,
    transactions: oracle.committedTransactions,
    framesRepeatingAPage: oracle.framesRepeatingAPageWithinTheirTransaction,
    framesBeyondCommitSize: oracle.framesBeyondTheirCommitSize,
  });
  expect(base.pages).toBe(oracle.dbSizePages.base);
  const changes = sizeChanges(trace, base.pages).reduce((sum, each) => sum + each, 0);
  expect(changes).toBe(oracle.dbSizePages.commitsThatShrink + oracle.dbSizePages.commitsThatGrow);
});

test.each(TRACE_NAMES)('%s: a serial replay gives what SQLite made of it, at every known prefix', async (name) => {
  const { trace, base, oracle } = await readTrace(name);
  const replay = new SerialReplay(trace, base);
  for (const prefix of oracle.prefixes.toSorted((a, b) => a.transactions - b.transactions)) {
    replay.applyThrough(prefix.transactions);
    expect([prefix.transactions, replay.pages, replay.sha256()]).toEqual([
      prefix.transactions,
      prefix.dbSizePages,
      prefix.replaySha256,
    ]);
  }
  replay.applyThrough(trace.counts.transactions);
  expect([replay.pages, replay.sha256()]).toEqual([oracle.dbSizePages.final, oracle.replaySha256]);
});

test.each(TRACE_NAMES)('%s: a log cut after a transaction, or before the next commit, ends with it', async (name) => {
  const { trace, oracle } = await readTrace(name);
  for (const { transactions, walBytes } of oracle.prefixes) {
    const cut = readSqliteWal(trace.bytes.subarray(0, walBytes));
    expect(cut.counts).toMatchObject({ transactions, framesAfterLastCommit: 0, trailingPartialFrameBytes: 0 });
    if (walBytes === trace.bytes.length) continue;
    const torn = readSqliteWal(trace.bytes.subarray(0, walBytes + 1000));
    expect(torn.counts).toMatchObject({ transactions, framesAfterLastCommit: 0, trailingPartialFrameBytes: 1000 });
  }
});
