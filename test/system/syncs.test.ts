// Goal: what is acknowledged is on disk, seen from outside the process. Method: the workload program and `replay` run
// under strace; the order of their system calls is compared with their acknowledgements. Then syncs and writes are made
// to fail, and what was acknowledged before has to be there afterwards.

import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runJson } from '../support/command-line.js';
import { LogTrace, lineAcks, replayAcks } from '../support/log-trace.js';
import { Program, runWorkload, scratchFolder, type WorkloadEvent } from '../support/program.js';
import { readTrace, straceTo, whyNoStrace } from '../support/strace.js';
import { tracePath } from '../support/traces.js';
import { announceSkip, WorkloadCheck } from '../support/workload-check.js';
import type { WorkerOutcome, WorkloadPlan } from '../support/workload-model.js';

const reason = whyNoStrace();
announceSkip('syncs', reason);

const COMMITS = 60;
const WORKERS = 3;

let folder = '';
let db = '';
let acks = '';
let traceFile = '';

beforeEach(() => {
  folder = scratchFolder('syncs');
  db = join(folder, 'made', 'app.db');
  mkdirSync(dirname(db));
  acks = join(folder, 'acks');
  traceFile = join(folder, 'trace');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A workload whose log rotates several times. */
function plan(settings: WorkloadPlan['settings'], more: Partial<WorkloadPlan> = {}): WorkloadPlan {
  return { db, acks, run: 1, workers: WORKERS, commits: COMMITS, windowMax: 4, ...more, settings: { ...settings } };
}

async function traced(what: WorkloadPlan, ...inject: string[]): Promise<{ trace: LogTrace; events: WorkloadEvent[] }> {
  const events = await runWorkload(what, straceTo(traceFile, ...inject));
  return { trace: new LogTrace(readTrace(traceFile), db), events };
}

function outcomesOf(events: readonly WorkloadEvent[]): WorkerOutcome[] {
  return (events.find(({ event }) => event === 'done')?.outcomes ?? []) as WorkerOutcome[];
}

function faultsOfAcks(trace: LogTrace): string[] {
  return lineAcks(trace.calls, acks).flatMap((ack) => trace.faultOfAck(ack) ?? []);
}

async function expectRecovered(check = new WorkloadCheck(db, acks)): Promise<void> {
  expect(await check.recover()).toEqual([]);
  expect(check.lost).toEqual([]);
}

describe.skipIf(reason !== undefined)('the syncs of a log', () => {
  test('under full no commit is acknowledged before a sync that began after the write of its segment', async () => {
    const { trace } = await traced(plan({ fsync: 'full' }));
    expect(lineAcks(trace.calls, acks)).toHaveLength(WORKERS * COMMITS);
    expect(faultsOfAcks(trace)).toEqual([]);
    await expectRecovered();
  });

  test('a log file is named with its header synced, and the name is synced before commits in it are (F06)', async () => {
    const check = new WorkloadCheck(db, acks);
    await runWorkload(plan({ fsync: 'full' }));
    await expectRecovered(check);
    const { trace } = await traced(plan({ fsync: 'full' }, { run: 2, checkpointThrough: check.lastSeq }));
    expect(trace.namings.length).toBeGreaterThan(3);
    expect(trace.namings.flatMap((naming) => trace.faultOfNaming(naming) ?? [])).toEqual([]);
    expect(faultsOfAcks(trace)).toEqual([]);
    await expectRecovered(check);
  });

  test('opening after a crash syncs the copied tail, then the header, then the name', async () => {
    const check = new WorkloadCheck(db, acks);
    await runWorkload(plan({ fsync: 'off' }, { leavesOpen: true }));
    await expectRecovered(check);
    const { trace } = await traced(plan({ fsync: 'full', logFileBytes: 2 ** 20 }, { run: 2, commits: 1 }));
    expect(trace.fileSyncs.length).toBeGreaterThan(2);
    expect(trace.namings.flatMap((naming) => trace.faultOfNaming(naming) ?? [])).toEqual([]);
    expect(faultsOfAcks(trace)).toEqual([]);
    await expectRecovered(check);
  });

  test('the entry of a new log directory is synced before the first acknowledgement', async () => {
    const { trace } = await traced(plan({ fsync: 'full' }, { workers: 1, commits: 1 }));
    const made = trace.calls.find(({ name, paths }) => name.startsWith('mkdir') && paths[0] === trace.directory);
    const [ack] = lineAcks(trace.calls, acks);
    const parent = trace.calls.filter(({ name, paths }) => name === 'fsync' && paths[0] === dirname(db));
    const isBetween = parent.some(({ begin, end, result }) => result === 0 && begin > made!.end && end < ack!.begin);
    expect(isBetween).toBe(true);
  });
});

describe.skipIf(reason !== undefined)('the other policies, and replay', () => {
  test('normal has fewer syncs than segments, and acknowledges behind them just the same', async () => {
    const settings = { fsync: 'normal', epochIntervalMs: 50 } as const;
    const { trace } = await traced(plan(settings, { windowMax: 16, waitsWritten: true }));
    expect(faultsOfAcks(trace)).toEqual([]);
    expect(trace.segmentSyncs.length).toBeGreaterThan(0);
    expect(trace.segmentSyncs.length).toBeLessThan(trace.segments.length);
    await expectRecovered();
  });

  test('off syncs neither a log file nor the directory nor its entry', async () => {
    const { trace } = await traced(plan({ fsync: 'off' }));
    expect(trace.segments.length).toBeGreaterThan(0);
    expect(trace.calls.filter(({ name }) => /sync/.test(name))).toEqual([]);
    await expectRecovered();
  });

  test('replay acknowledges no transaction before the sync of its segment', async () => {
    const ackFile = join(folder, 'replay-acks');
    const inputs = [
      '--base',
      tracePath('torn-tail-4k', 'base.db.gz'),
      '--wal',
      tracePath('torn-tail-4k', 'trace.db-wal.gz'),
    ];
    const options = [
      '--copies',
      '2',
      '--writers',
      '2',
      '--ack-file',
      ackFile,
      '--stop-after',
      '200',
      '--no-checkpoint',
    ];
    const variables = { LANEWAL_LOG_FILE_BYTES: String(2 ** 20) };
    const replay = Program.cli(['replay', ...inputs, '--db', db, ...options], {
      prefix: straceTo(traceFile),
      variables,
    });
    expect(await replay.ended).toMatchObject({ status: 0, stderr: '' });
    const trace = new LogTrace(readTrace(traceFile), db);
    const given = replayAcks(trace.calls, ackFile, await runJson(['inspect', db]));
    expect(given.length).toBeGreaterThan(2);
    expect(given.flatMap((ack) => trace.faultOfAck(ack) ?? [])).toEqual([]);
    expect(trace.namings.flatMap((naming) => trace.faultOfNaming(naming) ?? [])).toEqual([]);
  });
});

describe.skipIf(reason !== undefined)('a log whose system calls fail', () => {
  // Each thread counts its own calls, and the flusher's are all syncs of log files.
  test.each([2, 4])('fails for good when sync number %i fails: outcomes are unknown (F08)', async (when) => {
    const settings = { fsync: 'full', logFileBytes: 2 ** 22 } as const;
    const { trace, events } = await traced(plan(settings, { windowMax: 1 }), `fdatasync:error=EIO:when=${when}`);
    expect(trace.segmentSyncs.filter(({ isInjected }) => isInjected)).toHaveLength(1);
    expect(faultsOfAcks(trace)).toEqual([]);
    expect(events).toContainEqual(expect.objectContaining({ event: 'failed', code: 'ERR_WAL_POISONED' }));
    const outcomes = outcomesOf(events);
    expect(new Set(outcomes.flatMap(({ waitErrors }) => waitErrors))).toEqual(new Set(['ERR_WAL_OUTCOME_UNKNOWN']));
    expect(outcomes.flatMap(({ appendErrors }) => appendErrors).every((code) => code === 'ERR_WAL_POISONED')).toBe(
      true,
    );
    await expectCarriedOn();
  });

  test.each([
    ['fdatasync', 1],
    ['fdatasync', 3],
    ['fsync', 1],
    ['fsync', 2],
  ] as const)('keeps what it acknowledged when %s number %i of each thread fails', async (call, when) => {
    const { trace, events } = await traced(plan({ fsync: 'full' }), `${call}:error=EIO:when=${when}`);
    expect(trace.calls.some(({ isInjected }) => isInjected)).toBe(true);
    expect(faultsOfAcks(trace)).toEqual([]);
    const refused = events.find(({ event }) => event === 'refused');
    if (refused !== undefined) expect(refused).toMatchObject({ code: 'ERR_WAL_IO', cause: 'EIO' });
    await expectCarriedOn();
  });

  test('notices nothing of calls that are interrupted (F13)', async () => {
    const inject = ['pwrite64:error=EINTR:when=2+3', 'fdatasync:error=EINTR:when=2+3'];
    const { trace, events } = await traced(plan({ fsync: 'full' }), ...inject);
    expect(trace.calls.filter(({ isInjected }) => isInjected).length).toBeGreaterThan(2);
    expect(events.filter(({ event }) => event === 'failed' || event === 'stalled' || event === 'refused')).toEqual([]);
    const outcomes = outcomesOf(events);
    expect(outcomes.flatMap(({ waitErrors, appendErrors }) => [...waitErrors, ...appendErrors])).toEqual([]);
    await expectCarriedOn();
  });

  test('a disk that is full for a while stalls it, and nothing is lost when it resumes (F11)', async () => {
    const inject = ['pwrite64:error=ENOSPC:when=4..9', 'pwritev:error=ENOSPC:when=4..9'];
    const { trace, events } = await traced(plan({ fsync: 'full', logFileBytes: 2 ** 20 }), ...inject);
    expect(trace.calls.filter(({ isInjected }) => isInjected).length).toBeGreaterThanOrEqual(6);
    const said = events.map(({ event }) => event);
    expect(said.indexOf('stalled')).toBeGreaterThan(0);
    expect(said.lastIndexOf('resumed')).toBeGreaterThan(said.lastIndexOf('stalled'));
    expect(outcomesOf(events).map(({ acknowledged }) => acknowledged)).toEqual(
      Array.from({ length: WORKERS }, () => COMMITS),
    );
    expect(events.at(-1)).toMatchObject({ event: 'done', closed: 'closed' });
    expect(faultsOfAcks(trace)).toEqual([]);
    await expectRecovered();
  });

  /** What was acknowledged is there, and the log takes commits again. */
  async function expectCarriedOn(): Promise<void> {
    const check = new WorkloadCheck(db, acks);
    await expectRecovered(check);
    const events = await runWorkload(plan({ fsync: 'full' }, { run: 2, workers: 1, commits: 5 }));
    expect(events.at(-1)).toMatchObject({ event: 'done', closed: 'closed' });
    await expectRecovered(check);
  }
});
