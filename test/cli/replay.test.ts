// Goal: whatever the writers do, the page files end up as SQLite would have left them. Method: every recorded trace
// through the built command line, with one copy and several, against the oracle, with a checkpoint of its own and by
// recovery behind it; what ran in parallel says so itself.

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
  runProcess,
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
    shadow: { notRun: result.transactions, clean: 0, diverged: 0 },
    fallback: 'none',
  });
  expect(result.seconds).toBeGreaterThan(0);
  expect(result.syncs).toBeGreaterThanOrEqual(result.epochs);
});

test('one lane takes everything in conservative mode, and the page files are the same', async () => {
  const { oracle } = await readTrace('torn-tail-4k');
  const options = ['--db', join(makeFolder(), 'a.db'), '--copies', '2', '--writers', '2', '--mode', 'single_lane'];
  expect(await runJson<ReplayDocument>(['replay', ...inputsOf('torn-tail-4k'), ...options])).toMatchObject({
    transactions: 2 * oracle.committedTransactions,
    mode: 'conservative',
    fallback: 'operator_forced',
    lanes: 2,
    lanesUsed: 1,
    lanesPerEpochMax: 1,
    sha256: [oracle.replaySha256, oracle.replaySha256],
  });
});

test('eight copies by eight writers are all what SQLite made of it, synced together', async () => {
  const { oracle } = await readTrace('bank-4k');
  const folder = makeFolder();
  const acks = join(folder, 'acks');
  const options = ['--copies', '8', '--writers', '8', '--fsync', 'normal', '--ack-file', acks];
  const ended = await runProcess([
    'replay',
    ...inputsOf('bank-4k'),
    '--db',
    join(folder, 'a.db'),
    ...options,
    '--json',
  ]);
  expect([ended.status, ended.stderr]).toEqual([0, '']);
  const result = JSON.parse(ended.stdout) as ReplayDocument;
  expect(result).toMatchObject({
    transactions: 8 * oracle.committedTransactions,
    sha256: new Array(8).fill(oracle.replaySha256),
    dbSizePages: new Array(8).fill(oracle.dbSizePages.final),
    lanes: 8,
    lanesUsed: 8,
  });
  expect(result.lanesPerEpochMax).toBeGreaterThanOrEqual(4);
  expect(readAcks(acks, 8)).toEqual(new Array(8).fill(oracle.committedTransactions));
  expect(result.syncs).toBeLessThanOrEqual(result.segments);
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

test.each([
  ['bank-4k', 'full', 3],
  ['page-1k', 'full', 8],
  ['page-64k', 'off', 8],
  ['shrink-4k', 'full', 8],
  ['speedtest-4k', 'normal', 8],
  ['torn-tail-4k', 'full', 8],
] as const)(
  '%s: without a checkpoint everything is in the log, under %s and by %i writers, and recovery brings it out',
  async (name, fsync, writers) => {
    const { oracle, base } = await readTrace(name);
    const db = join(makeFolder(), 'a.db');
    const acks = `${db}.acks`;
    const copies = writers;
    const counts = ['--copies', `${copies}`, '--writers', `${writers}`, '--fsync', fsync, '--ack-file', acks];
    const options = [...counts, '--no-checkpoint'];
    const result = await runJson<ReplayDocument>(['replay', ...inputsOf(name), '--db', db, ...options]);
    expect(result).toMatchObject({
      transactions: copies * oracle.committedTransactions,
      sha256: null,
      lanes: writers,
      lanesUsed: writers,
    });
    expect(result.lanesPerEpochMax).toBeGreaterThanOrEqual(writers / 2);
    expect(readAcks(acks, copies)).toEqual(new Array(copies).fill(oracle.committedTransactions));
    if (fsync === 'off') expect(result.syncs).toBe(0);
    expect(readFileSync(`${db}.${copies}`).equals(Buffer.from(base.bytes))).toBe(true);
    for (const _ of [1, 2]) {
      const report = await runJson<RecoverDocument>(['recover', db]);
      expect(report).toMatchObject({
        commitsApplied: copies * oracle.committedTransactions,
        firstSeq: 1,
        lastSeq: copies * oracle.committedTransactions,
        epochs: result.epochs,
        tail: 'clean',
        damage: [],
        notRecovered: [],
        sha256: new Array(copies).fill(oracle.replaySha256),
        dbSizePages: new Array(copies).fill(oracle.dbSizePages.final),
      });
    }
  },
);
