// Goal: a killed replay loses nothing it acknowledged and leaves nothing half done. Method: SIGKILL at random
// acknowledged counts; what `inspect` lists is applied in memory and compared with what `recover` made of the page files.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { pageFilePath } from '../../src/cli/page-files.js';
import {
  type InspectDocument,
  makeFolder,
  type RecoverDocument,
  readAcks,
  removeFolders,
  runCommand,
  runJson,
  runProcess,
  startCommand,
} from '../support/command-line.js';
import { readTrace, SerialReplay, tracePath } from '../support/traces.js';
import { announced, randomStream } from '../unit/cli/seeded.js';

afterEach(removeFolders);

const INPUTS = ['--base', tracePath('bank-4k', 'base.db.gz'), '--wal', tracePath('bank-4k', 'trace.db-wal.gz')];
const TRANSACTIONS = 4000;

/** Replays and kills once so many transactions are acknowledged; a run that was faster counts as killed at its end. */
async function replayAndKill(db: string, copies: number, options: readonly string[], count: number): Promise<number[]> {
  const acks = `${db}.acks`;
  const args = [
    'replay',
    ...INPUTS,
    '--db',
    db,
    '--copies',
    `${copies}`,
    ...options,
    '--ack-file',
    acks,
    '--no-checkpoint',
  ];
  const { child, ended } = startCommand(args);
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  while (!isOver && readAcks(acks, copies).reduce((sum, each) => sum + each, 0) < count) await sleep(1);
  child.kill('SIGKILL');
  const { status, signal, stderr } = await ended;
  expect([status === 0 || signal === 'SIGKILL', stderr]).toEqual([true, '']);
  return readAcks(acks, copies);
}

/** By space: the transactions that the log holds, from 1, in sequence order. */
function listed({ segments }: InspectDocument, copies: number): number[][] {
  const frames = segments.flatMap((segment) => segment.frames).toSorted((one, other) => one.seq - other.seq);
  const seqs = frames.map(({ seq }) => seq);
  expect(seqs).toEqual(seqs.map((_, index) => index + 1));
  return Array.from({ length: copies }, (_, space) =>
    frames.filter((each) => each.space === space).map((each) => each.txnId),
  );
}

test.each([
  ['full', 8, 8],
  ['normal', 3, 4],
  ['off', 4, 2],
] as const)(
  'under %s a killed replay of %i copies by %i writers recovers to what its log lists',
  async (fsync, copies, writers) => {
    const random = randomStream(announced(`kill under ${fsync}`).seed);
    const { trace, base } = await readTrace('bank-4k');
    const db = join(makeFolder(), 'a.db');
    const options = ['--writers', `${writers}`, '--fsync', fsync];
    const acks = await replayAndKill(db, copies, options, 1 + random((copies * TRANSACTIONS) / 2));
    const inspected = await runJson<InspectDocument>(['inspect', db]);
    const transactions = listed(inspected, copies);
    for (const [copy, count] of acks.entries()) {
      const present = new Set(transactions[copy]);
      expect(present.size).toBe(transactions[copy]?.length);
      const lost = Array.from({ length: count }, (_each, index) => index + 1).filter((txnId) => !present.has(txnId));
      expect(lost).toEqual([]);
    }
    expect((await runCommand(['verify', db])).status).toBe(0);
    const report = await runJson<RecoverDocument>(['recover', db]);
    expect(report).toMatchObject({ commitsApplied: inspected.lastSeq, lastSeq: inspected.lastSeq, damage: [] });
    expect(['clean', 'torn']).toContain(report.tail);
    for (const [copy, list] of transactions.entries()) {
      const replay = new SerialReplay(trace, base);
      for (const txnId of list) replay.apply(txnId - 1);
      expect(report.sha256[copy]).toBe(replay.sha256());
      expect(report.sha256[copy]).toBe(hashOf(pageFilePath(db, copy)));
    }
    expect((await runJson<RecoverDocument>(['recover', db])).sha256).toEqual(report.sha256);
  },
);

test('with one writer a killed replay leaves a prefix', async () => {
  const random = randomStream(announced('prefix').seed);
  const { trace, base } = await readTrace('bank-4k');
  const db = join(makeFolder(), 'a.db');
  const [acked = 0] = await replayAndKill(db, 1, ['--writers', '1'], 1 + random(TRANSACTIONS / 2));
  const [transactions = []] = listed(await runJson<InspectDocument>(['inspect', db]), 1);
  expect(transactions).toEqual(transactions.map((_, index) => index + 1));
  expect(transactions.length).toBeGreaterThanOrEqual(acked);
  const replay = new SerialReplay(trace, base);
  replay.applyThrough(transactions.length);
  const report = await runJson<RecoverDocument>(['recover', db]);
  expect(report.sha256).toEqual([replay.sha256()]);
});

test('the demo passes, says so, and leaves nothing behind', async () => {
  const folder = makeFolder();
  const { status, stdout, stderr } = await runProcess(['demo', '--dir', folder, '--seed', '11']);
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/lost 0/);
  expect(stdout).toMatch(/PASS .*seed 11/);
  expect(readdirSync(folder)).toEqual([]);
});

function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
