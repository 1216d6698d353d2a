// Goal: whatever the writers do, the page files end up as SQLite would have left them. Method: every recorded trace
// through the built command line, with one copy and several, against the oracle; what ran in parallel says so itself.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import {
  makeFolder,
  type RecoverDocument,
  type ReplayDocument,
  readAcks,
  removeFolders,
  runJson,
} from '../support/command-line.js';
import { readTrace, TRACE_NAMES, type TraceName, tracePath } from '../support/traces.js';

afterEach(removeFolders);

function inputsOf(name: TraceName): string[] {
  return ['--base', tracePath(name, 'base.db.gz'), '--wal', tracePath(name, 'trace.db-wal.gz')];
}

test.each(TRACE_NAMES)('%s: one copy by one writer is what SQLite made of it', async (name) => {
  const { oracle, trace } = await readTrace(name);
  const db = join(makeFolder(), 'a.db');
  const result = await runJson<ReplayDocument>(['replay', ...inputsOf(name), '--db', db]);
  expect(result).toMatchObject({
    transactions: oracle.committedTransactions,
    frames: trace.pageNumbers.length,
    bytes: trace.pageNumbers.length * oracle.pageSize,
    pageSize: oracle.pageSize,
    dbSizePages: [oracle.dbSizePages.final],
    sha256: [oracle.replaySha256],
    mode: 'auto',
    lanes: 1,
    lanesUsed: 1,
    lanesPerEpochMax: 1,
    shadow: { notRun: result.epochs, clean: 0, diverged: 0 },
    fallback: 'none',
  });
  expect(result.seconds).toBeGreaterThan(0);
  expect(result.syncs).toBeGreaterThanOrEqual(result.epochs);
});

test.each([
  ['bank-4k', 'normal'],
  ['page-1k', 'full'],
  ['page-64k', 'off'],
  ['shrink-4k', 'full'],
  ['speedtest-4k', 'normal'],
  ['torn-tail-4k', 'full'],
] as const)('%s: eight copies by eight writers under %s are all what SQLite made of it', async (name, fsync) => {
  const { oracle } = await readTrace(name);
  const folder = makeFolder();
  const acks = join(folder, 'acks');
  const options = ['--copies', '8', '--writers', '8', '--fsync', fsync, '--ack-file', acks];
  const result = await runJson<ReplayDocument>(['replay', ...inputsOf(name), '--db', join(folder, 'a.db'), ...options]);
  expect(result).toMatchObject({
    transactions: 8 * oracle.committedTransactions,
    sha256: new Array(8).fill(oracle.replaySha256),
    dbSizePages: new Array(8).fill(oracle.dbSizePages.final),
    lanes: 8,
    lanesUsed: 8,
  });
  expect(result.lanesPerEpochMax).toBeGreaterThanOrEqual(4);
  expect(readAcks(acks, 8)).toEqual(new Array(8).fill(oracle.committedTransactions));
  // speedtest-4k makes so few segments that each may fall into a tick of its own.
  if (name === 'bank-4k') expect(result.syncs).toBeLessThanOrEqual(result.segments);
  if (fsync === 'off') expect(result.syncs).toBe(0);
});

test('plain inputs, a copy more than writers, and fewer lanes than writers give the same', async () => {
  const { oracle } = await readTrace('torn-tail-4k');
  const folder = makeFolder();
  const [base, wal] = (['base.db.gz', 'trace.db-wal.gz'] as const).map((file) => {
    const path = join(folder, file.replace('.gz', ''));
    writeFileSync(path, gunzipSync(readFileSync(tracePath('torn-tail-4k', file))));
    return path;
  });
  const counts = ['--copies', '5', '--writers', '4', '--lanes', '2'];
  const result = await runJson<ReplayDocument>([
    'replay',
    '--base',
    `${base}`,
    '--wal',
    `${wal}`,
    '--db',
    join(folder, 'a.db'),
    ...counts,
  ]);
  expect(result).toMatchObject({ sha256: new Array(5).fill(oracle.replaySha256), lanes: 2, lanesUsed: 2 });
});

test('transactions larger than a lane come through', async () => {
  const { oracle } = await readTrace('shrink-4k');
  const variables = { LANEWAL_LANE_BYTES: '65536' };
  const result = await runJson<ReplayDocument>(
    ['replay', ...inputsOf('shrink-4k'), '--db', join(makeFolder(), 'a.db'), '--copies', '2', '--writers', '3'],
    variables,
  );
  expect(result.sha256).toEqual([oracle.replaySha256, oracle.replaySha256]);
  expect(result.jumbos).toBeGreaterThan(0);
});

test.each(['shrink-4k', 'torn-tail-4k'] as const)(
  '%s: the first transactions give the known prefixes',
  async (name) => {
    const { oracle } = await readTrace(name);
    for (const { transactions, dbSizePages, replaySha256 } of oracle.prefixes.slice(1, 4)) {
      const db = join(makeFolder(), 'a.db');
      const options = ['--stop-after', `${transactions}`, '--copies', '2', '--writers', '2'];
      const result = await runJson<ReplayDocument>(['replay', ...inputsOf(name), '--db', db, ...options]);
      expect(result.sha256).toEqual([replaySha256, replaySha256]);
      expect(result.dbSizePages).toEqual([dbSizePages, dbSizePages]);
    }
  },
);

test.each(TRACE_NAMES)(
  '%s: without a checkpoint everything is in the log, and recovery brings it out',
  async (name) => {
    const { oracle, base } = await readTrace(name);
    const db = join(makeFolder(), 'a.db');
    const options = ['--copies', '3', '--writers', '4', '--no-checkpoint'];
    const result = await runJson<ReplayDocument>(['replay', ...inputsOf(name), '--db', db, ...options]);
    expect(result.sha256).toBeNull();
    expect(readFileSync(`${db}.3`).equals(Buffer.from(base.bytes))).toBe(true);
    for (const _ of [1, 2]) {
      const report = await runJson<RecoverDocument>(['recover', db]);
      expect(report).toMatchObject({
        commitsApplied: 3 * oracle.committedTransactions,
        firstSeq: 1,
        lastSeq: 3 * oracle.committedTransactions,
        epochs: result.epochs,
        tail: 'clean',
        damage: [],
        notRecovered: [],
        sha256: new Array(3).fill(oracle.replaySha256),
        dbSizePages: new Array(3).fill(oracle.dbSizePages.final),
      });
    }
  },
);
